"""What a result can be written as: endings, codecs, the encoders that this build of FFmpeg has for them."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType

from matting.errors import MattingError
from matting.registry import nearest
from matting.video.ffmpeg import pyav

_logger = logging.getLogger(__name__)

KINDS = ("alpha", "rgba", "composite")
"""Grey mattes; the foreground with its alpha; the foreground over a background. As `predict.py --save` calls them."""

FRAMES = ".png"
"""The ending that stands for a folder of numbered pictures."""

MUXERS = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
"""Endings of files, and what FFmpeg calls their containers."""

_LOSSY = MappingProxyType({"alpha": "yuv420p", "composite": "yuv420p"})
_EXACT = MappingProxyType({"alpha": "gray", "rgba": "rgba", "composite": "rgb24"})


@dataclass(frozen=True)
class Codec:
    """A way of compressing frames.

    Attributes:
        name: on the command line.
        encoders: FFmpeg's that make it, the best first.
        endings: of the files that hold it.
        pixels: FFmpeg's pixel format for each kind; a kind that is missing cannot be written.
        options: of the encoder.
        quality: what the encoder calls its quality, and the range, best first; none where nothing is lost.
        chosen: the quality of each kind where none is given.
        is_even: takes even sizes only.
    """

    name: str
    encoders: tuple[str, ...]
    endings: tuple[str, ...]
    pixels: Mapping[str, str]
    options: Mapping[str, str]
    quality: tuple[str, int, int] | None = None
    chosen: Mapping[str, int] = field(default_factory=dict)
    is_even: bool = False

    @property
    def encoder(self) -> str | None:
        """The first of its encoders that this build has."""
        return next((name for name in self.encoders if has_encoder(name)), None)


CODECS = {
    codec.name: codec
    for codec in (
        Codec(
            "h264", ("libx264",), (".mp4", ".mov", ".mkv"), _LOSSY, {"preset": "medium"},
            ("crf", 0, 51), {"alpha": 12, "composite": 18}, is_even=True,
        ),
        Codec(
            "vp9", ("libvpx-vp9",), (".webm", ".mkv"), _LOSSY | {"rgba": "yuva420p"},
            # A hidden frame cannot be had together with alpha.
            {"b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1", "auto-alt-ref": "0"},
            ("crf", 0, 63), {"alpha": 15, "rgba": 15, "composite": 24},
        ),
        Codec(
            "prores", ("prores_ks",), (".mov", ".mkv"),
            {"alpha": "yuv422p10le", "rgba": "yuva444p10le", "composite": "yuv422p10le"}, {"alpha_bits": "16"},
        ),
        Codec("ffv1", ("ffv1",), (".mkv",), {"alpha": "gray", "rgba": "bgra", "composite": "bgr0"}, {"level": "3"}),
        Codec("png", ("png",), (FRAMES, ".mov"), _EXACT, {}),
        Codec(
            "mpeg4", ("mpeg4",), (".mp4", ".mov", ".mkv"), _LOSSY, {"flags": "+qscale"},
            ("global_quality", 1, 31), {"alpha": 1, "composite": 3}, is_even=True,
        ),
    )
}  # fmt: skip

_USUAL = {
    ".mp4": {"alpha": "h264", "composite": "h264"},
    ".mov": {"alpha": "h264", "rgba": "prores", "composite": "h264"},
    ".mkv": {"alpha": "ffv1", "rgba": "ffv1", "composite": "h264"},
    ".webm": dict.fromkeys(KINDS, "vp9"),
    FRAMES: dict.fromkeys(KINDS, "png"),
}
"""The codec of every kind in every file, where none is named."""


@cache
def has_encoder(name: str) -> bool:
    """Return whether this build of FFmpeg has an encoder."""
    try:
        pyav().Codec(name, "w")
    except pyav().codec.codec.UnknownCodecError:
        return False
    return True


@dataclass(frozen=True)
class Result:
    """One file, or folder of pictures, that a clip is written as.

    Attributes:
        path: where.
        kind: of `KINDS`.
        codec: of `CODECS`.
        ending: of `MUXERS`, or `FRAMES`.
        quality: the encoder's own number, of codecs that lose something.
    """

    path: Path
    kind: str
    codec: Codec
    ending: str
    quality: int | None

    @classmethod
    def of(cls, path: Path, kind: str, codec: str | None = None, quality: int | None = None) -> Result:
        """Make one from what the command line says; the path's ending, or none for frames, says what is written.

        Raises:
            MattingError: the ending is unknown, cannot hold the kind, or the build lacks the encoder.
        """
        ending = path.suffix.lower() or FRAMES
        if ending not in _USUAL:
            raise MattingError(
                f"{path}: {ending} is no ending that is written; give {', '.join(MUXERS)}, or a folder for PNG frames"
            )
        if kind not in KINDS:
            raise MattingError(f"--save {kind}: it must be one of {', '.join(KINDS)}")
        found = _named(path, ending, kind, codec) if codec else _usual(path, ending, kind)
        return cls(path, kind, found, ending, _checked(found, kind, quality))

    @property
    def pixels(self) -> str:
        """FFmpeg's name of the pixel format."""
        return self.codec.pixels[self.kind]

    def options(self) -> dict[str, str]:
        """Return the encoder's options."""
        options = dict(self.codec.options)
        if self.codec.quality and self.quality is not None:
            lambdas = 118 if self.codec.quality[0] == "global_quality" else 1  # FFmpeg's FF_QP2LAMBDA
            options[self.codec.quality[0]] = str(self.quality * lambdas)
        if self.codec.name == "prores":
            options["profile"] = "4444" if self.kind == "rgba" else "hq"
        options["threads"] = str(os.cpu_count() or 1)
        return options

    def settings(self) -> list[str | int | None]:
        """Return what its content depends on."""
        return [self.path.name, self.kind, self.codec.name, self.codec.encoder, self.ending, self.quality]


