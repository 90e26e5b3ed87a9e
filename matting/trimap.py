"""Trimaps: made from alpha by a rule, read as a mask, and imposed on a matte."""

from __future__ import annotations

import cv2
import numpy as np

from matting.errors import MattingError
from matting.sample import BACKGROUND, FOREGROUND, UNKNOWN
from matting.text import sizes_differ

EVALUATION_KERNEL = 25
"""Diameter in pixels of the ellipse that widens the unknown region in evaluation."""

TRAINING_KERNELS = (2, 4)
"""Smallest and largest diameter of the ellipse drawn in training."""

TRAINING_ITERATIONS = (5, 14)
"""Fewest and most times it is applied."""

_LEVEL = 1 / 255


def for_evaluation(alpha: np.ndarray) -> np.ndarray:
    """Make the trimap that evaluation measures the unknown region by, as PaddleSeg Matting's evaluation does.

    With E the 25-px ellipse of OpenCV: a pixel is background where the largest alpha under E, centred on it, rounds to
    0 of 255; foreground where the smallest rounds to 255; unknown elsewhere. Beyond the border nothing is assumed.

    Args:
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W) uint8 in {0, 128, 255}.
    """
    return _widen(alpha, EVALUATION_KERNEL, iterations=1)


def for_training(alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make a trimap with an unknown region of random width, from about 5 to 40 px.

    The rule is that of `for_evaluation` with an ellipse of 2 to 4 px applied 5 to 14 times, both drawn evenly, as
    PaddleSeg Matting draws them.

    Args:
        alpha: (H, W) float32 in [0, 1].
        rng: what draws the width.

    Returns:
        (H, W) uint8 in {0, 128, 255}.
    """
    diameter = int(rng.integers(*TRAINING_KERNELS, endpoint=True))
    iterations = int(rng.integers(*TRAINING_ITERATIONS, endpoint=True))
    return _widen(alpha, diameter, iterations)


def from_mask(alpha: np.ndarray, kernel: int = EVALUATION_KERNEL, iterations: int = 1) -> np.ndarray:
    """Make a trimap from a mask or a matte: known is what stays wholly in or out of the object under an ellipse.

    Args:
        alpha: (H, W) float32 in [0, 1].
        kernel: diameter of the ellipse in pixels.
        iterations: how often it is applied.

    Returns:
        (H, W) uint8 in {0, 128, 255}.

    Raises:
        MattingError: a number is below 1.
    """
    for name, value in (("kernel", kernel), ("iterations", iterations)):
        if value < 1:
            raise MattingError(f"the trimap's {name} is {value}; it must be at least 1")
    return _widen(alpha, kernel, iterations)


def relative_kernel(alpha: np.ndarray, fraction: float) -> int:
    """Return an odd diameter in proportion to the object: `fraction` of the side of a square of its area, at least 3.

    A fixed one swallows a small person whole and hardly touches a large one's hair.

    Args:
        alpha: (H, W) float32 in [0, 1].

    Raises:
        MattingError: the fraction is not in (0, 1].
    """
    if not 0 < fraction <= 1:
        raise MattingError(f"the kernel's fraction of the object's size is {fraction}; it must lie in (0, 1]")
    return max(3, round(fraction * float(alpha.sum()) ** 0.5) // 2 * 2 + 1)


def certain(alpha: np.ndarray, tolerance: float = 0.05) -> np.ndarray:
    """Return a predicted matte with what is within `tolerance` of 0 or 1 set there, as a trimap is to be drawn from it.

    A network's alpha is hardly ever exactly 0 or 1, so that all of the picture would be unknown.
    """
    return np.where(alpha < tolerance, 0, np.where(alpha > 1 - tolerance, 1, alpha)).astype(np.float32)


def unknown_mask(trimap: np.ndarray) -> np.ndarray:
    """Return where a trimap (H, W) uint8 knows nothing: (H, W) bool, every value but 0 and 255."""
    return (trimap != BACKGROUND) & (trimap != FOREGROUND)


def impose(alpha: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    """Return a matte set to what its trimap knows: transparent in the background, opaque in the foreground.

    Args:
        alpha: (H, W) floating point in [0, 1], or uint8.
        trimap: (H, W) uint8 in {0, 128, 255}.

    Returns:
        (H, W) of the type of `alpha`.

    Raises:
        MattingError: the sizes differ.
    """
    if trimap.shape != alpha.shape:
        differ = sizes_differ("the trimap", trimap.shape, "the matte", alpha.shape)
        raise MattingError(f"{differ}; the sizes must agree")
    imposed = np.where(trimap == FOREGROUND, alpha.dtype.type(255 if alpha.dtype == np.uint8 else 1), alpha)
    imposed[trimap == BACKGROUND] = 0
    return imposed


def _widen(alpha: np.ndarray, diameter: int, iterations: int) -> np.ndarray:
    """Call known what stays wholly transparent or wholly opaque under the ellipse.

    The thresholds lie half a level from the ends, so that an alpha of 16 bits gives the trimap of its 8-bit rounding.
    Masks of one byte are dilated: the same answer as from floating point, in a third of the time.
    """
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter))
    touched = cv2.dilate((alpha >= 0.5 * _LEVEL).astype(np.uint8), ellipse, iterations=iterations)
    solid = cv2.erode((alpha > 1 - 0.5 * _LEVEL).astype(np.uint8), ellipse, iterations=iterations)
    trimap = np.full(alpha.shape, UNKNOWN, np.uint8)
    trimap[solid == 1] = FOREGROUND
    trimap[touched == 0] = BACKGROUND
    return trimap
