"""Decoded pictures in plain files: mapped into memory, so that a crop costs what the crop holds."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from matting.errors import MattingError
from matting.system import atomic

ENDING = ".npy"
"""Files are in NumPy's own format, and so can be read by anything that knows it."""


def write(path: str | Path, pixels: np.ndarray) -> None:
    """Write pixels as they are; the name appears only when the file is complete and reads back equal.

    Args:
        pixels: (H, W) or (H, W, C) uint8 or uint16.

    Raises:
        MattingError: the file cannot be written, or the disk gave back something else.
    """
    path = Path(path)
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(pixels), allow_pickle=False)
    with atomic.replacing(path) as beside:
        beside.write_bytes(buffer.getbuffer())
        if beside.read_bytes() != buffer.getbuffer() or not np.array_equal(read(beside), pixels):
            raise MattingError(f"{path} was written but reads back differently; check the disk")


def read(path: str | Path) -> np.ndarray:
    """Map a file into memory; nothing is read from the disk before it is used.

    Returns:
        (H, W) or (H, W, C) uint8 or uint16, read-only.

    Raises:
        MattingError: the file is missing, broken, cut short, or holds something else.
    """
    try:
        pixels = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise MattingError(f"{path} cannot be read: {error.strerror or error}") from None
    except Exception as error:  # NumPy parses the header as Python, where a broken one can fail in any way
        raise MattingError(f"{path} cannot be read: {error}; the file is broken or cut short") from None
    is_picture = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    if not is_picture or 0 in pixels.shape or pixels.dtype not in (np.uint8, np.uint16):
        raise MattingError(f"{path} holds no picture; packed files are made by matting pack_data")
    return pixels.view(np.ndarray)
