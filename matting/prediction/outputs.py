"""What is made of a matte: a cutout, a composite, everything side by side; as pixels, bytes and files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from matting import composite
from matting.choices import ESTIMATES, KINDS
from matting.errors import MattingError
from matting.foreground import estimate_foreground
from matting.pictures.contact_sheet import checkerboard
from matting.pictures.encoding import PNG, Format, encode
from matting.pictures.files import Photograph, quantise
from matting.pictures.naming import check_pattern
from matting.prediction import backgrounds
from matting.prediction.backgrounds import AnyBackground, Background, Scene
from matting.prediction.framing import WHOLE, Frame, Framing
from matting.system import atomic

MASKS = ("alpha", "trimap")
"""The kinds that are grey, and hold no colour of the photograph."""

PATTERN = "{stem}_{kind}.{ext}"
"""What results are called by default."""

_CHECKER = 16
"""Side of a square of the pattern that stands for transparency, in pixels."""

_STRIP_PIXELS = 1 << 18
"""Pixels of a cutout that are put together at a time."""

_PAPER = 245
"""Grey around a photograph that is smaller than what is shown."""


@dataclass(frozen=True)
class Outputs:
    """Which results are made of a photograph and its matte, and how.

    Attributes:
        kinds: of `choices.KINDS`.
        fg_estimate: how the foreground's own colours are found; one of `choices.ESTIMATES`.
        background: behind composites.
        keep_hidden_colours: leave in a cutout the colours that show nowhere, so that the photograph can be had back
            from it. Otherwise they are black where alpha is 0: what was cut away is gone, and the file is smaller.
        format: of the files.
        framing: which part of the photograph is shown, and how large.
        pattern: of the files' names, with `{stem}`, `{kind}` and `{ext}`; folders in it are made.

    Raises:
        MattingError: a kind, an estimate or a pattern is unknown, there is no kind, the format cannot hold one, or two
            would get one name.
    """

    kinds: Sequence[str] = ("alpha", "rgba")
    fg_estimate: str = ESTIMATES[0]
    background: AnyBackground = Background()
    keep_hidden_colours: bool = False
    format: Format = PNG
    framing: Framing = WHOLE
    pattern: str = PATTERN

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise MattingError(f"--save {kind}: it must be one of {', '.join(KINDS)}")
            if not self.format.has_alpha and kind in ("rgba", *MASKS):
                raise MattingError(
                    f"--save {kind}: {self.format.name} holds no transparency and changes values; give --format png, "
                    "webp or tiff, or save composites"
                )
        if not self.kinds:
            raise MattingError(f"--save names nothing; give one or more of {', '.join(KINDS)}")
        if self.fg_estimate not in ESTIMATES:
            raise MattingError(f"--fg_estimate {self.fg_estimate}: it must be one of {', '.join(ESTIMATES)}")
        check_pattern(self.pattern, self.kinds, self.format)

    @classmethod
    def parse(
        cls,
        kinds: Sequence[str],
        fg_estimate: str = ESTIMATES[0],
        background: object = None,
        keep_hidden_colours: bool = False,
        format: Format = PNG,
        framing: Framing = WHOLE,
        pattern: str = PATTERN,
    ) -> Outputs:
        """Make one from what the command line or a program says; no background is white.

        Args:
            background: as for `backgrounds.parse`.

        Raises:
            MattingError: as by the constructor and `backgrounds.parse`, or no kind shows the background.
        """
        behind: AnyBackground = Background()
        if background is not None:
            if "composite" not in kinds:
                shown = background if isinstance(background, (str, Path)) else type(background).__name__
                raise MattingError(
                    f"--background {shown} is shown by composites alone, and --save names {', '.join(kinds)}; add "
                    "composite to --save, or leave --background out"
                )
            behind = backgrounds.parse(background)
        return cls(kinds, fg_estimate, behind, keep_hidden_colours, format, framing, pattern)

    def paths(self, stem: Path) -> dict[str, Path]:
        """Return the file of every kind for a photograph whose results begin with `stem`."""
        return {
            kind: stem.parent / self.pattern.format(stem=stem.name, kind=kind, ext=self.format.ending)
            for kind in self.kinds
        }

    def settings(self, kind: str) -> dict[str, Any]:
        """Return what a kind's file depends on besides the matte and the photograph, as plain values.

        Format and framing are left out where they are the usual ones.
        """
        own: dict[str, Any] = self.framing.settings()
        if self.format != PNG:
            own |= self.format.settings()
        if kind in MASKS:
            return own
        own |= {"fg_estimate": self.fg_estimate, "keep_hidden_colours": self.keep_hidden_colours}
        return own | ({"background": self.background.identity()} if kind == "composite" else {})

    def render(
        self, photograph: Photograph, alpha: np.ndarray, trimap: np.ndarray | None = None, name: str = ""
    ) -> dict[str, np.ndarray]:
        """Return the pixels of every kind.

        Args:
            photograph: its own pixels are shown, (H, W, 3) uint8.
            alpha: (H, W) float32 in [0, 1].
            trimap: (H, W) uint8, which the kind of that name needs.
            name: of the photograph, by which one of a folder of backgrounds is chosen.

        Returns:
            By kind: (h, w) a matte and a trimap, (h, w, 4) a cutout with straight colours, (h, w, 3) the others, in the
            colours of the photograph's profile; uint8. In a format that holds 16 bits of alpha, matte and cutout are
            uint16.

        Raises:
            MattingError: the background cannot be read.
        """
        return dict(self._rendered(photograph, alpha, trimap, name))

    def encode(
        self, photograph: Photograph, alpha: np.ndarray, trimap: np.ndarray | None = None, name: str = ""
    ) -> dict[str, bytes]:
        """Return the content of the file of every kind; arguments as for `render`.

        Raises:
            MattingError: as `render`, or the format cannot hold a picture of this size.
        """
        return {kind: bytes(content) for kind, content in self._encoded(photograph, alpha, trimap, name)}

    def write(
        self, folder: Path, name: str, photograph: Photograph, alpha: np.ndarray, trimap: np.ndarray | None = None
    ) -> dict[str, os.stat_result]:
        """Write all files of a photograph, each whole or not at all; arguments as for `render`.

        Args:
            name: what the results are called below `folder`, by the pattern.

        Returns:
            The state of each file as it was written, by its path below `folder`, with forward slashes.

        Raises:
            MattingError: as `encode`, or a file cannot be written.
        """
        paths = self.paths(Path(name))
        return {
            paths[kind].as_posix(): atomic.write_bytes(folder / paths[kind], content)
            for kind, content in self._encoded(photograph, alpha, trimap, name)
        }

    def _encoded(
        self, photograph: Photograph, alpha: np.ndarray, trimap: np.ndarray | None, name: str
    ) -> Iterator[tuple[str, bytes | memoryview]]:
        for kind, pixels in self._rendered(photograph, alpha, trimap, name):
            yield kind, encode(pixels, self.format, photograph.metadata)

    def _rendered(
        self, photograph: Photograph, alpha: np.ndarray, trimap: np.ndarray | None, name: str
    ) -> Iterator[tuple[str, np.ndarray]]:
        """Yield one kind after the other, so that no more than one is held."""
        bits = self.format.alpha_bits
        whole = quantise(alpha, bits)
        frame = self.framing.frame(whole if bits == 8 else quantise(alpha), name)
        foreground, matte = self._framed(photograph.own, whole, frame)
        for kind in self.kinds:
            if kind == "trimap":
                if trimap is None:
                    raise MattingError("--save trimap: none was drawn; leave it out")
                yield kind, frame.show_trimap(trimap)
            elif kind == "alpha" or foreground is None:
                yield kind, matte
            elif kind == "rgba":
                yield kind, self._cutout(foreground, matte)
            elif kind == "composite":
                scene = Scene(photograph.own, _unit(whole), frame, photograph.metadata.profile, name)
                yield kind, composite.composite(foreground, _unit(matte), self.background.behind(scene))
            else:
                yield kind, _side_by_side(frame.show(photograph.own, _PAPER), foreground, _unit(matte))

    def _framed(self, own: np.ndarray, whole: np.ndarray, frame: Frame) -> tuple[np.ndarray | None, np.ndarray]:
        """Return the foreground, if a kind shows it, and the matte, as they are shown.

        The matte's floating point is not handed on: of a large picture it is more than the picture.
        """
        weight, foreground = _unit(whole), None
        if set(self.kinds) - set(MASKS):
            foreground = estimate_foreground(own, weight, self.fg_estimate)
            foreground, weight = frame.show_subject(foreground, weight)
        else:
            weight = frame.show(weight)
        return foreground, quantise(weight, self.format.alpha_bits) if frame.scales() else frame.show(whole)

    def _cutout(self, foreground: np.ndarray, matte: np.ndarray) -> np.ndarray:
        """Return (H, W, 4), of the matte's depth."""
        result = np.empty((*matte.shape, 4), matte.dtype)
        full = np.iinfo(matte.dtype).max
        rows = max(1, _STRIP_PIXELS // matte.shape[1])
        for top in range(0, matte.shape[0], rows):
            strip = slice(top, top + rows)
            shown = matte[strip]
            colours = foreground[strip] if full == 255 else foreground[strip] * np.uint16(257)  # 255 becomes 65,535
            planes = cv2.split(colours)  # several times faster than pixel by pixel
            if not self.keep_hidden_colours:
                shows = (shown > 0) * matte.dtype.type(full)
                planes = [cv2.bitwise_and(plane, shows) for plane in planes]
            cv2.merge([*planes, shown], result[strip])
        return result


def _unit(matte: np.ndarray) -> np.ndarray:
    """Return a matte of 8 or 16 bits as float32 in [0, 1]."""
    values = matte.astype(np.float32)
    values /= np.iinfo(matte.dtype).max  # where they lie, for of a large picture they are most of the memory
    return values


def _side_by_side(image: np.ndarray, foreground: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    height, width = alpha.shape
    shown = composite.composite(foreground, alpha, checkerboard(height, width, _CHECKER))
    return np.hstack((image, np.dstack([quantise(alpha)] * 3), shown))
