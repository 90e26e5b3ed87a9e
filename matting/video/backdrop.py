"""What lies behind the foreground from frame to frame: a still background, or another clip, looped."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from matting.errors import MattingError
from matting.pictures.listing import IMAGE_EXTENSIONS
from matting.prediction import backgrounds
from matting.prediction.backgrounds import AnyBackground, Background, Blur, Scene
from matting.video.clip import Clip

Backdrop = Callable[[Scene, float], np.ndarray]
"""Takes a frame with its matte, and its seconds, and gives what lies behind: (H, W, 3) RGB uint8."""


def parse(text: str) -> tuple[Backdrop, list[Any]]:
    """Return the backdrop that the command line names, and what tells it from others.

    A file with another ending than a picture's is a clip; anything else is what `backgrounds.parse` takes. Of a folder
    of pictures, the whole clip gets the one that its name chooses.

    Raises:
        MattingError: it is neither.
    """
    path = Path(text)
    if text and path.is_file() and path.suffix.lower() not in IMAGE_EXTENSIONS:
        moving = Moving(Clip(path))
        return moving, moving.clip.identity()
    background = backgrounds.parse(text)
    return Still(background), [background.identity()]


class Still:
    """A background of which the whole clip gets one picture; what blurs a frame blurs each."""

    def __init__(self, background: AnyBackground) -> None:
        self._background = background
        self._fitted: np.ndarray | None = None

    def __call__(self, scene: Scene, seconds: float) -> np.ndarray:
        if isinstance(self._background, Blur):
            return self._background.behind(scene)
        if self._fitted is None:
            self._fitted = self._background.behind(scene)
        return self._fitted


class Moving:
    """A clip that plays behind another one, at its own speed, from its beginning again behind its end.

    Called with seconds that grow from call to call.
    """

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self._lap = Fraction(0)
        self._walk = clip.frame_times()
        self._last, self._shown = self._first()
        self._start = self._last
        self._made: tuple[Any, np.ndarray] | None = None
        self._next: tuple[Fraction, Any] | None = None

    def __call__(self, scene: Scene, seconds: float) -> np.ndarray:
        while self._next is None or self._next[0] <= seconds:
            if self._next is not None:
                self._shown = self._next[1]
            self._advance()
        size = scene.matte.shape
        if self._made is None or self._made[0] is not self._shown or self._made[1].shape[:2] != size:
            self._made = self._shown, Background(picture=self._shown()).of_size(*size)
        return self._made[1]

    def _first(self) -> tuple[int, Any]:
        first = next(self._walk, None)
        if first is None:
            raise MattingError(f"--background {self.clip.path}: not one of its frames can be decoded")
        return first

    def _advance(self) -> None:
        """Take the next frame, of the next lap where the clip has ended."""
        found = next(self._walk, None)
        if found is None:
            step = max(round(1 / (self.clip.rate * self.clip.time_base)), 1)
            self._lap += (self._last + step - self._start) * self.clip.time_base
            self._walk = self.clip.frame_times()
            found = self._first()
        self._last = found[0]
        self._next = self._lap + (self._last - self._start) * self.clip.time_base, found[1]
