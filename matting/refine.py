"""Edges at full size from a photograph and a small matte: what the network could not see, the colours tell."""

from __future__ import annotations

import cv2
import numpy as np

from matting.choices import REFINEMENTS
from matting.colour_lines import ColourLines, solved
from matting.errors import MattingError

_EPSILON = 1e-4
"""Variance of a colour, of values in [0, 1], below which its differences are noise (He and Sun, section 2)."""

_RADIUS = 4
"""Of the windows, in pixels of the small matte."""

_UNDECIDED = 0.02
"""Nearer to 0 or 1 than this, and without a step beside it, the network has decided."""

_STEP = 0.1
"""Difference between neighbours of the small matte that is an edge."""

_REACH = 2
"""Pixels of the small matte by which the band is wider than what is undecided or steep."""

_STRETCH = np.float32(0.05)
"""Averaging overlapping windows leaves a haze of this height where alpha is 0 and 1; it is stretched away."""

_TILE = 256
"""Pixels of a side of the squares in which the full size is computed."""

_LARGEST = 2_000_000
"""Pixels of a small matte above which nothing is refined (it is not small), and up to which `best` solves."""

_FINER, _ROUNDS = 2, 20
"""How much finer than the small matte `best` solves, and the steps of its solver."""

_HOLD, _LEAST_HOLD = np.float32(0.1), np.float32(0.1)
"""How strongly `best` holds on to the network's 0 and 1, and what of it remains at 0.5."""

_MOVED = np.float32(0.1)
"""How far a second look of the network may move the first at most."""

_FIXED = np.float32(10)
"""How strongly it holds on to what lies outside the band."""


def refine(image: np.ndarray, alpha: np.ndarray, small: np.ndarray, how: str = "fast") -> np.ndarray:
    """Return a matte with its edges where the photograph has them.

    Around what is undecided, alpha is taken for a linear function of colour, alpha = a . I + b, in every window of the
    small picture (`colour_lines`): a and b are averaged over the windows that hold a pixel, enlarged, and applied to
    the photograph (He and Sun, Fast Guided Filter, arXiv 1505.00996). "best" first finds the matte that agrees with
    such functions everywhere (`_solved`).

    Differs: what comes out counts by how much of alpha's variance in the window colour explains, so that flat places
    and those where colours tell nothing stay as they were; and it is stretched about 0.5 (`_STRETCH`).

    Args:
        image: (H, W, 3) RGB uint8.
        alpha: (H, W) float32 in [0, 1]: the small matte, enlarged.
        small: (h, w) float32 in [0, 1]: the matte as the network gave it, of the whole photograph.
        how: of `REFINEMENTS`.

    Returns:
        (H, W) float32 in [0, 1]; exactly `alpha` outside a band around what is undecided in the small matte, and
        everywhere where that is not smaller than the photograph, has more than 2 megapixels, or for "none".

    Raises:
        MattingError: `how` is not one of `REFINEMENTS`.
    """
    if how not in REFINEMENTS:
        raise MattingError(f"the refinement is {how!r}; it must be one of {', '.join(REFINEMENTS)}")
    if how == "none" or not is_refined(small, alpha):
        return alpha
    band = _band(small)
    if not band.any():
        return alpha
    if how == "best":
        small, band = _solved(image, small, band)
    model = _model(_lines(image, small.shape), small)
    model[-1] *= band
    return _applied(image, alpha, model)


def is_refined(small: np.ndarray, alpha: np.ndarray) -> bool:
    """Return whether a small matte (h, w) is small beside the full one (H, W), so that edges are worth finding."""
    return small.size < alpha.size and small.size <= _LARGEST


