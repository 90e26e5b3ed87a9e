"""A clip in a file, frame by frame in constant memory: exact times, upright, square pixels, right colours."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from matting.errors import MattingError
from matting.pictures.files import PIXEL_LIMIT, to_alpha
from matting.video.colours import colour_of, to_matte, to_rgb
from matting.video.container import decoder_of, opened, video_of
from matting.video.ffmpeg import pyav
from matting.video.orientation import display_matrix, turned
from matting.video.source import Findings, Frame, Stamper

_GUESS = Fraction(25)
"""Frames a second of a clip that states neither a rate nor times."""

_SHORT = 0.5
"""Seconds by which a clip may end before the end that it states; containers round, and sound is often longer."""

_PLAYED = {".mp4": ("h264", "av1", "vp9"), ".m4v": ("h264",), ".webm": ("vp8", "vp9", "av1", "libvpx-vp9")}
"""Codecs that all browsers play, by the ending of the file."""


class Clip:
    """A file that holds moving pictures; `Source` says what it offers.

    Raises:
        MattingError: it is missing, no clip, a still picture, or none of its frames can be decoded.
    """

    is_live = False

    def __init__(self, path: Path) -> None:
        self.path, self.findings = path, Findings()
        with self.opened() as container:
            stream = video_of(container, path)
            self._aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
            self._check_size(stream.codec_context)
            try:
                first = next(self._decoded(container, stream), None)
            except pyav().FFmpegError as error:
                raise MattingError(f"{path} cannot be decoded: {error.strerror}") from None
            self.time_base = Fraction(stream.time_base)
            self.rate = Fraction(stream.average_rate or stream.guessed_rate or _GUESS)
            self.seconds, self._stated = _seconds(container, stream)
            self.origin = _origin(container, stream)
            if first is None:
                raise MattingError(f"{path}: not one frame of its video can be decoded; it is damaged or cut short")
            self.colour = colour_of(first)
            self._stored, self._matrix = (first.width, first.height), display_matrix(first)
            self._check_size(first)
            self.height, self.width = self._upright(first).shape[:2]
        self.findings = Findings()

    def opened(self) -> Any:
        """Return the file opened by FFmpeg, as a context."""
        return opened(self.path)

    def identity(self) -> list[Any]:
        status = os.stat(self.path)
        return [os.path.realpath(self.path), status.st_size, status.st_mtime_ns]

    def plays_in_browsers(self) -> bool:
        """Return whether browsers play the file, by its ending and how its pictures are compressed."""
        with self.opened() as container:
            decoder = video_of(container, self.path).codec_context
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
        stream = video_of(container, self.path)
        if aim is not None:
            try:
                container.seek(aim, stream=stream, backward=True)
            except pyav().FFmpegError:
                return
        stamper = Stamper(1 / (self.rate * self.time_base), self.findings, self.origin)
        end = 0
        for raw in self._decoded(container, stream):
            stamp = stamper.of(raw.pts)
            self.findings.interlaced += bool(raw.interlaced_frame)
            end = stamp + (raw.duration or 0)
            yield raw, stamp
        reached = float((end - self.origin) * self.time_base)
        stated = self._stated
        if self.findings.ended or (stated is not None and reached < stated - _SHORT):
            because = f" ({self.findings.ended})" if self.findings.ended else ""
            length = f" of {stated:.2f} s" if stated is not None else ""
            self.findings.ended = f"cut short: it ends at {reached:.2f} s{length}{because}"

    def _decoded(self, container: Any, stream: Any) -> Iterator[Any]:
        """Yield what can be decoded; damage is counted, and an end that comes too early is noted."""
        error_type = pyav().FFmpegError
        packets, decoder = container.demux(stream), decoder_of(stream)
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

    def _check_size(self, seen: Any) -> None:
        """Refuse frames, or a decoder's, that would unfold to more than the memory holds."""
        width, height = _squared(seen.width, seen.height, self._aspect)
        if width * height > PIXEL_LIMIT:
            raise MattingError(
                f"{self.path} is {seen.width}x{seen.height} ({width}x{height} with square pixels); a frame may have "
                f"{PIXEL_LIMIT:,} pixels: make it smaller"
            )

    def _upright(self, raw: Any, convert: Callable[[Any, int, int], np.ndarray] = to_rgb) -> np.ndarray:
        """Return a decoded frame as it is to be seen, (H, W, 3) RGB uint8 if not else said, of the clip's one size."""
        width, height = self._stored
        if (raw.width, raw.height) != self._stored:
            self.findings.resized += 1
        width, height = _squared(width, height, self._aspect)
        return turned(convert(raw, width, height), self._matrix)


def _squared(width: int, height: int, aspect: Fraction) -> tuple[int, int]:
    """Return the size of a frame whose pixels become square; none of its sides gets shorter."""
    return (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))


def _seconds(container: Any, stream: Any) -> tuple[float | None, float | None]:
    """Return how long the clip is said to be, and how long its pictures alone are: by their stream or Matroska's tag.

    Where neither is there the file's length is taken, which with sound may be that of sound that goes on.
    """
    if stream.duration:
        own = float(stream.duration * stream.time_base)
        return own, own
    hours, colon, rest = stream.metadata.get("DURATION", "").partition(":")
    minutes, colon, seconds = rest.partition(":")
    try:
        own = int(hours) * 3600 + int(minutes) * 60 + float(seconds) if colon else math.nan
    except ValueError:
        own = math.nan
    if math.isfinite(own):
        return own, own
    whole = container.duration / 1_000_000 if container.duration else None
    return whole, whole if len(container.streams) == 1 else None


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
