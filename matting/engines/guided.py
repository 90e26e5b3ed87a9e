"""A matte from a trimap by box filters in place of a matrix, found in a small picture first and then in larger ones."""

from __future__ import annotations

import cv2
import numpy as np

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
        alpha = np.clip(_solved(_ColourLines(picture / 255), start, unknown), 0, 1)
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


class _ColourLines:
    """How far a matte is from being linear in colour, window by window; windows end where the picture does.

    Args:
        picture: (H, W, 3) float64 in [0, 1].
    """

    def __init__(self, picture: np.ndarray) -> None:
        self._planes = cv2.split(picture)
        self._count = _summed(np.ones_like(self._planes[0]))
        self._means = [self._mean(plane) for plane in self._planes]
        rr, rg, rb, gg, gb, bb = (
            self._mean(self._planes[one] * self._planes[other])
            - self._means[one] * self._means[other]
            + (_EPSILON if one == other else 0.0)
            for one, other in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
        )
        # The inverse of a symmetric matrix by its cofactors; epsilon keeps the determinant above 0.
        first, second, third = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
        scale = 1 / (rr * first + rg * second + rb * third)
        first, second, third = first * scale, second * scale, third * scale
        fourth, fifth, sixth = (rr * bb - rb * rb) * scale, (rb * rg - rr * gb) * scale, (rr * gg - rg * rg) * scale
        self._inverse = (first, second, third), (second, fourth, fifth), (third, fifth, sixth)

    def disagreement(self, alpha: np.ndarray) -> np.ndarray:
        """Return L alpha: for each pixel the sum, over the windows that hold it, of alpha less what colour says."""
        mean = self._mean(alpha)
        shared = [self._mean(p * alpha) - own * mean for p, own in zip(self._planes, self._means, strict=True)]
        slope = [sum(entry * part for entry, part in zip(row, shared, strict=True)) for row in self._inverse]
        offset = mean - sum(part * own for part, own in zip(slope, self._means, strict=True))
        said = sum(_summed(part) * plane for part, plane in zip(slope, self._planes, strict=True))
        return self._count * alpha - said - _summed(offset)

    def _mean(self, plane: np.ndarray) -> np.ndarray:
        return _summed(plane) / self._count


def _summed(plane: np.ndarray) -> np.ndarray:
    """Return the sums of a plane over the windows around its pixels."""
    side = 2 * _RADIUS + 1
    return cv2.boxFilter(plane, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)


def _solved(colours: _ColourLines, start: np.ndarray, unknown: np.ndarray) -> np.ndarray:
    """Return what conjugate gradients make of a matte (H, W) where `unknown`, (H, W) of 0 and 1, is 1."""
    found = start
    residual = -unknown * colours.disagreement(found)
    direction, energy = residual, _dot(residual, residual)
    for _ in range(_ROUNDS):
        if energy <= _FINE_ENOUGH * found.size:
            break
        turned = unknown * colours.disagreement(direction)
        length = energy / _dot(direction, turned)
        found = found + length * direction
        residual = residual - length * turned
        energy, before = _dot(residual, residual), energy
        direction = residual + energy / before * direction
    return found


def _dot(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sum(one * other))
