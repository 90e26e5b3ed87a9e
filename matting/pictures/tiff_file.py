"""TIFF files of 8 or 16 bits a channel with all their tags, which neither OpenCV nor Pillow writes."""

from __future__ import annotations

import zlib

import numpy as np
from PIL import ExifTags, Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from matting.pictures import tiff
from matting.pictures.metadata import Metadata

_HEADER = b"II*\0\x08\0\0\0"
"""Little-endian, with the directory behind these eight bytes."""

_STRIP_BYTES = 1 << 20
"""Of a strip before compression; readers decode strip by strip."""

_ADOBE_DEFLATE, _DIFFERENCES = 8, 2
_MULTIPLIED, _STRAIGHT = 1, 2
"""What the fourth channel is to the colours, by TIFF 6.0, section 18."""

_STRIP_OFFSETS, _STRIP_ROWS, _STRIP_COUNTS, _PREDICTOR, _EXTRA_SAMPLES = 273, 278, 279, 317, 338


def encode(pixels: np.ndarray, metadata: Metadata, premultiplied: bool = False) -> bytes:
    """Return a picture as a TIFF file: one directory, strips compressed without loss.

    Args:
        pixels: (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16.
        premultiplied: whether the colours are times alpha, which the file is to say.
    """
    height, width = pixels.shape[:2]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    rows = max(1, _STRIP_BYTES // (width * channels * pixels.itemsize))
    strips = [_compress(pixels[top : top + rows]) for top in range(0, height, rows)]
    lengths = [len(strip) for strip in strips]
    tags = _described(metadata)
    tags[tiff.WIDTH], tags[tiff.HEIGHT] = width, height
    tags[tiff.BITS] = (8 * pixels.itemsize,) * channels
    tags[tiff.COMPRESSION], tags[_PREDICTOR] = _ADOBE_DEFLATE, _DIFFERENCES
    tags[tiff.PHOTOMETRIC], tags[tiff.SAMPLES] = (1 if channels == 1 else 2), channels
    tags[_STRIP_ROWS], tags[_STRIP_COUNTS] = rows, tuple(lengths)
    tags[_STRIP_OFFSETS] = tuple(np.cumsum([0, *lengths[:-1]]).tolist())  # from the end of the directory on
    tags[tiff.ORIENTATION] = 1
    if channels == 4:
        tags[_EXTRA_SAMPLES] = _MULTIPLIED if premultiplied else _STRAIGHT
    return b"".join((_HEADER, tags.tobytes(len(_HEADER)), *strips))


def _compress(strip: np.ndarray) -> bytes:
    """Return rows as differences to the pixel before, compressed."""
    differences = strip.astype(strip.dtype.newbyteorder("<"))
    differences[:, 1:] -= strip[:, :-1]
    return zlib.compress(differences.tobytes(), 6)


def _described(metadata: Metadata) -> ImageFileDirectory_v2:
    """Return a directory that says what is carried on of the photograph."""
    tags = ImageFileDirectory_v2(_HEADER)
    if metadata.exif:
        exif = Image.Exif()
        exif.load(metadata.exif)
        shot = dict(exif.get_ifd(ExifTags.IFD.Exif))
        for number, value in exif.items():
            if number != ExifTags.IFD.Exif:
                tags[number] = value
        if shot:
            tags[ExifTags.IFD.Exif] = shot
    if metadata.profile:
        tags.tagtype[tiff.PROFILE] = 7
        tags[tiff.PROFILE] = metadata.profile
    if metadata.dpi:
        tags[tiff.X_RESOLUTION], tags[tiff.Y_RESOLUTION] = metadata.dpi
        tags[tiff.RESOLUTION_UNIT] = 2
    return tags
