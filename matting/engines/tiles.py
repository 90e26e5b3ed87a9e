"""Large pictures in overlapping tiles, so that memory is bounded by the tile and not by the picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from matting.engines.network import Network
from matting.errors import MattingError
from matting.sample import UNKNOWN

MARGIN = 128
"""Pixels around a tile that the network sees and that are then dropped; see docs/dim.md for how it was chosen."""

_GRID = 32
"""Tiles begin at multiples of this, so that they are pooled as the whole picture would be."""


def tiled(network: Network, size: int, margin: int = MARGIN) -> Network:
    """Return the network in tiles if it takes a trimap and a tile size is given, else the network itself."""
    return Tiled(network, size, margin) if size and "trimap" in network.interface.inputs else network


class Tiled:
    """A network applied tile by tile.

    For networks that look at a neighbourhood only (DIM): one that judges the whole picture at once (MODNet, SHM) would
    judge each tile for itself. Tiles without an unknown pixel are skipped; their alpha is what the trimap says.

    Args:
        network: takes image and trimap.
        size: height and width of what a tile contributes, a multiple of 32.
        margin: see `MARGIN`; a multiple of 32.

    Raises:
        MattingError: the sizes are no positive multiples of 32, or the network takes no trimap.
    """

    def __init__(self, network: Network, size: int = 256, margin: int = MARGIN) -> None:
        for name, value, least in (("tile size", size, _GRID), ("tile margin", margin, 0)):
            if value < least or value % _GRID:
                raise MattingError(f"the {name} is {value}; it must be a multiple of {_GRID}, at least {least}")
        if network.interface.inputs != ("image", "trimap"):
            raise MattingError("only networks that take a trimap can work in tiles; leave --tile_size out")
        self._network, self._size, self._margin = network, size, margin
        self.interface = network.interface

    def __call__(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Map image (N, 3, H, W) and trimap (N, 1, H, W) to `alpha` (N, 1, H, W)."""
        image, trimap = inputs
        height, width = image.shape[2:]
        if max(height, width) <= self._size + self._margin:
            return self._network(image, trimap)
        alpha = trimap / np.float32(255)
        for top, bottom in self._spans(height):
            for left, right in self._spans(width):
                if (trimap[:, :, top:bottom, left:right] == UNKNOWN).any():
                    alpha[:, :, top:bottom, left:right] = self._tile(image, trimap, top, bottom, left, right)
        return {"alpha": alpha}

    def _tile(self, image: np.ndarray, trimap: np.ndarray, top: int, bottom: int, left: int, right: int) -> np.ndarray:
        y, x = max(top - self._margin, 0), max(left - self._margin, 0)
        seen = slice(y, bottom + self._margin), slice(x, right + self._margin)
        parts = (np.ascontiguousarray(layer[(slice(None), slice(None), *seen)]) for layer in (image, trimap))
        return self._network(*parts)["alpha"][:, :, top - y : bottom - y, left - x : right - x]

    def _spans(self, side: int) -> Iterator[tuple[int, int]]:
        """Yield the stretches that tiles contribute along one side; a short rest joins the last one."""
        start = 0
        while start < side:
            end = start + self._size
            if side - end < max(self._margin, self.interface.smallest):
                end = side
            yield start, end
            start = end
