"""Whether a JPEG or WebP lacks a part although its decoder gave a picture: it fills in what is missing.

What is missing may be left out or, after a broken download or on a damaged disk, be zeros. Neither can be seen in the
bytes alone: flat colour is encoded as zeros too, and zeros may follow a picture. But an encoder uses each byte
once. So a few bytes are changed, and the picture is looked at again: does it use them? That is done for the few
files that hold many zeros in a row, or whose last pixel is the grey that decoders fill in; the others cost a search.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable

import numpy as np
from PIL import JpegImagePlugin

_ZEROS = bytes(64)
"""So many zeros are worth a look."""

_RUN = re.compile(rb"\0{64,}")
_END = b"\xff\xd9"
_FILLED_IN = 128
"""The grey that a JPEG decoder puts where data ended."""

_MARGIN, _PIECE = 8, 32
"""Bytes of a run of zeros that may belong to what is before it, and bytes that are changed."""

Look = Callable[[bytes], bytes | None]


def lacks_a_part_of_jpeg(data: bytes, body: int, last_pixel: np.ndarray) -> bool:
    """Tell whether some of a JPEG's picture was made up.

    Args:
        data: the file; `body` is where its compressed pixels begin.
        last_pixel: the lower right one as stored, grey or RGB; anything else if that is not to be looked at.
    """
    is_grey = bool((last_pixel == _FILLED_IN).all())
    if not (is_grey or _may_hold_zeros(data)):
        return False
    end = data.find(_END, body)
    has_end = end >= 0
    end = end if has_end else len(data)
    has_zeros = data.find(_ZEROS, body, end) >= 0
    if not (is_grey or has_zeros):
        return False
    data = data[:end] + _END
    pixels = _look_at_jpeg(data)
    if has_zeros:
        is_sequential, is_noise = _read_tables(data, body)
        behind = len(data[:end].rstrip(b"\0")) + _MARGIN
        if is_sequential and not has_end and _uses(_look_at_jpeg, data, pixels, behind):
            return True
        start, stop = _longest_run(data, body, end)
        if is_sequential and _uses(_look_at_jpeg, data, pixels, start + _MARGIN):
            # Whoever writes flat colour as zeros uses the last of them like the first.
            return is_noise or not _uses(_look_at_jpeg, data, pixels, stop - _PIECE)
    # Behind whichever restart mark, a picture that is complete takes no more.
    more = _junk(_PIECE) + b"".join(bytes((0xFF, 0xD0 + number)) + _junk(_PIECE) for number in range(8))
    return has_end and is_grey and _look_at_jpeg(data[:end] + more + _END) != pixels


def lacks_a_part_of_webp(data: bytes, look: Look) -> bool:
    """Tell whether some of a WebP's picture was made up: of its zeros it uses the first and not the last.

    Args:
        look: decodes a file; None if it cannot.
    """
    start, end = _webp_body(data)
    if not _may_hold_zeros(data) or data.find(_ZEROS, start, end) < 0:
        return False
    start, stop = _longest_run(data, start, end)
    pixels = look(data)
    return _uses(look, data, pixels, start + _MARGIN) and not _uses(look, data, pixels, stop - _PIECE)


def _may_hold_zeros(data: bytes) -> bool:
    """Look at 8 of each 32 bytes, among which 64 zeros are found: a fraction of the time that a search takes."""
    return not np.frombuffer(data, np.uint64, len(data) // 8)[::4].all()


def _uses(look: Look, data: bytes, pixels: bytes | None, start: int) -> bool:
    """Tell whether a picture is another one when some bytes of its file are."""
    stop = min(start + _PIECE, len(data))
    return look(data[:start] + _junk(stop - start) + data[stop:]) != pixels


def _longest_run(data: bytes, start: int, end: int) -> tuple[int, int]:
    return max((run.span() for run in _RUN.finditer(data, start, end)), key=lambda span: span[1] - span[0])


def _look_at_jpeg(data: bytes) -> bytes | None:
    """Return a JPEG's pixels. Pillow says nothing on the way, as OpenCV would."""
    try:
        return JpegImagePlugin.JpegImageFile(io.BytesIO(data)).tobytes()
    except Exception:  # broken data may raise nearly anything in Pillow
        return None


def _junk(length: int) -> bytes:
    """Return always the same bytes, without 0 and 255, that look like a compressed picture."""
    return np.random.default_rng(0).integers(1, 255, length, np.uint8).tobytes()


def _read_tables(data: bytes, body: int) -> tuple[bool, bool]:
    """Tell whether a JPEG comes in one pass, and whether zeros would be noise in it.

    A run of zero bits is the first code of a table again and again. If that is the end of a block, blocks are flat;
    if it is a coefficient, each of the 63 gets it, which no picture has in one block, let alone in several.
    """
    is_sequential, first_codes, position = False, {}, 2
    while position + 4 <= body:
        mark, length = struct.unpack_from(">xBH", data, position)
        content = data[position + 4 : position + 2 + length]
        if mark in (0xC0, 0xC1):
            is_sequential = True
        elif mark == 0xC4:
            while len(content) > 17:
                if content[0] >> 4:
                    first_codes[content[0] & 15] = content[17]
                content = content[17 + sum(content[1:17]) :]
        elif mark == 0xDA and content:
            used = (first_codes.get(choice & 15, 0) for choice in content[2 : 1 + 2 * content[0] : 2])
            return is_sequential, any(used)
        position += 1 if mark == 0xFF else 2 + length
    return is_sequential, False


def _webp_body(data: bytes) -> tuple[int, int]:
    """Return where the compressed pixels of a WebP's first picture begin and end."""
    position = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        if kind in (b"VP8 ", b"VP8L"):
            return position + 8, min(position + 8 + length, len(data))
        # A picture of an animation lies inside a chunk of its own, behind 16 bytes.
        position += 24 if kind == b"ANMF" else 8 + length + length % 2
    return len(data), len(data)
