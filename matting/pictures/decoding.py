"""From a file to its pixels, upright."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from matting.errors import MattingError
from matting.pictures import colour, packed
from matting.pictures.completeness import lacks_a_part_of_jpeg, lacks_a_part_of_webp
from matting.pictures.headers import Header, check_limit, open_with_pillow, read_file, read_header, reason
from matting.text import dimensions

_PILLOWS = ("HEIF", "AVIF")
"""The formats that Pillow alone decodes: whether OpenCV can, and whether it turns them, differs from build to build."""


def decode(path: str | Path, pixel_limit: int) -> np.ndarray:
    """Return a file's pixels; see `decode_with_header`."""
    return decode_with_header(path, pixel_limit)[0]


def decode_with_header(path: str | Path, pixel_limit: int, data: bytes | None = None) -> tuple[np.ndarray, Header]:
    """Return a file's pixels, turned upright as its EXIF orientation says, and what else the file says of itself.

    OpenCV decodes, because it takes half of Pillow's time. It cannot be trusted with a file cut short: from a path it
    fills the rest of a JPEG with grey, and which of its releases do so from memory differs. So the end mark of a JPEG
    is looked for (microseconds), and Pillow, which refuses a file whose data ends early, has the last word on whatever
    OpenCV refused or lacks that mark. What both fill in silently `matting.pictures.completeness` finds.

    A packed file (`matting.pictures.packed`) is mapped, not read.

    Args:
        data: the file's content where somebody has it already; `path` is then what messages call it.

    Returns:
        (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, in the depth of the file: uint8, uint16 or float32, and the
        header, whose profile says what the numbers mean; that of CMYK is used up, for the pixels are sRGB then.

    Raises:
        MattingError: the file is missing, broken, cut short, no picture, or has more than `pixel_limit` pixels.
    """
    if data is None and str(path).endswith(packed.ENDING):
        pixels = _within(packed.read(path), path, pixel_limit)
        return pixels, Header("NPY", pixels.shape[0], pixels.shape[1], "")
    data = read_file(path, pixel_limit) if data is None else data
    header = read_header(data, path, pixel_limit)
    # OpenCV would multiply the colours of such a TIFF by its fourth channel.
    is_multiplied = (header.format, header.mode, header.depth) == ("TIFF", "RGBA", 4)
    decoded = None if is_multiplied or header.format in _PILLOWS else _decode_with_opencv(data, header)
    ends_early = header.format == "JPEG" and data.rfind(b"\xff\xd9", header.body) < 0
    pixels = _decode_with_pillow(data, path) if decoded is None or ends_early else decoded
    if _lacks_a_part(data, header, pixels):
        raise MattingError(f"{path} cannot be decoded: a part of its data is missing; the file is broken or cut short")
    if header.mode == "CMYK":
        profile = colour.usable(header.profile, "CMYK", path)
        pixels = pixels if profile is None else colour.convert(_read_inks(data, path), profile)
        header = replace(header, profile=None)
    if pixels.shape[:2] != (header.height, header.width) and header.format in _PILLOWS:
        raise MattingError(
            f"{path} cannot be decoded: it announces {header.width}x{header.height} and holds "
            f"{dimensions(pixels.shape)}; the file is broken"
        )
    if header.format == "TIFF":
        return pixels, header  # both libraries turn this format upright by themselves, and no other
    return upright(pixels, header.orientation), header


@dataclass(frozen=True)
class Description:
    """What a file's header says of its picture.

    Attributes:
        format: as `JPEG`.
        height, width: of the upright picture.
        raw_height, raw_width: as it is stored, before its orientation is applied.
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
    header = read_header(read_file(path, pixel_limit), path, pixel_limit)
    height, width = header.height, header.width
    upright = (width, height) if header.orientation >= 5 else (height, width)
    return Description(header.format, *upright, height, width, header.orientation)


def read_size(path: str | Path, pixel_limit: int) -> tuple[int, int]:
    """Return (height, width) of the upright picture, from the file's header alone.

    Raises:
        MattingError: as `describe`.
    """
    description = describe(path, pixel_limit)
    return description.height, description.width


def _lacks_a_part(data: bytes, header: Header, pixels: np.ndarray) -> bool:
    if header.format == "JPEG":
        # The inks of CMYK were turned into colours, among which the grey that is filled in cannot be recognised.
        last = pixels[-1, -1] if header.mode != "CMYK" else np.zeros(1)
        return lacks_a_part_of_jpeg(data, header.body, last)
    return header.format == "WEBP" and lacks_a_part_of_webp(data, lambda other: _look(other, header))


def _look(data: bytes, header: Header) -> bytes | None:
    pixels = _decode_with_opencv(data, header)
    return None if pixels is None else pixels.tobytes()


def _decode_with_opencv(data: bytes, header: Header) -> np.ndarray | None:
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


def _read_inks(data: bytes, path: str | Path) -> np.ndarray:
    """Return (H, W, 4) CMYK, which OpenCV turns into colours by a rule of thumb."""
    return _decode_with_pillow(data, path, ("CMYK",), "CMYK")


def _decode_with_pillow(
    data: bytes, path: str | Path, modes: tuple[str, ...] = ("L", "RGB", "RGBA"), other: str = "RGBA"
) -> np.ndarray:
    """Return the pixels of a file of one of these modes, or brought into the `other` one."""
    try:
        opened = open_with_pillow(data, path)
        opened.load()
        return np.asarray(opened if opened.mode in modes else opened.convert(other))
    except Exception as error:  # broken data may raise nearly anything in Pillow
        raise MattingError(f"{path} cannot be decoded: {reason(error)}; the file is broken or cut short") from None


@contextlib.contextmanager
def _quiet_opencv() -> Iterator[None]:
    """Keep OpenCV from writing its own lines about a broken file, which `MattingError` reports in one sentence."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)


def _within(pixels: np.ndarray, path: str | Path, pixel_limit: int) -> np.ndarray:
    check_limit(pixels.shape[0], pixels.shape[1], path, pixel_limit)
    return pixels


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undo one of EXIF's eight orientations: 5 to 8 swap the axes, then none, one or both are reversed."""
    if orientation in (5, 6, 7, 8):
        pixels = cv2.transpose(pixels)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return pixels if flip is None else cv2.flip(pixels, flip)
