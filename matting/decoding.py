"""From a file to its pixels, upright: which formats are taken, what is refused and why."""

from __future__ import annotations

import contextlib
import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

from matting import packed
from matting.errors import MattingError

_ORIENTATION = 0x0112
"""The EXIF tag that says how the camera was held."""

_DEFLATE_RATIO = 1032
"""The most bytes that one byte of PNG's compression can unfold to."""


def decode(path: str | Path, pixel_limit: int) -> np.ndarray:
    """Return a file's pixels, turned upright as its EXIF orientation says.

    OpenCV decodes, because it takes half of Pillow's time. It cannot be trusted with a file cut short: from a path it
    fills the rest of a JPEG with grey, and which of its releases do so from memory differs. So the end mark of a JPEG
    is looked for (microseconds), and Pillow, which refuses a file whose data ends early, has the last word on whatever
    OpenCV refused or lacks that mark.

    A packed file (`matting.packed`) is mapped, not read.

    Returns:
        (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, in the depth of the file: uint8, uint16 or float32.

    Raises:
        MattingError: the file is missing, broken, cut short, no picture, or has more than `pixel_limit` pixels.
    """
    if str(path).endswith(packed.ENDING):
        return _within(packed.read(path), path, pixel_limit)
    data = _read_file(path)
    header = _read_header(data, path, pixel_limit)
    pixels = _decode_with_opencv(data, header)
    ends_early = header.format == "JPEG" and data.rfind(b"\xff\xd9", header.fp.tell()) < 0
    if pixels is None or ends_early:
        pixels = _decode_with_pillow(header, path)
    if header.format == "TIFF":
        return pixels  # both libraries turn this format upright by themselves, and no other
    return _upright(pixels, _read_orientation(header, data))


@dataclass(frozen=True)
class Description:
    """What a file's header says of its picture.

    Attributes:
        format: as `JPEG`.
        height, width: of the upright picture.
        raw_height, raw_width: as it is stored, before its orientation is heeded.
        orientation: EXIF's, 1 (upright) to 8.
    """

    format: str
    height: int
    width: int
    raw_height: int
    raw_width: int
    orientation: int


def describe(path: str | Path, pixel_limit: int) -> Description:
    """Read a file's header.

    Raises:
        MattingError: as `decode`, but a file that is broken further on is not noticed.
    """
    if str(path).endswith(packed.ENDING):
        height, width = _within(packed.read(path), path, pixel_limit).shape[:2]
        return Description("NPY", height, width, height, width, 1)
    data = _read_file(path)
    header = _read_header(data, path, pixel_limit)
    if header.format == "TIFF":
        orientation = _known_orientation(header.tag_v2.get(_ORIENTATION))
    else:
        orientation = _read_orientation(header, data)
    width, height = header.size
    upright = (width, height) if orientation >= 5 else (height, width)
    return Description(str(header.format), *upright, height, width, orientation)


def read_size(path: str | Path, pixel_limit: int) -> tuple[int, int]:
    """Return (height, width) of the upright picture, from the file's header alone.

    Raises:
        MattingError: as `describe`.
    """
    found = describe(path, pixel_limit)
    return found.height, found.width


def _read_file(path: str | Path) -> bytes:
    try:
        if not os.path.isfile(path):
            reason = "it is a folder" if os.path.isdir(path) else "no such file"
            raise MattingError(f"{path} cannot be read: {reason}")
        with open(path, "rb") as file:
            start = file.read(16)
            _plugin_for(start, path)  # before the rest: a film of gigabytes may carry a picture's name
            return start + file.read()
    except OSError as error:
        raise MattingError(f"{path} cannot be read: {error.strerror}") from None


def _plugin_for(start: bytes, path: str | Path) -> Any:
    """Return Pillow's reader of the format that a file's first bytes announce."""
    if start[:3] == b"\xff\xd8\xff":
        return JpegImagePlugin.JpegImageFile
    if start[:8] == b"\x89PNG\r\n\x1a\n":
        return PngImagePlugin.PngImageFile
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return WebPImagePlugin.WebPImageFile
    if start[:2] == b"BM":
        return BmpImagePlugin.BmpImageFile
    if start[:4] in (b"II*\0", b"MM\0*"):
        return TiffImagePlugin.TiffImageFile
    reason = "it is empty" if not start else "its content is none of JPEG, PNG, WebP, BMP and TIFF"
    raise MattingError(f"{path} cannot be read: {reason}")


