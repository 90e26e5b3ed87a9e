"""A clip in a file, frame by frame in constant memory: exact times, upright, square pixels, right colours."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from matting.errors import MattingError
from matting.pictures.files import IMAGE_EXTENSIONS, to_alpha
from matting.video.colours import colour_of, to_matte, to_rgb
from matting.video.library import pyav
from matting.video.orientation import display_matrix, turned
from matting.video.source import Findings, Frame, Stamper

_GUESS = Fraction(25)
"""Frames a second of a clip that states neither a rate nor times."""

_SEEING = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""The decoders that see alpha, by those that do not."""

_SHORT = 0.5
"""Seconds by which a clip may end before the end that it states; containers round, and sound is often longer."""

_PLAYED = {".mp4": ("h264", "av1", "vp9"), ".m4v": ("h264",), ".webm": ("vp8", "vp9", "av1", "libvpx-vp9")}
"""Codecs that all browsers play, by the ending of the file."""

_STILL = ("image2", "_pipe")
"""How FFmpeg's readers of single pictures are called."""


class Clip:
    """A file that holds moving pictures; `Source` says what it offers.

    Raises:
        MattingError: it is missing, no clip, a still picture, or none of its frames can be decoded.
    """

    is_live = False

    def __init__(self, path: Path) -> None:
        self.path, self.findings = path, Findings()
        with self.opened() as container:
            stream = _video(container, path)
            try:
                first = next(self._decoded(container, stream), None)
            except pyav().FFmpegError as error:
                raise MattingError(f"{path} cannot be decoded: {error.strerror}") from None
            self.time_base = Fraction(stream.time_base)
            self.rate = Fraction(stream.average_rate or stream.guessed_rate or _GUESS)
            self.seconds = _seconds(container, stream)
            self.origin = _origin(container, stream)
            if first is None:
                raise MattingError(f"{path}: not one frame of its video can be decoded; it is damaged or cut short")
            self.colour = colour_of(first)
            self._stored, self._matrix = (first.width, first.height), display_matrix(first)
            self._aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
            self.height, self.width = self._upright(first).shape[:2]
        self.findings = Findings()

    def opened(self) -> Any:
        """Return the file opened by FFmpeg, as a context."""
        if self.path.is_dir():
            raise MattingError(f"{self.path} is a folder; a clip is a file, and frames in a folder need numbered names")
        if not self.path.is_file():
            raise MattingError(f"{self.path} does not exist; give a clip, a folder of numbered frames, or --camera 0")
        try:
            container = pyav().open(str(self.path), metadata_errors="replace")
        except (pyav().FFmpegError, ValueError) as error:
            if self.path.suffix.lower() in IMAGE_EXTENSIONS:
                raise MattingError(f"{self.path} is a picture; matting predict cuts out pictures") from None
            said = getattr(error, "strerror", None) or error
            raise MattingError(
                f"{self.path} is no clip that FFmpeg reads, or lacks its beginning or end: {said}"
            ) from None
        if any(word in container.format.name for word in _STILL):
            container.close()
            raise MattingError(f"{self.path} is a picture; matting predict cuts out pictures")
        return container

    def identity(self) -> list[Any]:
        status = os.stat(self.path)
        return [os.path.realpath(self.path), status.st_size, status.st_mtime_ns]

    def plays_in_browsers(self) -> bool:
        """Return whether browsers play the file, by its ending and how its pictures are compressed."""
        with self.opened() as container:
            decoder = _video(container, self.path).codec_context
            plain = decoder.pix_fmt in ("yuv420p", "yuvj420p", "yuva420p")
            return self.path.suffix.lower() in _PLAYED and decoder.name in _PLAYED[self.path.suffix.lower()] and plain

    def frames(self, after: int | None = None) -> Iterator[Frame]:
        """Yield the frames in order; what was wrong is in `findings` behind the last one."""
        self.findings = Findings()
        for raw, stamp in self._stamped(after):
            yield Frame(self._upright(raw), stamp, raw.duration or 0)

    def frame_times(self) -> Iterator[tuple[int, Any]]:
        """Yield stamps, and what makes the picture of each when it is called: for who does not need them all."""
        for raw, stamp in self._stamped(None):
            yield stamp, lambda raw=raw: self._upright(raw)

    def mattes(self) -> Iterator[np.ndarray]:
        """Yield the mattes of a clip that holds mattes, its alpha or its grey: (H, W) float32 in [0, 1].

        Raises:
            MattingError: it is in colour and has no alpha.
        """
        for raw, stamp in self._stamped(None):
            yield to_alpha(self._upright(raw, to_matte), f"{self.path} at {float(stamp * self.time_base):.2f} s")

    def _stamped(self, after: int | None) -> Iterator[tuple[Any, int]]:
        """Yield decoded frames with their stamps, from a key frame before `after` on where the file lets one jump."""
        if after is not None:
            for at_once in (True, False):
                with self.opened() as container:
                    walk = self._walk(container, after if at_once else None)
                    first = next(walk, None)
                    # A jump may land behind its aim, where an index lies, and times made up count from the start.
                    if at_once and (first is None or first[1] > after + 1 or self.findings.unstamped):
                        self.findings = Findings()
                        continue
                    yield from (found for found in (first, *()) if found is not None and found[1] > after)
                    yield from (found for found in walk if found[1] > after)
                    return
        with self.opened() as container:
            yield from self._walk(container, None)

    def _walk(self, container: Any, aim: int | None) -> Iterator[tuple[Any, int]]:
        stream = _video(container, self.path)
        if aim is not None:
            try:
                container.seek(aim, stream=stream, backward=True)
            except pyav().FFmpegError:
                return
        stamper = Stamper(1 / (self.rate * self.time_base), self.findings, self.origin)
        end = 0
        for raw in self._decoded(container, stream):
            stamp = stamper.of(raw.pts)
            end = stamp + (raw.duration or 0)
            yield raw, stamp
        reached = float((end - self.origin) * self.time_base)
        stated = self.seconds
        if self.findings.ended or (stated is not None and reached < stated - _SHORT):
            because = f" ({self.findings.ended})" if self.findings.ended else ""
            length = f" of {stated:.2f} s" if stated is not None else ""
            self.findings.ended = f"cut short: it ends at {reached:.2f} s{length}{because}"

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yield what can be decoded; damage is counted, and an end that comes too early is noted."""
        error_type = pyav().FFmpegError
        packets, decoder = container.demux(stream), _decoder(stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except error_type as error:
                self.findings.ended = error.strerror
                packet = None
            try:
                frames = decoder.decode(packet)
            except error_type:
                self.findings.damaged += 1
                frames = []
            yield from frames
            if packet is None:
                return

    def _upright(self, raw: Any, convert: Callable[[Any, int, int], np.ndarray] = to_rgb) -> np.ndarray:
        """Return a decoded frame as it is to be seen, (H, W, 3) RGB uint8 if not else said, of the clip's one size."""
        width, height = self._stored
        if (raw.width, raw.height) != self._stored:
            self.findings.resized += 1
        if self._aspect > 1:
            width = round(width * self._aspect)
        else:
            height = round(height / self._aspect)
        return turned(convert(raw, width, height), self._matrix)


