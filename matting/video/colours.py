"""Colours of video frames: between the YUV that codecs hold, whatever its matrix and range, and RGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from matting.video.ffmpeg import pyav

_RGB, _BT709, _UNSTATED, _BT601 = 0, 1, 2, 6
"""Matrices by their numbers in ITU-T H.273, table 4; 5 is BT.601 too."""

_OF_SWSCALE = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9, 10: 9}
"""What swscale calls these matrices: BT.709, FCC, BT.601 of both kinds, SMPTE 240M and BT.2020."""

_LIMITED, _FULL = 1, 2


@dataclass(frozen=True)
class Colour:
    """How the colours of a clip are meant, by the numbers of ITU-T H.273.

    Attributes:
        matrix: from RGB to YUV.
        primaries, transfer: of RGB; 2 where the clip does not say. They are carried over and nothing is converted, so
            that results look like the clip.
    """

    matrix: int = _BT709
    primaries: int = 1
    transfer: int = 1


def colour_of(frame: Any) -> Colour:
    """Return how a decoded frame's colours are meant.

    Where a frame does not state its matrix, pictures of 720 lines, or 1280 columns, and more are taken for BT.709 and
    smaller ones for BT.601, as players do. RGB becomes BT.709 when it is encoded.
    """
    matrix = int(frame.colorspace)
    if matrix == _RGB or frame.format.is_rgb:
        return Colour()
    if matrix not in _OF_SWSCALE:
        matrix = _BT709 if frame.height >= 720 or frame.width >= 1280 else _BT601
    return Colour(matrix, int(frame.color_primaries), int(frame.color_trc))


def to_rgb(frame: Any, width: int, height: int) -> np.ndarray:
    """Return a decoded frame as RGB of 8 bits, scaled to a size if it has another one.

    Args:
        frame: `av.VideoFrame`.

    Returns:
        (height, width, 3) uint8.
    """
    matrix = _OF_SWSCALE[colour_of(frame).matrix]
    stated, name = int(frame.color_range), frame.format.name
    full = stated == _FULL or frame.format.is_rgb or (stated != _LIMITED and name.startswith(("yuvj", "gray")))
    converted = frame.reformat(
        width, height, "rgb24", src_colorspace=matrix, dst_colorspace=matrix, interpolation=_kernel(),
        src_color_range=_FULL if full else _LIMITED, dst_color_range=_FULL,
    )  # fmt: skip
    return converted.to_ndarray()


def to_matte(frame: Any, width: int, height: int) -> np.ndarray:
    """Return the matte that a decoded frame holds: its alpha, or where it has none its grey, in all colours alike.

    Args:
        frame: `av.VideoFrame`.

    Returns:
        (height, width) or, in colour, (height, width, 3) uint8.
    """
    if any(component.is_alpha for component in frame.format.components):
        return np.ascontiguousarray(frame.reformat(width, height, "rgba").to_ndarray()[..., 3])
    return to_rgb(frame, width, height)


def from_pixels(pixels: np.ndarray, pixel_format: str, colour: Colour) -> Any:
    """Return what an encoder takes: YUV in limited range by the clip's matrix, or grey and RGB as they are.

    Args:
        pixels: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, uint8.
        pixel_format: FFmpeg's name.
    """
    given = "gray" if pixels.ndim == 2 else ("rgb24", "rgba")[pixels.shape[2] - 3]
    frame = pyav().VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=given)
    if given == pixel_format:
        return frame
    matrix = _OF_SWSCALE[colour.matrix]
    return frame.reformat(
        format=pixel_format, src_colorspace=matrix, dst_colorspace=matrix, interpolation=_kernel(),
        src_color_range=_FULL, dst_color_range=_LIMITED if pixel_format.startswith("yuv") else _FULL,
    )  # fmt: skip


def label(encoder: Any, pixel_format: str, colour: Colour) -> None:
    """State in an encoder's context how its colours are meant."""
    is_yuv = pixel_format.startswith("yuv")
    encoder.color_range = _LIMITED if is_yuv else _FULL
    encoder.colorspace = colour.matrix if is_yuv or pixel_format == "gray" else _RGB
    encoder.color_primaries, encoder.color_trc = colour.primaries, colour.transfer


def _kernel() -> Any:
    """Return the scaler's settings: without its own rounding errors, which reach 2 levels."""
    kinds = pyav().video.reformatter.Interpolation
    return kinds.BICUBIC | kinds.ACCURATE_RND | kinds.FULL_CHR_H_INT
