"""Pictures that show the same: found by a perceptual hash, confirmed by comparing thumbnails."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

_HASH = 8
"""Side of the grid of comparisons: 64 bits."""

_THUMBNAIL = 16
_MOST_BITS = 6
"""Of 64, how many may differ: recompressed or resized copies differ in 0 to 4, other photographs in 20 to 44."""

_MOST_LEVELS = 6.0
"""How far thumbnails may differ, on the mean over pixels and colours, in levels of 255."""

_BLOCK = 1024


def fingerprint(image: np.ndarray) -> tuple[np.uint64, np.ndarray]:
    """Return the difference hash of a picture, and a thumbnail (16, 16, 3) uint8.

    Bit (y, x) says whether cell (y, x) of an 8x9 grid of mean greys is brighter than its right neighbour. A change of
    size, brightness or compression leaves nearly all bits as they are.

    Args:
        image: (H, W, 3) uint8.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    cells = cv2.resize(grey, (_HASH + 1, _HASH), interpolation=cv2.INTER_AREA).astype(int)
    bits = (cells[:, :-1] > cells[:, 1:]).ravel()
    code = np.packbits(bits).view(np.uint64)[0]
    return code, cv2.resize(image, (_THUMBNAIL, _THUMBNAIL), interpolation=cv2.INTER_AREA)


def find_duplicates(codes: Sequence[np.uint64], thumbnails: Sequence[np.ndarray]) -> list[tuple[int, int]]:
    """Return the index pairs (earlier, later) of pictures that show the same; every later one is named once."""
    hashes = np.array(codes, np.uint64)
    pairs = []
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK, None]
        near = np.bitwise_count(block ^ hashes[None, : start + len(block)]) <= _MOST_BITS
        named: set[int] = set()
        for row, earlier in np.argwhere(near):
            later = start + int(row)
            if earlier >= later or later in named:
                continue
            apart = np.abs(thumbnails[later].astype(int) - thumbnails[earlier]).mean()
            if apart <= _MOST_LEVELS:
                named.add(later)
                pairs.append((int(earlier), later))
    return pairs