def _decoder(stream: Any) -> Any:
    """Return what decodes a stream: of VP9 with alpha, whose alpha FFmpeg's own decoder passes over, that of libvpx."""
    context = stream.codec_context
    stated = {name.lower(): value for name, value in stream.metadata.items()}
    if stated.get("alpha_mode") != "1" or context.name not in _SEEING:
        return context
    return pyav().CodecContext.create(_SEEING[context.name], "r")


def _video(container: Any, path: Path) -> Any:
    """Return the stream of moving pictures; the cover of a song is none."""
    for stream in container.streams.video:
        if not stream.disposition & pyav().stream.Disposition.attached_pic and stream.codec_context is not None:
            stream.thread_type = "AUTO"
            return stream
    raise MattingError(f"{path} holds no video, only {_held(container)}; give a clip with pictures")


def _held(container: Any) -> str:
    kinds = sorted({"a cover" if stream.type == "video" else stream.type for stream in container.streams})
    return " and ".join(kinds) or "nothing"


def _seconds(container: Any, stream: Any) -> float | None:
    """Return how long the video is said to be: by its own stream, by a tag of Matroska, or by the file."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    hours, colon, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, colon, seconds = rest.partition(":")
    try:
        if colon:
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except ValueError:
        pass
    return container.duration / 1_000_000 if container.duration else None


def _origin(container: Any, stream: Any) -> int:
    """Return the stamp at which the file begins, where any of its streams does, in the video's units.

    A file whose times begin before 0 (the lead-in of AAC) begins at 0.
    """
    starts = [
        other.start_time * other.time_base
        for other in container.streams
        if other.start_time is not None and other.time_base and other.type in ("video", "audio")
    ]
    return int(max(min(starts, default=Fraction(0)), Fraction(0)) // stream.time_base)