def _usual(path: Path, ending: str, kind: str) -> Codec:
    name = _USUAL[ending].get(kind)
    if name is None:
        able = [other for other in _USUAL if kind in _USUAL[other]]
        raise MattingError(
            f"{path}: {ending} holds no transparency, which {kind} needs; give {', '.join(able[:-1])}, a folder for "
            "PNG frames, or a --background (--background lime is a green screen)"
        )
    if CODECS[name].encoder is None:
        others = [codec for codec in CODECS.values() if ending in codec.endings and kind in codec.pixels]
        other = next((codec for codec in others if codec.encoder), None)
        if other is None:
            raise MattingError(f"{path}: {_lacking(CODECS[name])}")
        _logger.info("%s: %s; %s is written", path, _lacking(CODECS[name]), other.name)
        return other
    return CODECS[name]


def _named(path: Path, ending: str, kind: str, name: str) -> Codec:
    if name not in CODECS:
        raise MattingError(f"--codec {name}: {nearest(name, list(CODECS))}")
    codec = CODECS[name]
    if ending not in codec.endings or kind not in codec.pixels:
        able = [
            other.name
            for other in CODECS.values()
            if ending in other.endings and kind in other.pixels and other.encoder
        ]
        raise MattingError(
            f"--codec {name} cannot be {kind} in {path.name}; {', '.join(able) or 'nothing'} can be there"
        )
    if codec.encoder is None:
        raise MattingError(f"--codec {name}: {_lacking(codec)}")
    return codec


def _lacking(codec: Codec) -> str:
    there = [f"{other.name} ({other.encoder})" for other in CODECS.values() if other.encoder]
    return f"this build of FFmpeg lacks {' and '.join(codec.encoders)} for {codec.name}; it has {', '.join(there)}"


def _checked(codec: Codec, kind: str, quality: int | None) -> int | None:
    if codec.quality is None:
        if quality is not None:
            raise MattingError(
                f"--quality {quality}: {codec.name} has no such setting; leave it out, or another --codec"
            )
        return None
    _, best, worst = codec.quality
    if quality is not None and not best <= quality <= worst:
        raise MattingError(f"--quality {quality}: of {codec.name} it is {best} (best) to {worst}")
    return codec.chosen[kind] if quality is None else quality
