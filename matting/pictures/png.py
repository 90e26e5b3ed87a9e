"""PNG files: their pixels compressed, and the chunks beside these."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import cv2
import numpy as np

_HEADER = 33
"""Bytes of the signature and the first chunk, which is the same in all files."""

_LARGEST_PROFILE = 16 << 20
"""Bytes; the profiles of printing presses have some two millions."""

_PILLOW_LIMITS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")
"""Chunks for which Pillow refuses the whole picture when they are long."""


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (kind, start, end) of each chunk's content up to the end mark; the last end may lie beyond the file."""
    position, kind = 8, b""
    while kind != b"IEND" and position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, position + 8, position + 8 + length
        position += 12 + length


def without_texts(data: bytes) -> bytes:
    """Return the file without its texts and its profile."""
    parts, kept = [], 0
    for kind, start, end in chunks(data):
        if kind in _PILLOW_LIMITS:
            parts.append(data[kept : start - 8])
            kept = end + 4
    return b"".join([*parts, data[kept:]]) if parts else data


def read_profile(data: bytes) -> bytes | None:
    """Return the colour profile, or None if there is none; one that cannot be unfolded is returned as it is stored."""
    content = next((data[start:end] for kind, start, end in chunks(data) if kind == b"iCCP"), None)
    if content is None:
        return None
    try:  # its name, a zero, the number of the compression, the compressed profile
        return zlib.decompressobj().decompress(content[content.index(b"\0") + 2 :], _LARGEST_PROFILE)
    except (ValueError, zlib.error):
        return content


def chunk(kind: bytes, content: bytes) -> bytes:
    """Return a chunk with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def insert(data: memoryview, chunks: bytes) -> bytes | memoryview:
    """Return the file with chunks put behind its header, where they all may be."""
    return b"".join((data[:_HEADER], chunks, data[_HEADER:])) if chunks else data


def encode(pixels: np.ndarray) -> memoryview:
    """Return a picture, (H, W), (H, W, 3) RGB or (H, W, 4) RGBA uint8, as a file without anything else."""
    if pixels.ndim == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR)
    return cv2.imencode(".png", pixels)[1].data
