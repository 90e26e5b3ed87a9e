"""Which way up a clip's frames are, as its file says, and turning them so."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np


def display_matrix(raw: Any) -> tuple[float, float, float, float] | None:
    """Return a, b, c and d of a decoded frame's display matrix, which takes (x, y) to (a x + c y, b x + d y).

    Looked for once a clip: PyAV ties a frame whose side data were looked at into a circle, which holds its memory until
    the collector of circles comes.
    """
    matrix = next((bytes(data) for data in raw.side_data if data.type.name == "DISPLAYMATRIX"), None)
    if matrix is None:
        return None
    a, b, _, c, d = (value / 65536 for value in struct.unpack_from("=5i", matrix))
    return a, b, c, d


def turned(image: np.ndarray, matrix: tuple[float, float, float, float] | None) -> np.ndarray:
    """Turn an image by quarters and mirror it, as a display matrix says; any other turn is left out."""
    if matrix is None:
        return image
    a, b, c, d = matrix
    if abs(b) > abs(a) and abs(c) > abs(d):
        image, (a, d) = image.swapaxes(0, 1), (c, b)
    return np.ascontiguousarray(image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])
