"""Pillow's images as photographs, and results as Pillow's images."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageOps

from matting.errors import MattingError
from matting.pictures import colour
from matting.pictures.files import PIXEL_LIMIT, Photograph, photograph_of
from matting.pictures.headers import Header, check_limit, reason
from matting.pictures.metadata import Metadata

_KEPT = ("L", "RGB", "RGBA", "I", "I;16", "I;16B", "I;16L", "F")
"""The modes whose pixels are taken as they are; others become RGB. Pillow itself would cut 16 bits off at 255."""


def from_pillow(image: Image.Image, name: str = "the image", pixel_limit: int = PIXEL_LIMIT) -> Photograph:
    """Return a photograph that a program has as one of Pillow's images, under the rules of `read_photograph`.

    Args:
        name: what messages call it.

    Raises:
        MattingError: it is broken or too large, or its floating point does not lie in [0, 1].
    """
    check_limit(image.height, image.width, name, pixel_limit)
    try:
        upright = ImageOps.exif_transpose(image)
        exif = upright.getexif().tobytes()
        kept = upright if upright.mode in (*_KEPT, "CMYK") else upright.convert("RGB")
    except Exception as error:  # its file is decoded only here, and may raise nearly anything
        raise MattingError(f"{name} cannot be decoded: {reason(error)}; its file is broken or cut short") from None
    profile = upright.info.get("icc_profile")
    if kept.mode == "CMYK" and (profile := colour.usable(profile, "CMYK", name)):
        pixels, mode, profile = colour.convert(np.asarray(kept), profile), "RGB", None
    else:
        kept = kept.convert("RGB") if kept.mode == "CMYK" else kept
        pixels, mode = np.array(kept), kept.mode
        if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:
            pixels = pixels.astype(np.uint16)  # the other order of bytes is a type of its own
    header = Header("", upright.height, upright.width, mode, 1, profile, exif, upright.info.get("dpi"))
    return photograph_of(pixels, header, name)


def to_pillow(pixels: np.ndarray, metadata: Metadata) -> Image.Image:
    """Return a result, (H, W), (H, W, 3) or (H, W, 4) uint8, as an image that knows its colour profile."""
    image = Image.fromarray(pixels)
    if metadata.profile and pixels.ndim == 3:
        image.info["icc_profile"] = metadata.profile
    if metadata.dpi:
        image.info["dpi"] = metadata.dpi
    return image
