"""What a picture's file says of itself before it is decoded: format, size, turn, colour profile; what is refused."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from matting.errors import MattingError, TooLargeError, UnknownFormatError
from matting.pictures import boxes, png, tiff

_START = 64
"""Bytes of a file that say its format."""

_ORIENTATION = 0x0112
"""The EXIF tag that says how the camera was held."""

_AVIF, _HEIF = {b"avif", b"avis"}, {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
"""Brands of the files that hold pictures as AV1 or HEVC compresses them."""

_UNITS = {2: 1.0, 3: 2.54}
"""What makes pixels an inch of a resolution, by the number of its unit; the same in TIFF and EXIF."""

_DEFLATE_RATIO = 1032
"""The most bytes that one byte of PNG's compression can unfold to."""

_TIFF_RATIO = 2048
"""The same of TIFF's compressions, of which LZW reaches the most (some 1,300), but for those of `_DENSER`."""

_DENSER = (2, 3, 4, 34925, 50000)
"""TIFF's fax, LZMA and Zstandard, which can hold a blank page in next to nothing."""

_DEEPEST = 8
"""Bytes that a pixel of the largest pictures may take: four channels of 16 bits."""

_BESIDE_PIXELS = 64 << 20
"""Bytes of a file that may be something else than pixels."""


@dataclass(frozen=True)
class Header:
    """A file's own description of its picture.

    Attributes:
        format: as `JPEG`.
        height, width: as stored, before the orientation is applied.
        mode: Pillow's name for the channels, as `CMYK`; of a TIFF RGBA, CMYK or nothing.
        orientation: EXIF's, 1 (upright) to 8.
        profile: the embedded colour profile.
        exif: EXIF's block, as Pillow reads it.
        dpi: pixels an inch, horizontally and vertically as stored.
        body: where the compressed pixels of a JPEG begin.
        depth: bytes of a pixel of a TIFF.
    """

    format: str
    height: int
    width: int
    mode: str
    orientation: int = 1
    profile: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    body: int = 0
    depth: float = 0


def read_file(path: str | Path, pixel_limit: int) -> bytes:
    """Return a file's bytes, if they begin as a picture's do and are not more than a picture of the limit can have.

    Raises:
        MattingError: it is missing, a folder, no picture or too large.
    """
    try:
        if not os.path.isfile(path):
            there = "it is a pipe or device, no file" if os.path.exists(path) else "no such file"
            raise MattingError(f"{path} cannot be read: {'it is a folder' if os.path.isdir(path) else there}")
        with open(path, "rb") as file:
            start = file.read(_START)
            _plugin_for(start, path)  # before the rest: a film of gigabytes may carry a picture's name
            size, most = os.fstat(file.fileno()).st_size, _DEEPEST * pixel_limit + _BESIDE_PIXELS
            if size > most:
                raise MattingError(
                    f"{path} has {size / 1e9:.1f} GB; a picture's file may have at most {most / 1e9:.1f} GB; save it "
                    "with compression, or make it smaller"
                )
            return start + file.read()
    except OSError as error:
        raise MattingError(f"{path} cannot be read: {error.strerror}") from None


def read_header(data: bytes, path: str | Path, pixel_limit: int) -> Header:
    """Read a file's header, and refuse what announces more than can be or should be decoded.

    Raises:
        MattingError: the header is broken, the picture too large, or the file too short for it.
    """
    try:
        header = _read_tiff(data, path, pixel_limit) if data[:4] in tiff.MAGICS else _read_other(data, path)
    except MattingError:
        raise
    except Exception as error:  # a broken header may raise nearly anything in Pillow
        raise MattingError(f"{path} cannot be read: its header is broken ({reason(error)})") from None
    check_limit(header.height, header.width, path, pixel_limit)
    if header.format == "PNG":
        _check_png(data, path, header)
    if header.format in ("HEIF", "AVIF") and boxes.end(data) > len(data):
        raise MattingError(_too_short(path))
    return header


def open_with_pillow(data: bytes, path: str | Path) -> Any:
    """Return Pillow's view of a file, not decoded yet.

    The format's own class is called, not `Image.open`: that would try fifty formats, and brings a pixel limit of its
    own that only a global setting can move. Of a PNG the texts and the profile are left out, for the same reason.
    """
    plugin = _plugin_for(data[:_START], path)
    if plugin is PngImagePlugin.PngImageFile:
        data = png.without_texts(data)
    return plugin(io.BytesIO(data))


def check_limit(height: int, width: int, path: str | Path, pixel_limit: int) -> None:
    """Raise a MattingError if a picture has more than `pixel_limit` pixels."""
    if width * height > pixel_limit:
        raise TooLargeError(
            f"{path} is {width}x{height}; a picture may have at most {pixel_limit / 1e6:g} megapixels; make it smaller"
        )


