"""The boxes of which a HEIC or AVIF file consists (ISO/IEC 14496-12)."""

from __future__ import annotations

import struct


def brands(start: bytes) -> set[bytes]:
    """Return what a file's beginning says that it can be read as; nothing if it does not consist of boxes."""
    if start[4:8] != b"ftyp":
        return set()
    (length,) = struct.unpack_from(">I", start)
    listed = start[16:length]
    return {start[8:12], *(listed[place : place + 4] for place in range(0, len(listed), 4))}


def end(data: bytes) -> int:
    """Return where the last box ends, by what the boxes say; beyond the file if that is cut short."""
    position = 0
    while position < len(data):
        if position + 8 > len(data):
            return position + 8
        (length,) = struct.unpack_from(">I", data, position)
        if length == 0:  # up to the end of the file
            return len(data)
        if length == 1 and position + 16 <= len(data):
            (length,) = struct.unpack_from(">Q", data, position + 8)
        position += max(length, 8)
    return position
