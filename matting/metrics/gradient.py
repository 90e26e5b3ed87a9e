"""The gradient error (Grad): do the edges of two mattes have the same steepness?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from matting.errors import MattingError
from matting.metrics.mattes import check

_TILE = (128, 256)
"""Height and width of the pieces that are filtered: small enough for the processor's cache, in float64."""


@dataclass(frozen=True)
class DerivativeFilter:
    """A separable first derivative of a Gaussian: `slope` along one axis, `smooth` along the other.

    Attributes:
        smooth, slope: taps of odd and equal number.
        border: OpenCV's name for what lies beyond the image.
        stretch: whether each matte is stretched to [0, 1] first, so that its lowest value is 0 and its highest 1.
    """

    smooth: tuple[float, ...]
    slope: tuple[float, ...]
    border: int
    stretch: bool

    @property
    def radius(self) -> int:
        return len(self.smooth) // 2


@lru_cache
def unit_norm_filter(sigma: float = 1.4, epsilon: float = 1e-2) -> DerivativeFilter:
    """The filter of the evaluation scripts of Rhemann et al. 2009 and Xu et al. 2017, used by most tables.

    Taps are cut where the Gaussian falls below `epsilon` (9 taps at sigma 1.4), the two-dimensional filter has unit
    Euclidean norm, the border is repeated and each matte is stretched to [0, 1].
    """
    _check_sigma(sigma)
    gaussian_at_zero = 1.0 / (np.sqrt(2 * np.pi) * sigma)
    if not 0.0 < epsilon < gaussian_at_zero:
        raise MattingError(f"epsilon is {epsilon}; it must lie between 0 and {gaussian_at_zero:.3g}, the highest tap")
    radius = int(np.ceil(sigma * np.sqrt(2 * np.log(gaussian_at_zero / epsilon))))
    at = np.arange(-radius, radius + 1)
    smooth = np.exp(-(at**2) / (2 * sigma**2))
    slope = at * smooth
    smooth, slope = smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)
    return DerivativeFilter(tuple(smooth), tuple(slope), cv2.BORDER_REPLICATE, stretch=True)


@lru_cache
def unit_sum_filter(sigma: float = 1.4, truncate: float = 4.0) -> DerivativeFilter:
    """The true derivative of the matte smoothed by a Gaussian of unit sum, as in the P3M evaluation (Li et al. 2021).

    Taps reach `truncate` standard deviations (13 taps at sigma 1.4), the border is mirrored, nothing is stretched.
    """
    _check_sigma(sigma)
    radius = int(truncate * sigma + 0.5)
    at = np.arange(-radius, radius + 1)
    smooth = np.exp(-(at**2) / (2 * sigma**2))
    smooth /= smooth.sum()
    slope = at * smooth / sigma**2
    return DerivativeFilter(tuple(smooth), tuple(slope), cv2.BORDER_REFLECT, stretch=False)


def _check_sigma(sigma: float) -> None:
    if not sigma > 0:
        raise MattingError(f"sigma is {sigma}; the width of a Gaussian must be positive, 1.4 is usual")


def gradient_error(
    prediction: np.ndarray,
    truth: np.ndarray,
    region: np.ndarray | None = None,
    *,
    derivative: DerivativeFilter | None = None,
) -> float:
    """Grad = sum (|grad p| - |grad t|)^2 over a region, with Gaussian derivatives (Rhemann et al. 2009, section 4).

    The error of a pixel vanishes where the two mattes agree all around it, so only the tiles of the image are
    filtered in which they do not, in float64.

    Args:
        prediction, truth: (H, W) uint8, or floating point in [0, 1].
        region: (H, W) bool, the pixels that are summed over; None for all. The filters see beyond it.
        derivative: default `unit_norm_filter()`.

    Returns:
        The unscaled sum.

    Raises:
        MattingError: the sizes differ or the region is empty.
    """
    check(prediction, truth, region)
    derivative = unit_norm_filter() if derivative is None else derivative
    scales = [_scale(matte, derivative.stretch) for matte in (prediction, truth)]
    comparable = scales[0] == scales[1] and prediction.dtype == truth.dtype
    total = 0.0
    for inner, outer in _tiles(truth.shape, derivative.radius):
        mask = None if region is None else region[inner]
        if mask is not None and not mask.any():
            continue
        if comparable and np.array_equal(prediction[outer], truth[outer]):
            continue
        steepness = [
            _steepness(matte, inner, outer, scale, derivative)
            for matte, scale in zip((prediction, truth), scales, strict=True)
        ]
        difference = steepness[0] - steepness[1]
        flat = difference.ravel() if mask is None else difference[mask]
        total += float(np.dot(flat, flat))
    return total


def _scale(matte: np.ndarray, stretch: bool) -> float:
    """Return what stored values are multiplied by; their offset has no derivative. A constant matte has none at all."""
    if not stretch:
        return 1 / 255.0 if matte.dtype == np.uint8 else 1.0
    span = float(matte.max()) - float(matte.min())
    return 1.0 / span if span > np.finfo(np.float64).eps else 0.0


def _tiles(shape: tuple[int, ...], radius: int) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Yield each tile, and the tile with all that its filters see of the image."""
    height, width = shape
    for top in range(0, height, _TILE[0]):
        for left in range(0, width, _TILE[1]):
            bottom, right = min(top + _TILE[0], height), min(left + _TILE[1], width)
            inner = slice(top, bottom), slice(left, right)
            outer = (
                slice(max(top - radius, 0), min(bottom + radius, height)),
                slice(max(left - radius, 0), min(right + radius, width)),
            )
            yield inner, outer


def _steepness(
    matte: np.ndarray,
    inner: tuple[slice, slice],
    outer: tuple[slice, slice],
    scale: float,
    derivative: DerivativeFilter,
) -> np.ndarray:
    """Return the length of the gradient in the inner tile, (h, w) float64."""
    values = matte[outer]
    if values.dtype not in (np.uint8, np.float64):
        values = values.astype(np.float64)
    smooth, slope = np.array(derivative.smooth), np.array(derivative.slope) * scale
    # Beyond the cut of the margin OpenCV invents a border too, but those pixels are dropped below.
    across = cv2.sepFilter2D(values, cv2.CV_64F, slope, smooth, borderType=derivative.border)
    down = cv2.sepFilter2D(values, cv2.CV_64F, smooth, slope, borderType=derivative.border)
    length = cv2.magnitude(across, down)
    top, left = inner[0].start - outer[0].start, inner[1].start - outer[1].start
    return length[top : top + inner[0].stop - inner[0].start, left : left + inner[1].stop - inner[1].start]