def _read_header(data: bytes, path: str | Path, pixel_limit: int) -> Any:
    """Return Pillow's view of a file, not decoded yet.

    The format's own class is called, not `Image.open`: that would try fifty formats, and brings a pixel limit of its
    own that only a global setting can move.
    """
    try:
        header = _plugin_for(data[:16], path)(io.BytesIO(data))
    except MattingError:
        raise
    except Exception as error:  # a broken header may raise nearly anything in Pillow
        raise MattingError(f"{path} cannot be read: its header is broken ({_reason(error)})") from None
    width, height = header.size
    _check_limit(height, width, path, pixel_limit)
    if header.format == "PNG":
        _check_png(data, path, width, height)
    return header


def _within(pixels: np.ndarray, path: str | Path, pixel_limit: int) -> np.ndarray:
    _check_limit(pixels.shape[0], pixels.shape[1], path, pixel_limit)
    return pixels


def _check_limit(height: int, width: int, path: str | Path, pixel_limit: int) -> None:
    if width * height > pixel_limit:
        raise MattingError(
            f"{path} is {width}x{height}; a picture may have at most {pixel_limit / 1e6:g} megapixels; make it smaller"
        )


def _check_png(data: bytes, path: str | Path, width: int, height: int) -> None:
    """Refuse a PNG that announces more than it can hold: OpenCV takes the memory for it before it looks."""
    depth, colour_type = data[24], data[25]
    channels = {2: 3, 4: 2, 6: 4}.get(colour_type, 1)
    unfolded = width * height * channels * depth // 8
    if unfolded > _DEFLATE_RATIO * len(data) or any(end > len(data) for _, _, end in _png_chunks(data)):
        raise MattingError(
            f"{path} cannot be decoded: it announces more than it holds; the file is broken or cut short"
        )


def _decode_with_opencv(data: bytes, header: Any) -> np.ndarray | None:
    flags = cv2.IMREAD_UNCHANGED
    if header.format == "JPEG" and header.mode != "L":
        # The decoder can deliver red first by itself. Elsewhere this flag would lose the depth and the fourth channel.
        flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    with _quiet_opencv():
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
            if pixels is None or pixels.ndim == 2 or flags != cv2.IMREAD_UNCHANGED:
                return pixels
            if pixels.dtype == np.float64:
                pixels = pixels.astype(np.float32)
            return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB)
        except cv2.error:
            return None


def _decode_with_pillow(header: Any, path: str | Path) -> np.ndarray:
    try:
        header.load()
        return np.asarray(header if header.mode in ("L", "RGB", "RGBA") else header.convert("RGBA"))
    except Exception as error:  # broken data may raise nearly anything in Pillow
        raise MattingError(f"{path} cannot be decoded: {_reason(error)}; the file is broken or cut short") from None


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


@contextlib.contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Keep OpenCV from writing its own lines about a broken file, which `MattingError` reports in one sentence."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _read_orientation(header: Any, data: bytes) -> int:
    exif = header.info.get("exif")
    if exif is None and header.format == "PNG":
        # Behind the pixels, where some tools put it, Pillow looks only after decoding.
        exif = next((data[start:end] for kind, start, end in _png_chunks(data) if kind == b"eXIf"), None)
    if not exif:
        return 1
    try:
        found = Image.Exif()
        found.load(exif)
        return _known_orientation(found.get(_ORIENTATION))
    except Exception:  # a camera's broken notes do not spoil its picture
        return 1


def _known_orientation(value: object) -> int:
    """Return one of EXIF's eight orientations; anything else is none of them, and turns nothing."""
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield (kind, start, end) of each chunk's content up to the end mark; the last end may lie beyond the file."""
    position, kind = 8, b""
    while kind != b"IEND" and position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        yield kind, position + 8, position + 8 + length
        position += 12 + length


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo one of EXIF's eight orientations: 5 to 8 swap the axes, then none, one or both are reversed."""
    if orientation in (5, 6, 7, 8):
        pixels = cv2.transpose(pixels)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return pixels if flip is None else cv2.flip(pixels, flip)
