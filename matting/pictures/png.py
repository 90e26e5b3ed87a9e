"""PNG files: their pixels compressed, and the chunks beside these."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_COLOURS = {1: 0, 3: 2, 4: 6}
"""How the format numbers grey, RGB and RGBA."""

_UP = 2
"""The number of the filter by which a row is stored as what it differs by from the one above."""

_STRIP = 1 << 20
"""Bytes that are filtered and compressed at a time."""

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


def insert(data: bytes, chunks: bytes) -> bytes:
    """Return the file with chunks put behind its header, where they all may be."""
    return b"".join((data[:_HEADER], chunks, memoryview(data)[_HEADER:])) if chunks else data


def encode(pixels: np.ndarray) -> bytes:
    """Return a picture, (H, W), (H, W, 3) RGB or (H, W, 4) RGBA uint8, as a file without anything else.

    Each row is stored as what it differs by from the one above, which of the filters alone gives the smallest files of
    people before nothing, and costs one subtraction. What would be gained by trying all five of them a row, as encoders
    do, is less than what it costs (docs/deployment.md). Rows go through in strips, so that no second picture is held.
    """
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOURS[channels], 0, 0, 0)
    parts = [_SIGNATURE, chunk(b"IHDR", header)]
    rows = pixels.reshape(height, width * channels)
    stream = _deflater()
    strip = max(1, _STRIP // max(rows.shape[1], 1))
    for top in range(0, height, strip):
        parts.append(_data(stream.compress(_filtered(rows, top, min(top + strip, height)))))
    parts += [_data(stream.flush()), chunk(b"IEND", b"")]
    return b"".join(parts)


def _filtered(rows: np.ndarray, top: int, bottom: int) -> np.ndarray:
    """Return rows with the byte that names their filter, as bytes to compress."""
    own = rows[top:bottom]
    filtered = np.empty((bottom - top, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = own[0] - rows[top - 1] if top else own[0]
    np.subtract(own[1:], own[:-1], out=filtered[1:, 1:])
    return filtered


def _data(compressed: bytes) -> bytes:
    return chunk(b"IDAT", compressed) if compressed else b""


def _deflater() -> Any:
    """Return what compresses: ISA-L where it is installed, four times as fast as zlib at the same size, else zlib."""
    try:
        from isal import isal_zlib
    except ImportError:
        return zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL + 1)
    return isal_zlib.compressobj(2)
