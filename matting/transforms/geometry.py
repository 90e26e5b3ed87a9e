"""Moving pixels and moving them back: the steps that `undo` reverts, resampling, padding, flipping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from matting.composite import fit_background
from matting.errors import MattingError
from matting.registry import TRANSFORMS
from matting.sample import BACKGROUND, COLOUR_LAYERS, HARD_LAYERS, SMOOTH_LAYERS, Sample
from matting.transforms import checks
from matting.transforms.compose import Transform, map_layers, size_of

PADDING_COLOUR = (127.5, 127.5, 127.5)
"""Middle grey, which Normalize maps to about 0. OpenCV rounds it to 128 in 8 bits."""

LARGEST_ENLARGED = 32_000_000
"""Pixels beyond which nothing is enlarged: 10,000 in a row brought to 512 rows would take all memory there is."""


class Step(Protocol):
    """What one geometric transform did."""

    def invert(self, alpha: np.ndarray) -> np.ndarray:
        """Return a matte (H, W) float32 in the frame before the step, given one in the frame after it."""
        ...


@dataclass(frozen=True)
class Resized:
    """The sample was resampled; before, it was `height` x `width`."""

    height: int
    width: int
    by_area: bool = False
    """Shrink by averaging areas on the way back, as on the way in."""

    def invert(self, alpha: np.ndarray) -> np.ndarray:
        return _resize_smooth(alpha, self.height, self.width, self.by_area)


@dataclass(frozen=True)
class Padded:
    """The sample of `height` x `width` was laid into a larger one, with its corner at (top, left)."""

    top: int
    left: int
    height: int
    width: int

    def invert(self, alpha: np.ndarray) -> np.ndarray:
        return alpha[self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True)
class Flipped:
    """The sample was mirrored, left to right."""

    def invert(self, alpha: np.ndarray) -> np.ndarray:
        return alpha[:, ::-1]


@dataclass(frozen=True)
class Cropped:
    """A part of the sample was cut away, so there is no way back."""

    def invert(self, alpha: np.ndarray) -> np.ndarray:
        raise MattingError(
            "a crop cannot be undone, so a matte of the whole picture cannot be made; take RandomCrop and "
            "RandomCropByAlpha out of the transforms for validation, or resize instead"
        )


def undo(alpha: np.ndarray, steps: Sequence[Step]) -> np.ndarray:
    """Bring a matte back to the frame of the photograph: the one inverse of every geometric transform.

    Args:
        alpha: (H, W) float32, as it came out of the network.
        steps: `sample["undo"]`, oldest first.

    Returns:
        (H, W) float32 in [0, 1] at the photograph's size, contiguous.

    Raises:
        MattingError: one of the steps was a crop.
    """
    given = alpha
    for step in reversed(steps):
        alpha = step.invert(alpha)
    # A large matte that was made here is clipped where it lies; a second one would be the most memory of all.
    is_own = alpha.dtype == np.float32 and alpha.flags.writeable and not np.may_share_memory(alpha, given)
    return np.ascontiguousarray(np.clip(alpha, 0, 1, out=alpha if is_own else None), np.float32)


def record(sample: Sample, step: Step) -> Sample:
    """Return a sample that remembers one more step."""
    return {**sample, "undo": (*sample.get("undo", ()), step)}


def resample(sample: Sample, height: int, width: int, by_area: bool = False) -> Sample:
    """Resize all layers: smooth ones bilinearly, hard ones to the nearest neighbour.

    A background that is not composited yet is left as it is: it covers the same area at any resolution.

    Args:
        height, width: the new size, in pixels.
        by_area: average areas where the picture shrinks. PaddleSeg's transforms do not, so theirs do not here.

    Raises:
        MattingError: it would grow beyond `LARGEST_ENLARGED` pixels.
    """
    before = size_of(sample)
    if before == (height, width):
        return sample
    if height * width > max(LARGEST_ENLARGED, before[0] * before[1]):
        raise MattingError(
            f"a picture of {before[1]}x{before[0]} would be enlarged to {width}x{height}, more than "
            f"{LARGEST_ENLARGED // 10**6} megapixels; crop it to a less extreme shape"
        )
    smooth = [name for name in SMOOTH_LAYERS if name != "background" or "image" in sample]
    resized = map_layers(sample, smooth, lambda layer: _resize_smooth(layer, height, width, by_area))
    resized = map_layers(
        resized, HARD_LAYERS, lambda layer: cv2.resize(layer, (width, height), interpolation=cv2.INTER_NEAREST)
    )
    return record(resized, Resized(*before, by_area))


def _resize_smooth(layer: np.ndarray, height: int, width: int, by_area: bool) -> np.ndarray:
    shrinks = height <= layer.shape[0] and width <= layer.shape[1]
    interpolation = cv2.INTER_AREA if by_area and shrinks else cv2.INTER_LINEAR
    resized = cv2.resize(layer, (width, height), interpolation=interpolation)
    # Sums of weights may miss 1 by a rounding error, which an alpha must not show.
    return np.clip(resized, 0, 1, out=resized) if layer.ndim == 2 else resized


def pad(
    sample: Sample, above: int, below: int, left: int, right: int, colour: Sequence[float] = PADDING_COLOUR
) -> Sample:
    """Surround a sample by rows and columns of plain background: alpha and trimap 0, the colours `colour`."""
    if not (above or below or left or right):
        return sample
    height, width = size_of(sample)
    if "background" in sample:
        sample = {**sample, "background": fit_background(sample["background"], height, width)}

    def surround(layer: np.ndarray, value: Any) -> np.ndarray:
        return cv2.copyMakeBorder(layer, above, below, left, right, cv2.BORDER_CONSTANT, value=value)

    padded = map_layers(sample, COLOUR_LAYERS, lambda layer: surround(layer, tuple(colour)))
    padded = map_layers(padded, ("alpha",), lambda layer: surround(layer, 0))
    padded = map_layers(padded, HARD_LAYERS, lambda layer: surround(layer, BACKGROUND))
    return record(padded, Padded(above, left, height, width))


@TRANSFORMS.register
class Padding(Transform):
    """Adds rows at the bottom and columns at the right up to a size; a larger sample stays as it is.

    Args:
        target_size: [width, height].
        im_padding_value: the colour of the added pixels, in 8-bit levels.
    """

    geometric = True

    def __init__(self, target_size: Sequence[int], im_padding_value: Sequence[float] = PADDING_COLOUR) -> None:
        self.width, self.height = checks.size_pair(self, "target_size", target_size)
        self.colour = checks.triple(self, "im_padding_value", im_padding_value, 0, 255)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        height, width = size_of(sample)
        return pad(sample, 0, max(0, self.height - height), 0, max(0, self.width - width), self.colour)


@TRANSFORMS.register
class RandomHorizontalFlip(Transform):
    """Mirrors a sample, left to right.

    Args:
        prob: how often.
    """

    geometric = True

    def __init__(self, prob: float = 0.5) -> None:
        self.prob = checks.probability(self, "prob", prob)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if rng.random() >= self.prob:
            return sample
        mirrored = map_layers(sample, (*SMOOTH_LAYERS, *HARD_LAYERS), lambda layer: cv2.flip(layer, 1))
        return record(mirrored, Flipped())