def reason(error: Exception) -> str:
    """Return the first line of what a library said."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


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
    if start[:4] in tiff.MAGICS:
        return TiffImagePlugin.TiffImageFile
    brands = boxes.brands(start)
    if brands & _AVIF:
        return AvifImagePlugin.AvifImageFile
    if brands & _HEIF:
        return _heif_plugin(path)
    why = "it is empty" if not start else "its content is none of JPEG, PNG, WebP, BMP, TIFF, HEIC and AVIF"
    raise UnknownFormatError(f"{path} cannot be read: {why}")


def _heif_plugin(path: str | Path) -> Any:
    try:
        from pillow_heif import HeifImageFile
    except ImportError:
        raise UnknownFormatError(
            f"{path} is a HEIC photograph, and pillow-heif, which reads those, is not installed; add it by "
            "`pip install pillow-heif` (the extra `heif`), or save the photograph as JPEG"
        ) from None
    return HeifImageFile


def _read_other(data: bytes, path: str | Path) -> Header:
    opened = open_with_pillow(data, path)
    width, height = opened.size
    profile, exif = opened.info.get("icc_profile"), opened.info.get("exif")
    if opened.format == "PNG":
        profile = png.read_profile(data)
        # Behind the pixels, where some tools put it, Pillow looks only after decoding.
        exif = exif or next((data[start:end] for kind, start, end in png.chunks(data) if kind == b"eXIf"), None)
    body = opened.fp.tell() if opened.format == "JPEG" else 0
    return Header(
        str(opened.format), height, width, opened.mode, _read_orientation(exif), profile, exif,
        opened.info.get("dpi") or _read_resolution(exif), body,
    )  # fmt: skip


def _read_tiff(data: bytes, path: str | Path, pixel_limit: int) -> Header:
    tags = tiff.read_tags(data)
    (width, *_), (height, *_) = tags[tiff.WIDTH], tags[tiff.HEIGHT]
    if not width or not height:
        raise ValueError(f"it is {width}x{height}")
    check_limit(height, width, path, pixel_limit)
    channels = tags.get(tiff.SAMPLES, (1,))[0]
    depth = max(tags.get(tiff.BITS, (1,))) * channels / 8
    side = [max(1, tags.get(tag, (1,))[0]) for tag in (tiff.TILE_WIDTH, tiff.TILE_HEIGHT)]
    unfolded = depth * max(width * height, side[0] * side[1])
    if unfolded > _DEEPEST * pixel_limit:
        raise TooLargeError(
            f"{path} unfolds to {unfolded / 1e9:.1f} GB; a picture may have at most {_DEEPEST * pixel_limit / 1e9:.1f} "
            "GB; save it with fewer bits, channels or pixels"
        )
    if tags.get(tiff.COMPRESSION, (1,))[0] not in _DENSER and depth * width * height > _TIFF_RATIO * len(data):
        raise MattingError(_too_short(path))
    resolution = [tags[tag][0] for tag in (tiff.X_RESOLUTION, tiff.Y_RESOLUTION) if tag in tags]
    unit = _UNITS.get(tags.get(tiff.RESOLUTION_UNIT, (2,))[0])
    dpi = (resolution[0] * unit, resolution[1] * unit) if unit and len(resolution) == 2 else None
    orientation = known_orientation(tags.get(tiff.ORIENTATION, (1,))[0])
    mode = {(2, 4): "RGBA", (5, 4): "CMYK"}.get((tags.get(tiff.PHOTOMETRIC, (2,))[0], channels), "")
    return Header("TIFF", height, width, mode, orientation, tags.get(tiff.PROFILE), data, dpi, 0, depth)


def _too_short(path: str | Path) -> str:
    return f"{path} cannot be decoded: it announces more than it holds; the file is broken or cut short"


def _check_png(data: bytes, path: str | Path, header: Header) -> None:
    """Refuse a PNG that announces more than it can hold: OpenCV takes the memory for it before it looks."""
    depth, colour_type = data[24], data[25]
    channels = {2: 3, 4: 2, 6: 4}.get(colour_type, 1)
    unfolded = header.width * header.height * channels * depth // 8
    if unfolded > _DEFLATE_RATIO * len(data) or any(end > len(data) for _, _, end in png.chunks(data)):
        raise MattingError(_too_short(path))


def _read_orientation(exif: bytes | None) -> int:
    if not exif:
        return 1
    try:
        tags = Image.Exif()
        tags.load(exif)
        return known_orientation(tags.get(_ORIENTATION))
    except Exception:  # a camera's broken notes do not spoil its picture
        return 1


def _read_resolution(exif: bytes | None) -> tuple[float, float] | None:
    """Return EXIF's resolution: some formats have no place of their own for one."""
    if not exif:
        return None
    try:
        tags = Image.Exif()
        tags.load(exif)
        unit = _UNITS.get(tags.get(tiff.RESOLUTION_UNIT, 2))
        return (float(tags[tiff.X_RESOLUTION]) * unit, float(tags[tiff.Y_RESOLUTION]) * unit) if unit else None
    except Exception:
        return None


def known_orientation(value: object) -> int:
    """Return one of EXIF's eight orientations; anything else is none of them, and turns nothing."""
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
