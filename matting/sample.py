"""The vocabulary of the project: what a matting sample holds, in which type, shape and range."""

from __future__ import annotations

from typing import TypedDict

import numpy as np

BACKGROUND = 0
UNKNOWN = 128
FOREGROUND = 255
"""The three values of a trimap."""


class Sample(TypedDict, total=False):
    """One picture with the layers known of it; a layer is present if and only if its key is.

    All layers of a sample have the same height and width, with one exception: until it is composited, `background`
    covers the same area as `foreground` but may be coarser or finer (see `matting.composite`).
    """

    image: np.ndarray
    """(H, W, 3) RGB uint8; float32 after Normalize."""
    alpha: np.ndarray
    """(H, W) float32 in [0, 1], from the moment it is read."""
    trimap: np.ndarray
    """(H, W) uint8 in {BACKGROUND, UNKNOWN, FOREGROUND}."""
    foreground: np.ndarray
    """Like image: the colours F of `I = alpha F + (1 - alpha) B`."""
    background: np.ndarray
    """Like image: the colours B of the composite."""
    name: str
    """The picture's path as its list or folder names it, with forward slashes."""
    undo: tuple
    """What the geometric transforms did, oldest first (see `matting.transforms.geometry.undo`)."""


SMOOTH_LAYERS = ("image", "foreground", "background", "alpha")
"""Layers that may be interpolated."""

HARD_LAYERS = ("trimap",)
"""Layers whose values are labels: resampled by the nearest neighbour only."""

COLOUR_LAYERS = ("image", "foreground", "background")
"""Layers that a change of colour must reach with one and the same draw."""
