"""A camera whose newest frame is taken: those that nobody had time for are dropped, so that none comes late."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from matting.errors import MattingError
from matting.video.colours import Colour
from matting.video.source import Findings, Frame

_PATIENCE = 5.0
"""Seconds after which a camera that gives nothing is given up."""


class Grabber(Protocol):
    """What `cv2.VideoCapture` offers of a camera."""

    def read(self) -> tuple[bool, Any]: ...

    def get(self, which: int) -> float: ...

    def release(self) -> None: ...


class Camera:
    """The camera of a number; `Source` says what it offers.

    A thread takes every frame as it comes and keeps the newest one alone. Stamps are milliseconds since the first.

    Args:
        grab: opens a camera by its number.

    Attributes:
        dropped: frames that were replaced before anybody took them.

    Raises:
        MattingError: the camera cannot be read.
    """

    is_live, origin = True, 0
    seconds: float | None = None
    time_base = Fraction(1, 1000)

    def __init__(self, number: int, grab: Callable[[int], Grabber] | None = None) -> None:
        self.path, self.colour, self.findings = Path(f"camera {number}"), Colour(), Findings()
        self.dropped = 0
        self._grabber = (grab or _open)(number)
        answers, first = self._grabber.read()
        if not answers or first is None:
            self._grabber.release()
            raise MattingError(
                f"--camera {number} gives no picture: there is none of this number, it is in use, or you have no right "
                "to it (on Linux, /dev/video*); give another number, or a clip"
            )
        self.height, self.width = first.shape[:2]
        rate = self._grabber.get(cv2.CAP_PROP_FPS)
        self.rate = Fraction(rate).limit_denominator(1001) if 1 <= rate <= 1000 else Fraction(30)
        self._newest: tuple[float, np.ndarray] | None = None
        self._changed, self._stopped = threading.Condition(), False

    def identity(self) -> list[Any]:
        return [str(self.path)]

    def frames(self, after: int | None = None) -> Iterator[Frame]:
        """Yield the newest frame whenever one is asked for, each at most once; the camera is released at the end."""
        thread = threading.Thread(target=self._read, daemon=True)
        thread.start()
        begun, last = None, -1
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._newest is not None or self._stopped, _PATIENCE)
                    taken, self._newest = self._newest, None
                if taken is None:
                    self.findings.ended = "the camera gives no more pictures"
                    return
                captured, image = taken
                begun = captured if begun is None else begun
                last = max(last + 1, round((captured - begun) * 1000))
                yield Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), last, 0, captured)
        finally:
            self._stopped = True
            thread.join(_PATIENCE)
            self._grabber.release()

    def _read(self) -> None:
        while not self._stopped:
            answers, image = self._grabber.read()
            with self._changed:
                if not answers:
                    self._stopped = True
                else:
                    self.dropped += self._newest is not None
                    self._newest = time.monotonic(), image
                self._changed.notify()


def _open(number: int) -> Grabber:
    # What OpenCV tells of a camera that is not there, in its own words, the caller says in a sentence.
    logging = cv2.utils.logging
    before = logging.getLogLevel()
    logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        return cv2.VideoCapture(number)
    finally:
        logging.setLogLevel(before)
