"""Compositing: `I = alpha F + (1 - alpha) B`, and the window of a background that lies behind a foreground."""

from __future__ import annotations

import cv2
import numpy as np

_STRIP_PIXELS = 1 << 17
"""Pixels composited at a time: the floating point of a strip stays in the cache, and a large picture needs no more."""


def composite(foreground: np.ndarray, alpha: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Lay a foreground over a background: `I = alpha F + (1 - alpha) B`, rounded to the nearest level.

    Args:
        foreground: (H, W, 3) uint8.
        alpha: (H, W) float32 in [0, 1].
        background: (H, W, 3) uint8.

    Returns:
        (H, W, 3) uint8.

    Example:
        >>> white, black = np.full((1, 1, 3), 255, np.uint8), np.zeros((1, 1, 3), np.uint8)
        >>> composite(white, np.full((1, 1), 0.2, np.float32), black).tolist()
        [[[51, 51, 51]]]
    """
    image = np.empty_like(foreground)
    height, width = alpha.shape
    rows = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = slice(top, top + rows)
        behind = background[strip]
        weight = cv2.merge([alpha[strip]] * 3).reshape(behind.shape)
        difference = cv2.subtract(foreground[strip], behind, dtype=cv2.CV_32F).reshape(behind.shape)
        image[strip] = cv2.add(behind, cv2.multiply(weight, difference), dtype=cv2.CV_8U).reshape(behind.shape)
    return image


def cover_background(
    background: np.ndarray, height: int, width: int, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Cut out of a background the window that lies behind a foreground of `height` x `width`.

    A background that covers the foreground gives a window of the foreground's size, unscaled. A smaller one gives the
    largest window of the foreground's shape, up to a rounded pixel: coarser than the foreground, over the same area.
    `fit_background` brings it to size, when it is known how much of it is needed.

    Args:
        background: (h, w, 3) uint8.
        height, width: of the foreground.
        rng: draws where the window lies; None takes the top left one, as published test sets are composited.
            Differs: those enlarge the whole background before they cut, so a background smaller than its foreground
            may come out shifted by a fraction of a pixel here.

    Returns:
        A view of `background`.
    """
    scale = max(1.0, height / background.shape[0], width / background.shape[1])
    rows = max(1, min(background.shape[0], round(height / scale)))
    columns = max(1, min(background.shape[1], round(width / scale)))
    top = left = 0
    if rng is not None:
        top = int(rng.integers(background.shape[0] - rows + 1))
        left = int(rng.integers(background.shape[1] - columns + 1))
    return background[top : top + rows, left : left + columns]


def fit_background(background: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bring a background to the size of what it lies behind: linear to enlarge, by area to shrink.

    Args:
        background: (h, w, 3) uint8.

    Returns:
        (height, width, 3) uint8; the argument itself where the size is right already.
    """
    if background.shape[:2] == (height, width):
        return background
    shrinks = background.shape[0] >= height and background.shape[1] >= width
    return cv2.resize(background, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
