"""Mattes of clips made steady in time, for networks that see each frame by itself: by one frame's delay, or by flow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import cv2
import numpy as np

from matting.errors import MattingError

Framed = tuple[np.ndarray, np.ndarray]
"""A frame, (H, W, 3) RGB uint8, and its matte, (H, W) float32 in [0, 1]."""

EPSILON = 0.1
"""How far alpha may move and still agree (Ke et al., arXiv 2011.11961, section 4.4)."""

_AROUND = 5
"""Pixels of a side of the neighbourhood in which corrections shall agree."""

_FAINT = np.float32(1e-4)
"""A correction that nobody sees, against a division by nothing."""

_LEAST = 16
"""Pixels of a side below which no motion is found."""


class Steadier(Protocol):
    """Takes the mattes of a clip in turn and gives each back once, in the same order, some of them frames later."""

    def push(self, image: np.ndarray, alpha: np.ndarray) -> list[Framed]:
        """Take a frame and its matte; return those that are ready, the frame as it came and its matte made steady.

        Raises:
            MattingError: the matte is of another size than its frame.
        """
        ...

    def finish(self) -> list[Framed]:
        """Return what has been held back; the next frame begins another clip."""
        ...


class OneFrameDelay:
    """A pixel whose neighbours in time agree, while it agrees with neither, takes their mean: flicker of one frame.

    The MODNet authors' one-frame delay (Ke et al., arXiv 2011.11961, section 4.4). Holds one frame back.

    Args:
        epsilon: see `EPSILON`.
    """

    def __init__(self, epsilon: float = EPSILON) -> None:
        self._epsilon = epsilon
        self._held: list[Framed] = []

    def push(self, image: np.ndarray, alpha: np.ndarray) -> list[Framed]:
        """See `Steadier`."""
        _check(image, alpha)
        if self._held and self._held[-1][1].shape != alpha.shape:
            return [*self.finish(), *self.push(image, alpha)]
        self._held.append((image, alpha))
        if len(self._held) < 3:
            # Of the first frame nothing before is known: it goes as it is.
            return self._held[:1] if len(self._held) == 2 else []
        (_, before), (shown, middle), (_, after) = self._held
        del self._held[0]
        return [(shown, self._steady(before, middle, after))]

    def finish(self) -> list[Framed]:
        """See `Steadier`."""
        left = self._held[-1:]
        self._held = []
        return left

    def _steady(self, before: np.ndarray, middle: np.ndarray, after: np.ndarray) -> np.ndarray:
        epsilon = self._epsilon
        flickers = cv2.absdiff(before, after) <= epsilon
        flickers &= (cv2.absdiff(middle, before) > epsilon) & (cv2.absdiff(middle, after) > epsilon)
        return np.where(flickers, (before + after) / 2, middle)


class FlowFusion:
    """A matte takes the mean with those of the frames before and after, brought along the optical flow.

    Motion is found between the cutouts at a small size, before black, so that it is the person's and not the
    background's (DIS: Kroeger et al., arXiv 1603.03590). A neighbour counts as far as its motion can be trusted: as it
    leads back to where it came from, and to pixels of the same colour. Holds one frame back.

    Args:
        side: of the frames between which motion is found, the longer one, in pixels.
        astray: how far, in those pixels, the way there and back may end from its beginning.
        colours: how far apart, in levels of 255, the colours at both ends may be.
    """

    def __init__(self, side: int = 320, astray: float = 1.0, colours: float = 40.0) -> None:
        self._side, self._astray, self._colours = side, astray, colours
        self._finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._held: _Seen | None = None
        self._before: _Neighbour | None = None

    def push(self, image: np.ndarray, alpha: np.ndarray) -> list[Framed]:
        """See `Steadier`."""
        _check(image, alpha)
        now, held = _Seen(image, alpha, self._side), self._held
        if held is None or held.alpha.shape != alpha.shape:
            ready = self.finish()
            self._held = now
            return ready
        there, back = self._motion(held, now), self._motion(now, held)
        ready = [self._fused(held, self._neighbour(held, now, there, back))]
        self._held, self._before = now, self._neighbour(now, held, back, there)
        return ready

    def finish(self) -> list[Framed]:
        """See `Steadier`."""
        ready = [self._fused(self._held)] if self._held else []
        self._held = self._before = None
        return ready

    def _motion(self, shown: _Seen, other: _Seen) -> np.ndarray:
        """Return how far each pixel of the small frame moves to the other one, (h, w, 2) float32: right, down."""
        return self._finder.calc(shown.look, other.look, None)  # type: ignore[call-overload]

    def _fused(self, shown: _Seen, after: _Neighbour | None = None) -> Framed:
        total, weight = shown.alpha, np.ones((), np.float32)
        for neighbour in (self._before, after):
            if neighbour is not None:
                total = total + neighbour.trust * neighbour.alpha
                weight = weight + neighbour.trust
        correction = total / weight - shown.alpha
        return shown.image, shown.alpha + _agreement(correction) * correction

    def _neighbour(self, shown: _Seen, other: _Seen, motion: np.ndarray, back: np.ndarray) -> _Neighbour:
        """Return another frame's matte where its pixels are in this one, and how far to trust it."""
        places = _moved(motion)
        astray = (motion + _brought(back, places)) ** 2
        colours = cv2.absdiff(shown.small, _brought(other.small, places)).astype(np.float32) ** 2
        doubt = astray.sum(axis=2) / self._astray**2 + cv2.blur(colours.mean(axis=2), (3, 3)) / self._colours**2
        height, width = motion.shape[:2]
        inside = (places >= 0).all(axis=2) & (places <= (width - 1, height - 1)).all(axis=2)
        trust = cv2.resize(np.exp(-doubt) * inside.astype(np.float32), shown.alpha.shape[::-1])
        ratio = np.array([shown.alpha.shape[1] / width, shown.alpha.shape[0] / height], np.float32)
        full = cv2.resize(motion, shown.alpha.shape[::-1]) * ratio
        return _Neighbour(_brought(other.alpha, _moved(full)), trust)