def joined(small: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the mean of a small matte and another of its picture in the first one's band, moved by `_MOVED` at most:
    where they contradict each other, nobody knows which is right. Elsewhere the first stays.

    Args:
        small, other: (h, w) float32 in [0, 1].
    """
    return small + _band(small) * np.clip((other - small) / 2, -_MOVED, _MOVED)


def _band(small: np.ndarray) -> np.ndarray:
    """Return where a small matte (h, w) may be changed: float32, 1 there and 0 elsewhere."""
    undecided = (small > _UNDECIDED) & (small < 1 - _UNDECIDED)
    square = np.ones((3, 3), np.uint8)
    steep = cv2.dilate(small, square) - cv2.erode(small, square) > _STEP
    side = 2 * _REACH + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return cv2.dilate((undecided | steep).astype(np.float32), disc)


def _lines(image: np.ndarray, size: tuple[int, ...]) -> ColourLines:
    """Return how alpha follows the colours of an image (H, W, 3) uint8, shrunk to a height and width."""
    shrunk = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    return ColourLines([plane.astype(np.float32) / 255 for plane in cv2.split(shrunk)], _EPSILON, _averaged)


def _model(lines: ColourLines, matte: np.ndarray) -> np.ndarray:
    """Return a, b and how far they are to be trusted, averaged over windows: (5, h, w) float32."""
    slope, offset, shared, mean = lines.fitted(matte)
    explained = sum(part * other for part, other in zip(slope, shared, strict=True))
    trust = np.clip(explained / (_averaged(matte * matte) - mean * mean + 1e-6), 0, 1)
    return np.stack([_averaged(plane) for plane in (*slope, offset, trust)])


def _averaged(plane: np.ndarray) -> np.ndarray:
    side = 2 * _RADIUS + 1
    return cv2.blur(plane, (side, side), borderType=cv2.BORDER_REPLICATE)


def _stretched(values: np.ndarray) -> np.ndarray:
    return np.clip((values - _STRETCH) / (1 - 2 * _STRETCH), 0, 1)


def _solved(image: np.ndarray, small: np.ndarray, band: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the matte, finer than the small one, that minimises alpha^T L alpha + sum(hold (alpha - small)^2), and the
    band as fine (Levin, Lischinski, Weiss, A Closed-Form Solution to Natural Image Matting, PAMI 2008, equation 14).

    Differs: L is that of large windows, which box filters apply without a matrix; the constraint is soft, stronger
    where the network is surer; and the few steps that conjugate gradients take keep what is far as the network said.
    """
    finer = min(_FINER, (image.shape[0] * image.shape[1] / small.size) ** 0.5, (_LARGEST / small.size) ** 0.5)
    size = tuple(max(round(side * finer), 1) for side in small.shape)
    given, band = (cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR) for plane in (small, band))
    sure = (2 * given - 1) ** 2
    hold = np.where(band < 0.5, _FIXED, _HOLD * (_LEAST_HOLD + (1 - _LEAST_HOLD) * sure))
    lines = _lines(image, size)
    found = solved(
        given, -lines.disagreement(given), lambda matte: lines.disagreement(matte) + hold * matte,
        lambda residual: residual / (1 + hold), _ROUNDS, 1e-9,
    )  # fmt: skip
    trust = _model(lines, given)[-1]
    return given + band * trust * (_stretched(found) - given), band


def _applied(image: np.ndarray, alpha: np.ndarray, model: np.ndarray) -> np.ndarray:
    """Return the matte that a model (5, h, w) gives at full size, in tiles, so that memory is that of the results."""
    result = alpha.copy()
    height, width = alpha.shape
    for row in range(0, height, _TILE):
        for column in range(0, width, _TILE):
            tile = slice(row, row + _TILE), slice(column, column + _TILE)
            before = alpha[tile]
            weight = _enlarged(model[-1], row, column, before.shape, alpha.shape)
            if not weight.any():
                continue
            *slope, found = (_enlarged(plane, row, column, before.shape, alpha.shape) for plane in model[:-1])
            for plane, colour in zip(slope, cv2.split(image[tile]), strict=True):
                found += plane * (colour / np.float32(255))
            np.clip(before + weight * (_stretched(found) - before), 0, 1, out=result[tile])
    return result


def _enlarged(plane: np.ndarray, top: int, left: int, shape: tuple[int, ...], whole: tuple[int, ...]) -> np.ndarray:
    """Return a part of what `cv2.resize` would enlarge a plane to bilinearly.

    Pixels are squares: the centre of pixel x of W lies at (x + 0.5) w / W - 0.5 of w. Not by products of matrices: the
    many threads of these wait for each other a hundred times longer where the processor is busy.

    Args:
        plane: (h, w) float32.
        top, left, shape: where the part begins, and its height and width.
        whole: height and width of all.
    """
    down, across = (small / large for small, large in zip(plane.shape, whole, strict=True))
    places = np.array([[across, 0, (left + 0.5) * across - 0.5], [0, down, (top + 0.5) * down - 0.5]])
    linear = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(plane, places, shape[::-1], flags=linear, borderMode=cv2.BORDER_REPLICATE)
