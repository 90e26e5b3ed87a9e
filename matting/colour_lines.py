"""How alpha follows colour in the windows of a picture: the matting Laplacian by box filters, and how it is solved."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

Planes = Callable[[np.ndarray], np.ndarray]
"""Maps a plane (H, W) to another."""


class ColourLines:
    """The linear functions of colour that fit mattes best: what of them does not depend on the matte.

    In every window alpha is taken for a . I + b, where a and b minimise sum((a . I_i + b - alpha_i)^2 + epsilon |a|^2)
    (He, Sun, Tang, Guided Image Filtering, PAMI 2013, equations 14 and 15).

    Args:
        planes: red, green and blue, (H, W) of floats in [0, 1], in whose type everything is computed.
        epsilon: variance of a colour below which its differences are noise.
        averaged: gives the means of a plane over the windows around its pixels.
    """

    def __init__(self, planes: Sequence[np.ndarray], epsilon: float, averaged: Planes) -> None:
        self.planes, self._averaged = planes, averaged
        self._means = [averaged(plane) for plane in planes]
        noise = planes[0].dtype.type(epsilon)
        rr, rg, rb, gg, gb, bb = (
            averaged(planes[one] * planes[other])
            - self._means[one] * self._means[other]
            + (noise if one == other else noise * 0)
            for one, other in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))
        )
        # The inverse of a symmetric matrix by its cofactors; epsilon on the diagonal keeps the determinant above 0.
        first, second, third = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
        scale = 1 / (rr * first + rg * second + rb * third)
        first, second, third = first * scale, second * scale, third * scale
        fourth, fifth, sixth = (rr * bb - rb * rb) * scale, (rb * rg - rr * gb) * scale, (rr * gg - rg * rg) * scale
        self._inverse = (first, second, third), (second, fourth, fifth), (third, fifth, sixth)

    def fitted(self, matte: np.ndarray) -> tuple[list[np.ndarray], np.ndarray, list[np.ndarray], np.ndarray]:
        """Return slope a (three planes), offset b, covariance with the colours and mean of alpha, in every window."""
        mean = self._averaged(matte)
        shared = [
            self._averaged(plane * matte) - own * mean for plane, own in zip(self.planes, self._means, strict=True)
        ]
        slope = [sum(entry * part for entry, part in zip(row, shared, strict=True)) for row in self._inverse]
        offset = mean - sum(part * own for part, own in zip(slope, self._means, strict=True))
        return slope, offset, shared, mean

    def disagreement(self, matte: np.ndarray) -> np.ndarray:
        """Return the matting Laplacian times a matte, over the windows' size: what a guided filter changes (He, Sun,
        Tang, Fast Matting Using Large Kernel Matting Laplacian Matrices, CVPR 2010, equation 8)."""
        slope, offset, *_ = self.fitted(matte)
        filtered = sum(self._averaged(part) * plane for part, plane in zip(slope, self.planes, strict=True))
        return matte - filtered - self._averaged(offset)


def solved(
    start: np.ndarray, residual: np.ndarray, product: Planes, eased: Planes, rounds: int, enough: float
) -> np.ndarray:
    """Return what conjugate gradients make of a matte: few steps of them keep what is far as it was.

    Args:
        start: (H, W) floats, the matte to begin with.
        residual: right side less the product of `start`.
        product: with the symmetric matrix of the system.
        eased: by an approximate inverse of the matrix, which spares steps.
        rounds: steps at most.
        enough: mean over the pixels of residual times eased residual, at which it stops.
    """
    found, step = start.copy(), eased(residual)
    direction, energy = step, _dot(residual, step)
    for _ in range(rounds):
        if energy <= enough * found.size:
            break
        turned = product(direction)
        length = energy / _dot(direction, turned)
        found += length * direction
        residual = residual - length * turned
        step = eased(residual)
        energy, before = _dot(residual, step), energy
        direction = step + energy / before * direction
    return found


def _dot(one: np.ndarray, other: np.ndarray) -> float:
    return float((one * other).sum(dtype=np.float64))