class InTurn:
    """One steadier behind the other.

    Args:
        first, second: the second takes what the first gives.
    """

    def __init__(self, first: Steadier, second: Steadier) -> None:
        self._first, self._second = first, second

    def push(self, image: np.ndarray, alpha: np.ndarray) -> list[Framed]:
        """See `Steadier`."""
        return self._onward(self._first.push(image, alpha))

    def finish(self) -> list[Framed]:
        """See `Steadier`."""
        return [*self._onward(self._first.finish()), *self._second.finish()]

    def _onward(self, ready: list[Framed]) -> list[Framed]:
        return [after for frame in ready for after in self._second.push(*frame)]


class _Seen:
    """A frame with its matte, its small copy, and its cutout in grey, in which motion is looked for."""

    def __init__(self, image: np.ndarray, alpha: np.ndarray, side: int) -> None:
        self.image, self.alpha = image, alpha
        ratio = side / max(alpha.shape)
        size = (max(round(alpha.shape[1] * ratio), _LEAST), max(round(alpha.shape[0] * ratio), _LEAST))
        self.small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        shown = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
        self.look = np.rint(cv2.cvtColor(self.small, cv2.COLOR_RGB2GRAY) * shown).astype(np.uint8)


@dataclass(frozen=True)
class _Neighbour:
    """A matte brought to another frame, and from 0 to 1 how far to trust it, pixel by pixel."""

    alpha: np.ndarray
    trust: np.ndarray


def _agreement(correction: np.ndarray) -> np.ndarray:
    """Return from 0 to 1 how far the corrections around each pixel have one sign, (H, W) float32.

    Flicker lifts or lowers a whole patch; where motion misses by a fraction of a pixel, one side of an edge rises and
    the other sinks, and a mean would only blur it.
    """
    around = (_AROUND, _AROUND)
    return np.abs(cv2.blur(correction, around)) / (cv2.blur(np.abs(correction), around) + _FAINT)


def _moved(motion: np.ndarray) -> np.ndarray:
    """Return where every pixel goes, (H, W, 2) float32: column, row."""
    height, width = motion.shape[:2]
    return motion + _grid(height, width)


@lru_cache(maxsize=4)
def _grid(height: int, width: int) -> np.ndarray:
    return np.dstack(np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32)))


def _brought(layer: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return a layer's values at those places."""
    return cv2.remap(layer, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]


def _check(image: np.ndarray, alpha: np.ndarray) -> None:
    if image.shape[:2] != alpha.shape:
        raise MattingError(f"the matte is {alpha.shape} but its frame is {image.shape[:2]}; the sizes must agree")


WAYS: dict[str, Callable[[], Steadier]] = {
    "delay": OneFrameDelay,
    "flow": lambda: InTurn(OneFrameDelay(), FlowFusion()),
}
"""The ways by name. Flow takes mattes without the flicker of one frame, by which its motion would be misled."""

DEFAULT = "flow"
"""The way for clips, where two frames' delay costs nothing: the steadiest (docs/video.md)."""
