"""A matte from a trimap by box filters in place of a matrix, found in a small picture first and then in larger ones."""

from __future__ import annotations

import cv2
import numpy as np

from matting.colour_lines import ColourLines, Planes, solved
from matting.sample import BACKGROUND, FOREGROUND

_RADIUS = 4
"""Of the windows, in pixels."""

_EPSILON = 1e-6
"""Variance of a colour, of values in [0, 1], below which its differences are noise."""

_SMALLEST = 48
"""Pixels of the longer side at which it begins: known and unknown are a few windows apart there."""

_ROUNDS = 20
"""Steps of the solver at every size. What has far to go went at the smaller ones."""

_FINE_ENOUGH = 1e-9
"""Mean square of what is left to solve at which it stops."""


def guided(image: np.ndarray, trimap: np.ndarray) -> np.ndarray:
    """Return the matte that agrees with the trimap and is, in every window, as linear in colour as can be.

    It minimises alpha^T L alpha where alpha is unknown, with the matting Laplacian L of windows of 9x9 pixels (Levin,
    Lischinski, Weiss, A Closed-Form Solution to Natural Image Matting, PAMI 2008, equation 12). L is never written
    down: L alpha is what a guided filter changes (He, Sun, Tang, Fast Matting Using Large Kernel Matting Laplacian
    Matrices, CVPR 2010, equation 8), which sums over boxes give in a time that does not depend on the window.

    Differs: few steps of conjugate gradients at each of several sizes, each doubling the last, in place of many at one.

    Args:
        image: (H, W, 3) float32 of 0 to 255.
        trimap: (H, W) of {0, 128, 255}, which knows some foreground and some background.

    Returns:
        (H, W) float32 in [0, 1], 0 and 1 where the trimap is.
    """
    opaque, empty = ((trimap == value).astype(np.float64) for value in (FOREGROUND, BACKGROUND))
    alpha = None
    # In float64: of a grey photograph the covariances are all but singular, and their inverses noise in float32.
    image = image.astype(np.float64)
    for size in _sizes(*trimap.shape):
        picture, inside, outside = (_shrunk(layer, size) for layer in (image, opaque, empty))
        # Known of a small picture is only what is known throughout.
        unknown = ((inside < 1) & (outside < 1)).astype(np.float64)
        guess = (1 + inside - outside) / 2 if alpha is None else cv2.resize(alpha, size, interpolation=cv2.INTER_LINEAR)
        start = np.where(unknown, guess, inside)
        alpha = np.clip(_solved(_laplacian(picture / 255), start, unknown), 0, 1)
    assert alpha is not None  # there is the picture's own size
    return alpha.astype(np.float32)


def _sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return widths and heights, each about twice the last, up to the picture's own."""
    halvings = max(0, int(np.ceil(np.log2(max(height, width) / _SMALLEST))))
    scales = (0.5**step for step in range(halvings, -1, -1))
    return [(max(round(width * scale), 1), max(round(height * scale), 1)) for scale in scales]


def _shrunk(layer: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    # Rounded, as the weights of an area that is all 1 need not add up to 1.
    return np.round(cv2.resize(layer, size, interpolation=cv2.INTER_AREA), 5)


class _Windows:
    """Windows around pixels, which end where a picture of some height and width does."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = self._summed(np.ones(shape))

    def averaged(self, plane: np.ndarray) -> np.ndarray:
        """Return the means of a plane over the windows around its pixels."""
        return self._summed(plane) / self.count

    @staticmethod
    def _summed(plane: np.ndarray) -> np.ndarray:
        side = 2 * _RADIUS + 1
        return cv2.boxFilter(plane, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)


def _laplacian(picture: np.ndarray) -> Planes:
    """Return what multiplies a matte by the matting Laplacian of a picture (H, W, 3), float64 in [0, 1]."""
    windows = _Windows(picture.shape[:2])
    lines = ColourLines(cv2.split(picture), _EPSILON, windows.averaged)
    return lambda matte: windows.count * lines.disagreement(matte)


def _solved(laplacian: Planes, start: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """Return the matte that comes of another (H, W) where `unknown`, (H, W) of 0 and 1, is 1."""

    def product(matte: np.ndarray) -> np.ndarray:
        return unknown * laplacian(matte)

    return solved(start, -product(start), product, lambda residual: residual, _ROUNDS, _FINE_ENOUGH)
