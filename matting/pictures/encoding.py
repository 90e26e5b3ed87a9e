"""Pictures as the bytes of PNG, WebP, JPEG and TIFF files, with what each can hold of a photograph's metadata."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from matting.choices import FORMATS
from matting.errors import MattingError
from matting.pictures import png, tiff_file
from matting.pictures.metadata import Metadata

ENDINGS = {".png": "png", ".webp": "webp", ".jpg": "jpeg", ".jpeg": "jpeg", ".tif": "tiff", ".tiff": "tiff"}
"""What a file's ending says of its format."""

_LONGEST = {"webp": 16383, "jpeg": 65500}
"""Pixels of a side, by what the formats or their library can hold."""

_METRE = 0.0254
"""An inch."""


@dataclass(frozen=True)
class Format:
    """How pictures are stored.

    Attributes:
        name: of `choices.FORMATS`.
        quality: of JPEG and of WebP that is not lossless, 1 to 100.
        lossless: WebP keeps every value. Of a grey picture, which is a matte or a trimap, it always does.
        bits: of alpha in a TIFF, and of the colours beside it: 8 or 16. The other formats have 8.
        premultiplied: store alpha times colour. A TIFF says so; a PNG or WebP cannot, and its reader must know.

    Raises:
        MattingError: a value is none of these, or the format has no use for it.
    """

    name: str = FORMATS[0]
    quality: int = 90
    lossless: bool = False
    bits: int = 16
    premultiplied: bool = False

    def __post_init__(self) -> None:
        if self.name not in FORMATS:
            raise MattingError(f"--format {self.name}: it must be one of {', '.join(FORMATS)}")
        if not 1 <= self.quality <= 100:
            raise MattingError(f"--quality {self.quality}: it must be 1 to 100")
        if self.bits not in (8, 16):
            raise MattingError(f"--bits {self.bits}: it must be 8 or 16")
        if self.lossless and self.name != "webp":
            raise MattingError(f"--lossless is a choice of webp alone, not of {self.name}; leave it out")
        if self.premultiplied and not self.has_alpha:
            raise MattingError(f"--premultiplied: {self.name} holds no alpha; leave it out, or give --format png")

    @classmethod
    def of(cls, path: str | Path) -> Format:
        """Return the format that a file's ending says.

        Raises:
            MattingError: it says none that is written.
        """
        name = ENDINGS.get(Path(path).suffix.lower())
        if name is None:
            raise MattingError(
                f"{path}: its ending names no format that is written; give it one of {' '.join(ENDINGS)}"
            )
        return cls(name)

    @property
    def ending(self) -> str:
        """What files of it end in, without the dot."""
        return {"jpeg": "jpg", "tiff": "tif"}.get(self.name, self.name)

    @property
    def has_alpha(self) -> bool:
        """Whether it holds a fourth channel."""
        return self.name != "jpeg"

    @property
    def alpha_bits(self) -> int:
        """How finely it holds alpha."""
        return self.bits if self.name == "tiff" else 8

    def settings(self) -> dict[str, Any]:
        """Return what its files depend on, as plain values."""
        own: dict[str, Any] = {"format": self.name}
        if self.name == "jpeg" or (self.name == "webp" and not self.lossless):
            own["quality"] = self.quality
        if self.name == "tiff":
            own["bits"] = self.bits
        return own | {name: True for name in ("lossless", "premultiplied") if getattr(self, name)}


PNG = Format()
"""What is written if nothing else is asked for."""


def encode(pixels: np.ndarray, format: Format = PNG, metadata: Metadata | None = None) -> bytes | memoryview:
    """Return a picture as the content of a file.

    Args:
        pixels: (H, W), (H, W, 3) RGB or (H, W, 4) RGBA with straight colours, uint8; for a TIFF also uint16.
        metadata: of the photograph; a grey picture is a matte, and gets no more of it than the resolution.

    Raises:
        MattingError: the format cannot hold the picture: its alpha, or its size.
    """
    height, width = pixels.shape[:2]
    most = _LONGEST.get(format.name)
    if most and max(height, width) > most:
        raise MattingError(
            f"a picture of {width}x{height} cannot be written as {format.name}, which holds sides of up to {most} "
            "pixels; give --format png, or make it smaller (--max_size)"
        )
    has_alpha = pixels.ndim == 3 and pixels.shape[2] == 4
    if has_alpha and not format.has_alpha:
        raise MattingError(
            f"a cutout cannot be written as {format.name}, which holds no transparency; give png, webp or tiff, or put "
            "it before a background"
        )
    if has_alpha and format.premultiplied:
        pixels = _multiplied(pixels)
    metadata = metadata or Metadata()
    if pixels.ndim == 2:
        metadata = Metadata(dpi=metadata.dpi)
    if format.name == "png":
        return png.insert(png.encode(pixels), _chunks(metadata))
    if format.name == "tiff":
        return tiff_file.encode(pixels, metadata, format.premultiplied)
    return _encode_with_pillow(pixels, format, metadata)


def _multiplied(pixels: np.ndarray) -> np.ndarray:
    """Return RGBA with its colours times alpha, rounded to the nearest level."""
    full = np.uint32(np.iinfo(pixels.dtype).max)
    result = pixels.copy()
    for row, alpha in zip(result, pixels[..., 3:], strict=True):
        row[:, :3] = (row[:, :3] * alpha.astype(np.uint32) + full // 2) // full
    return result


def _chunks(metadata: Metadata) -> bytes:
    """Return what goes into a PNG behind its header."""
    chunks = b""
    if metadata.profile:
        chunks += png.chunk(b"iCCP", b"profile\0\0" + zlib.compress(metadata.profile))
    if metadata.dpi:
        chunks += png.chunk(b"pHYs", struct.pack(">IIB", *(round(dots / _METRE) for dots in metadata.dpi), 1))
    if metadata.exif:
        chunks += png.chunk(b"eXIf", metadata.exif)
    return chunks


def _encode_with_pillow(pixels: np.ndarray, format: Format, metadata: Metadata) -> memoryview:
    options: dict[str, Any] = {"quality": format.quality}
    if format.name == "jpeg":
        options |= {"subsampling": 0}  # the outlines of people keep their colours
        if metadata.dpi:
            options["dpi"] = metadata.dpi
        exif = b"Exif\0\0" + metadata.exif if metadata.exif else None
    else:
        exif = metadata.exif_with_dpi()
        is_exact = format.lossless or pixels.ndim == 2
        # What shows nowhere is free for the encoder to choose, unless somebody wanted it kept.
        hides = pixels.ndim == 3 and pixels.shape[2] == 4 and bool(pixels[..., :3][pixels[..., 3] == 0].any())
        options |= {"lossless": is_exact, "exact": is_exact or hides, "method": 4}
        if is_exact:
            options["quality"] = 60  # here the effort, by which nothing changes but time and size
    if metadata.profile:
        options["icc_profile"] = metadata.profile
    if exif:
        options["exif"] = exif
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format.name.upper(), **options)
    return buffer.getbuffer()
