"""What frames come from, in one form: a clip, a folder of numbered frames, or a camera."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from matting.video.colours import Colour


@dataclass(frozen=True)
class Frame:
    """A moment of a clip.

    Attributes:
        image: (H, W, 3) RGB uint8, upright, its pixels square.
        stamp: when it is shown, in the source's `time_base`; above that of the frame before.
        duration: in the same unit; 0 where it is not known.
        captured: seconds of `time.monotonic` at which a camera gave it.
    """

    image: np.ndarray
    stamp: int
    duration: int = 0
    captured: float = 0.0


@dataclass
class Findings:
    """What was wrong with a source, known when its frames have been read.

    Attributes:
        damaged: packets that could not be decoded.
        unstamped: frames without a time, which got one from the rate.
        interlaced: frames that hold two moments, line by line.
        resized: frames of another size than the first, which were scaled to it.
        ended: what was said where it ended before its stated end; "" where it did not.
    """

    damaged: int = 0
    unstamped: int = 0
    interlaced: int = 0
    resized: int = 0
    ended: str = ""

    def told(self, name: Any, rate: Fraction) -> list[str]:
        """Return a sentence for everything that was found."""
        found = []
        if self.unstamped:
            found.append(f"{name}: {self.unstamped} frames state no time; they are set {float(rate):g} a second")
        if self.interlaced:
            found.append(
                f"{name}: {self.interlaced} frames are interlaced and taken as they are; deinterlace the clip first "
                "(ffmpeg -i CLIP -vf bwdif RESULT)"
            )
        if self.resized:
            found.append(f"{name}: {self.resized} frames are of another size than the first; they are scaled to it")
        if self.damaged:
            found.append(f"{name}: {self.damaged} packets are damaged and left out; the other frames are there")
        return [*found, f"{name}: {self.ended}"] if self.ended else found


class Source(Protocol):
    """Where frames come from.

    Attributes:
        path: the file or folder; of a camera, its name.
        height, width: of every frame.
        time_base: seconds of one unit of a stamp.
        rate: frames a second, roughly where they come unevenly.
        origin: the stamp at which the source begins.
        seconds: how long it is; None where that is not known.
        colour: how results are to mean their colours.
        is_live: frames come by themselves and are lost if nobody takes them.
    """

    path: Path
    height: int
    width: int
    time_base: Fraction
    rate: Fraction
    origin: int
    seconds: float | None
    colour: Colour
    is_live: bool
    findings: Findings

    def frames(self, after: int | None = None) -> Iterator[Frame]:
        """Yield the frames in order, those alone whose stamp is above `after` if it is given."""
        ...

    def identity(self) -> list[Any]:
        """Return what tells it from others and from its own later contents."""
        ...


@dataclass(frozen=True)
class Span:
    """A part of a source.

    Attributes:
        start, end: seconds from the source's beginning; the end is left out, and None is the source's own.
    """

    start: float = 0.0
    end: float | None = None

    def frames(self, source: Source, after: int | None = None) -> Generator[Frame, None, None]:
        """Yield the source's frames within the span, above the stamp `after` if it is given."""
        first = self.stamps(source)[0]
        before = first - 1 if self.start > 0 else None
        if after is None or (before is not None and before > after):
            after = before
        stop = self.stamps(source)[1]
        for frame in source.frames(after):
            if stop is not None and frame.stamp >= stop:
                return
            yield frame

    def stamps(self, source: Source) -> tuple[int, int | None]:
        """Return the first stamp within, and the first one behind."""
        unit = source.time_base
        start = source.origin + -(-Fraction(self.start).limit_denominator(10**6) // unit)
        if self.end is None:
            return int(start), None
        return int(start), int(source.origin + -(-Fraction(self.end).limit_denominator(10**6) // unit))

    def seconds(self, source: Source) -> float | None:
        """Return how long it is, as far as the source says."""
        ends = [end for end in (self.end, source.seconds) if end is not None]
        return max(min(ends) - self.start, 0.0) if ends else None


@dataclass
class Stamper:
    """Gives every frame a stamp above the last one: its own, or where it has none, one by the rate."""

    step: Fraction
    findings: Findings
    start: int = 0
    _last: int | None = None
    _exact: Fraction = field(default_factory=Fraction)

    def of(self, own: int | None) -> int:
        if own is None:
            self.findings.unstamped += 1
            self._exact = Fraction(self.start) if self._last is None else self._exact + self.step
            own = round(self._exact)
        else:
            self._exact = Fraction(own)
        if self._last is not None and own <= self._last:
            own = self._last + 1
            self._exact = Fraction(own)
        self._last = own
        return own
