"""Pictures in and out of files, and a clear error for what cannot be read or written."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from matting.errors import MattingError
from matting.pictures import colour
from matting.pictures.decoding import decode, decode_with_header, read_size
from matting.pictures.encoding import PNG, Format, encode
from matting.pictures.headers import Header
from matting.pictures.metadata import Metadata, read_metadata
from matting.sample import BACKGROUND, FOREGROUND, UNKNOWN
from matting.system import atomic
from matting.text import shortened

PIXEL_LIMIT = 200_000_000
"""Larger pictures are refused before they are decoded: a small file can unfold into more than the memory holds."""

_STRIP_VALUES = 1 << 16
"""Values of a matte that are rounded at a time."""

_GREY_TOLERANCE = 16 / 255
"""How far the channels of a matte saved in colour may differ: a lossy file differs a little, a photograph more."""

_logger = logging.getLogger(__name__)
_warned_of_trimap = False


@dataclass(frozen=True)
class Photograph:
    """A photograph as it is, as a network is to see it, and what its results carry on.

    Attributes:
        own: (H, W, 3) RGB uint8, in the colours of `metadata.profile`.
        srgb: the same in sRGB; the same array if there is no other profile.
        metadata: what its results carry on.
    """

    own: np.ndarray
    srgb: np.ndarray
    metadata: Metadata = Metadata()


def read_image(path: str | Path, pixel_limit: int = PIXEL_LIMIT) -> np.ndarray:
    """Read a photograph for a network: turned upright as its EXIF orientation says, in sRGB.

    A picture without a colour profile is taken for sRGB, and one in sRGB is not touched; so training, validation and
    prediction see the same colours, whatever the camera.

    Grey becomes RGB, 16 bits are rounded to 8, floating point must lie in [0, 1], a fourth channel is ignored (the
    colours are taken as they are), and of an animation or a file of several pages the first picture is taken.

    Args:
        path: a JPEG, PNG, WebP, BMP, TIFF, HEIC or AVIF file, whatever its ending. HEIC needs pillow-heif.
        pixel_limit: the most pixels it may have.

    Returns:
        (H, W, 3) RGB uint8.

    Raises:
        MattingError: the file is missing, broken, cut short, no picture or too large.
    """
    own, profile = _own(*decode_with_header(path, pixel_limit), path)
    return colour.convert(own, profile)


def read_photograph(path: str | Path, pixel_limit: int = PIXEL_LIMIT, data: bytes | None = None) -> Photograph:
    """Read a photograph whose results are to look like it: as `read_image`, and in its own colours.

    Args:
        data: the file's content where somebody has it already; `path` is then what messages call it.

    Raises:
        MattingError: as `read_image`.
    """
    return photograph_of(*decode_with_header(path, pixel_limit, data), path)


def photograph_of(pixels: np.ndarray, header: Header, path: str | Path) -> Photograph:
    """Return a photograph that is decoded already and upright.

    Raises:
        MattingError: its floating point does not lie in [0, 1].
    """
    own, profile = _own(pixels, header, path)
    return Photograph(own, colour.convert(own, profile), read_metadata(header, profile))


def _own(pixels: np.ndarray, header: Header, path: str | Path) -> tuple[np.ndarray, bytes | None]:
    """Return a photograph in RGB of 8 bits with its profile, which is None for sRGB."""
    if pixels.dtype != np.uint8:
        pixels = quantise(_unit(pixels, path))
    if header.mode == "LA" and pixels.ndim == 3:
        pixels = pixels[..., 0]  # decoders make colours of grey with a fourth channel
    profile = colour.usable(header.profile, "L" if pixels.ndim == 2 else "RGB", path)
    if pixels.ndim == 2:
        if colour.is_for_grey(profile):
            return colour.convert(pixels, profile), None
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    return (cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB) if pixels.shape[2] == 4 else pixels), profile


def read_alpha(path: str | Path, pixel_limit: int = PIXEL_LIMIT) -> np.ndarray:
    """Read a matte, turned upright like the photograph it belongs to.

    Of a grey picture saved in colours, one channel is taken. Of an RGBA file the fourth channel is the matte, unless it
    is opaque everywhere: with grey colours a matte was saved with an idle fourth channel, with others it is a
    photograph. 16 bits are kept.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        MattingError: as `read_image`, or the file is a photograph in colour.
    """
    return to_alpha(decode(path, pixel_limit), path)


def to_alpha(pixels: np.ndarray, path: str | Path) -> np.ndarray:
    """Return the matte in a file's pixels, as `read_alpha` does, for a caller that has decoded it already.

    Args:
        pixels: (H, W), (H, W, 3) or (H, W, 4) of 8 or 16 bits or floating point.
        path: for the message if it is no matte.
    """
    return _unit(_single_channel(pixels, path), path)


def read_trimap(path: str | Path, pixel_limit: int = PIXEL_LIMIT, data: bytes | None = None) -> np.ndarray:
    """Read a trimap: 0 is background, 255 foreground, and anything between counts as unknown.

    A value other than 0, 128 and 255 is warned of once in a process, with the first file that has one.

    Args:
        data: the file's content where somebody has it already; `path` is then what messages call it.

    Returns:
        (H, W) uint8 in {0, 128, 255}.

    Raises:
        MattingError: as `read_alpha`.
    """
    pixels, _ = decode_with_header(path, pixel_limit, data)
    values = quantise(_unit(_single_channel(pixels, path), path))
    present = np.flatnonzero(cv2.calcHist([values], [0], None, [256], [0, 256]))
    odd = [int(value) for value in present if value not in (BACKGROUND, UNKNOWN, FOREGROUND)]
    if odd:
        _warn_of_trimap(path, odd)
    table = np.full(256, UNKNOWN, np.uint8)
    table[BACKGROUND], table[FOREGROUND] = BACKGROUND, FOREGROUND
    return cv2.LUT(values, table)


def image_size(path: str | Path, pixel_limit: int = PIXEL_LIMIT) -> tuple[int, int]:
    """Return (height, width) of an upright picture without decoding it.

    Raises:
        MattingError: the file is missing, no picture or too large.
    """
    return read_size(path, pixel_limit)


def quantise(alpha: np.ndarray, bits: int = 8) -> np.ndarray:
    """Round values in [0, 1] to 8 bits: the one rounding that evaluation, prediction and trimaps share.

    Args:
        alpha: any shape, float in [0, 1]; what lies outside is clipped.
        bits: 16 for a file that holds more.

    Returns:
        uint8 (or uint16) of the same shape, the nearest of 255 (or 65,535) steps.
    """
    kind = np.uint8 if bits == 8 else np.uint16
    if np.ndim(alpha) < 2:
        return np.rint(np.clip(alpha, 0, 1) * np.iinfo(kind).max).astype(kind)
    steps = np.empty(alpha.shape, kind)
    rows = max(1, _STRIP_VALUES // max(alpha[:1].size, 1))
    for top in range(0, len(alpha), rows):  # of a large matte no other copy is held
        strip = np.clip(alpha[top : top + rows], 0, 1) * np.iinfo(kind).max
        steps[top : top + rows] = np.rint(strip, out=strip if strip.dtype.kind == "f" else None)
    return steps


def write_png(path: str | Path, pixels: np.ndarray, metadata: Metadata | None = None) -> None:
    """Write a PNG, creating its folders; the name appears only when the file is complete.

    Args:
        path: where to; an existing file is replaced.
        pixels: (H, W), (H, W, 3) RGB or (H, W, 4) RGBA, uint8.
        metadata: of the photograph; a grey picture is a matte, and gets no more of it than the resolution.

    Raises:
        MattingError: the file cannot be written.
    """
    atomic.write_bytes(path, encode(pixels, PNG, metadata))


def write_image(path: str | Path, pixels: np.ndarray, format: Format | None = None) -> None:
    """Write a picture or cutout (uint8) or a matte (also floating point in [0, 1]) in the format of the name's ending.

    Args:
        path: ends in one of `encoding.ENDINGS`.
        pixels: (H, W), (H, W, 3) RGB or (H, W, 4) RGBA with straight colours. A TIFF takes uint16 too, and holds a
            floating-point matte with 16 bits.
        format: its choices, where the usual ones will not do; whatever the ending is.

    Raises:
        MattingError: the ending names no format that is written, the array is no picture, the format cannot hold it
            (JPEG neither a cutout nor a matte), or the file cannot be written.
    """
    format = format or Format.of(path)
    if not isinstance(pixels, np.ndarray) or pixels.ndim not in (2, 3) or pixels.size == 0:
        raise MattingError(f"{path}: an array (H, W), (H, W, 3) or (H, W, 4) is written, not {type(pixels).__name__}")
    if pixels.ndim == 2 and format.name == "jpeg":
        raise MattingError(f"{path}: JPEG changes the values of a matte; give it the ending .png, .webp or .tif")
    if pixels.ndim == 2 and np.issubdtype(pixels.dtype, np.floating):
        pixels = quantise(_unit(pixels, path), format.alpha_bits)
    known = (np.uint8, np.uint16) if format.name == "tiff" else (np.uint8,)
    if pixels.dtype not in known or (pixels.ndim == 3 and pixels.shape[2] not in (3, 4)):
        raise MattingError(f"{path}: {pixels.dtype} {pixels.shape} is no picture; give uint8, or alpha in [0, 1]")
    atomic.write_bytes(path, encode(pixels, format))


def _unit(pixels: np.ndarray, path: str | Path) -> np.ndarray:
    """Bring 8 or 16 bits or floating point to float32 in [0, 1]."""
    if pixels.dtype == np.uint8:
        return cv2.LUT(pixels, (np.arange(256) / 255).astype(np.float32))
    if pixels.dtype == np.uint16:
        return (pixels / np.float32(65535)).astype(np.float32, copy=False)
    if not np.issubdtype(pixels.dtype, np.floating):
        raise MattingError(f"{path} holds {pixels.dtype}; save it with 8 or 16 bits a channel, or floating point")
    if not np.isfinite(pixels).all():
        raise MattingError(f"{path} holds NaN or infinity; in floating point values must lie in [0, 1]")
    low, high = float(pixels.min()), float(pixels.max())
    if not (low >= 0 and high <= 1):
        raise MattingError(f"{path} holds values from {low:g} to {high:g}; in floating point they must lie in [0, 1]")
    return pixels.astype(np.float32, copy=False)


def _single_channel(pixels: np.ndarray, path: str | Path) -> np.ndarray:
    if pixels.ndim == 2:
        return pixels
    full = 1.0 if np.issubdtype(pixels.dtype, np.floating) else float(np.iinfo(pixels.dtype).max)
    colours = pixels[..., :3]
    drift = float((colours.max(axis=2).astype(np.float32) - colours.min(axis=2)).max())
    is_grey = drift <= _GREY_TOLERANCE * full
    if pixels.shape[2] == 4:
        is_opaque = pixels[..., 3].min() == full
        if is_opaque and not is_grey:
            raise MattingError(
                f"{path} is a photograph, not a matte or trimap: it is in colour, and opaque everywhere; save a matte "
                "in grey"
            )
        if not is_opaque:
            return np.ascontiguousarray(pixels[..., 3])
    if not is_grey:
        raise MattingError(
            f"{path} is in colour, not a matte or trimap: its channels differ by up to {drift:g}; save it in grey"
        )
    return np.ascontiguousarray(pixels[..., 0])


def _warn_of_trimap(path: str | Path, odd: list[int]) -> None:
    global _warned_of_trimap
    if _warned_of_trimap:
        return
    _warned_of_trimap = True
    _logger.warning(
        "%s holds values other than 0, 128 and 255 (%s): they count as unknown, in this and every other trimap",
        path,
        shortened(list(map(str, odd)), 5),
    )
