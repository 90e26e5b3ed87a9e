"""Continuing a foreground's colours to where it is transparent, so that resampling mixes in no black or white."""

from __future__ import annotations

import cv2
import numpy as np

_TRUSTED = 1 / 16
"""Below this alpha a file's colour is taken for noise, and weighs in proportion."""


def extend(foreground: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Fill transparent pixels with the colours of the nearest opaque ones, by a pyramid of weighted means.

    Each level holds the mean of the colours below it, weighted by alpha; on the way up, what has no weight of its own
    takes the coarser level's colour (the push and pull of Gortler et al., The Lumigraph, 1996, section 3.4.1).

    Args:
        foreground: (H, W, 3) uint8, of any colour where alpha is 0.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) uint8, equal to `foreground` where alpha is at least 1/16.
    """
    weight = np.minimum(alpha / np.float32(_TRUSTED), 1)[..., None]
    levels = [(foreground * weight, weight)]  # colours times weight, weight
    while max(levels[-1][1].shape[:2]) > 1:
        levels.append(_halve(*levels[-1]))
    colours, total = levels.pop()
    filled = colours / np.maximum(total, 1e-6)
    for colours, total in reversed(levels):
        coarse = cv2.resize(filled, (total.shape[1], total.shape[0]), interpolation=cv2.INTER_LINEAR)
        filled = colours + (1 - total) * coarse.reshape(colours.shape)
    return np.rint(np.clip(filled, 0, 255)).astype(np.uint8)


def _halve(colours: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum colours and weights over 2x2 pixels; where that weighs more than one pixel, bring it down to one."""
    size = max(1, (weight.shape[1] + 1) // 2), max(1, (weight.shape[0] + 1) // 2)
    stacked = 4 * cv2.resize(np.dstack([colours, weight]), size, interpolation=cv2.INTER_AREA)
    stacked = stacked.reshape(size[1], size[0], 4)
    over = np.maximum(stacked[..., 3:], 1)
    return stacked[..., :3] / over, stacked[..., 3:] / over
