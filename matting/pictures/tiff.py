"""What the first directory of a TIFF says, classic or BigTIFF, of any layout: more than Pillow opens."""

from __future__ import annotations

import struct
from typing import Any

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""How the files begin: the byte order, then 42 for the classic format or 43 for BigTIFF."""

WIDTH, HEIGHT, BITS, COMPRESSION, ORIENTATION, SAMPLES = 256, 257, 258, 259, 274, 277
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
PHOTOMETRIC, TILE_WIDTH, TILE_HEIGHT, PROFILE = 262, 322, 323, 34675

_MOST_TAGS = 1000
_MOST_NUMBERS = 100
_NUMBERS = {3: "H", 4: "I", 5: "II", 16: "Q"}
"""The types that are read as numbers; 5 is a fraction."""

_BYTES = (1, 7)
"""The types in which a profile is stored."""


def read_tags(data: bytes) -> dict[int, Any]:
    """Return values by tag: a tuple of numbers, fractions as floating point; the profile as bytes.

    Tags of other types, or whose values lie outside the file, are left out.

    Raises:
        ValueError: there is no directory.
    """
    order, is_big = "<" if data[:2] == b"II" else ">", data[2:4] in (b"+\0", b"\0+")
    wide, width, head = ("Q", 8, 8) if is_big else ("I", 4, 2)
    try:
        start = struct.unpack_from(order + wide, data, 8 if is_big else 4)[0]
        count = struct.unpack_from(order + ("Q" if is_big else "H"), data, start)[0]
    except (struct.error, OverflowError):
        raise ValueError("no directory of tags") from None
    tags: dict[int, Any] = {}
    step = 4 + 2 * width
    for number in range(min(count, _MOST_TAGS)):
        position = start + head + step * number
        if position + step > len(data):
            break
        tag, kind, length = struct.unpack_from(f"{order}HH{wide}", data, position)
        place = position + 4 + width
        if kind in _BYTES and tag == PROFILE:
            if length > width:
                place = struct.unpack_from(order + wide, data, place)[0]
            tags[tag] = data[place : place + length]
        elif kind in _NUMBERS:
            values = _read_numbers(data, order, _NUMBERS[kind] * min(length, _MOST_NUMBERS), place, wide)
            tags[tag] = tuple(_fractions(values)) if kind == 5 else values
    return {tag: value for tag, value in tags.items() if value}


def _read_numbers(data: bytes, order: str, form: str, place: int, wide: str) -> tuple[int, ...]:
    """Return the numbers that lie at `place`, or where it points to if they are too many to lie there."""
    size = struct.calcsize(order + form)
    if size > struct.calcsize(order + wide):
        place = struct.unpack_from(order + wide, data, place)[0]
    return struct.unpack_from(order + form, data, place) if place + size <= len(data) else ()


def _fractions(values: tuple[int, ...]) -> list[float]:
    return [above / below if below else 0.0 for above, below in zip(values[::2], values[1::2], strict=True)]
