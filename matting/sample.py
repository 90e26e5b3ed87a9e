"""The vocabulary of the project: the files of a picture, and what a sample read from them holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np

BACKGROUND = 0
UNKNOWN = 128
FOREGROUND = 255
"""The three values of a trimap."""


@dataclass(frozen=True)
class PictureFiles:
    """The files of one picture: one record for training, prediction, evaluation and the preparation of data sets.

    Attributes:
        name: what the picture, and what is made of it, is called: a path below some folder, with forward slashes.
        image: the photograph; the foreground where there is a background; the matte where there is nothing else.
        alpha: its matte, unless that is in the image itself (see `matte`) or nobody knows one.
        trimap: or None.
        background: what the foreground is composited over, or None.
        where: list and line (`train.txt:12`) or folder that it was found in, for messages.
    """

    name: str
    image: Path
    alpha: Path | None = None
    trimap: Path | None = None
    background: Path | None = None
    where: str = ""

    @property
    def matte(self) -> Path:
        """The file that holds the matte: `alpha`, or else the image (a cutout's fourth channel, or a matte alone)."""
        return self.alpha or self.image

    @property
    def layers(self) -> dict[str, Path]:
        """The files that there are, by the layer of a `Sample` that each gives."""
        image = "image" if self.background is None else "foreground"
        layers = {image: self.image, "background": self.background, "alpha": self.alpha, "trimap": self.trimap}
        return {layer: path for layer, path in layers.items() if path is not None}

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that there are, the image first."""
        return tuple(self.layers.values())


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
