"""The number type bfloat16, which NumPy lacks: the upper halves of float32 numbers."""

from __future__ import annotations

import numpy as np


def widened(halves: np.ndarray) -> np.ndarray:
    """Return the float32 numbers whose upper halves an array of uint16 holds."""
    return (np.ascontiguousarray(halves).astype(np.uint32) << 16).view(np.float32)
