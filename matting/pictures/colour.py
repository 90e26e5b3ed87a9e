"""Colour profiles: what the numbers of a picture mean, and turning them into those of another profile.

No profile means sRGB, here and everywhere else.
"""

from __future__ import annotations

import functools
import io
import logging
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from matting.pictures.headers import reason

_NEAR = 2
"""Levels of 255: profiles that differ less from sRGB are sRGB, of which many versions go round."""

_STRIP_PIXELS = 1 << 21
"""Pixels converted at a time, for Pillow takes four bytes for each, twice."""

_SPACES = {"RGB": ("RGB",), "L": ("GRAY", "RGB"), "CMYK": ("CMYK",)}
"""The profiles that can belong to a picture: grey may be given in one for colours."""

_logger = logging.getLogger(__name__)


def usable(profile: bytes | None, mode: str, path: str | Path) -> bytes | None:
    """Return a picture's profile if it can be used, else None, with one warning for a file.

    Args:
        profile: as the file holds it.
        mode: the picture's channels: `RGB`, `L` (grey) or `CMYK`.
    """
    if profile is None:
        return None
    space, problem = _examine(profile)
    if not problem and space not in _SPACES[mode]:
        problem = f"it is for {space}, the picture is {mode}"
    if problem:
        _warn(str(path), problem)
        return None
    return profile


def is_for_grey(profile: bytes | None) -> bool:
    """Tell whether a usable profile is one for grey, in which no colours can be written."""
    return profile is not None and _examine(profile)[0] == "GRAY"


def convert(pixels: np.ndarray, source: bytes | None, target: bytes | None = None) -> np.ndarray:
    """Turn a picture's numbers into those that mean the same colours in another profile.

    The way is relative colorimetric with black point compensation, as editors of photographs have it by default.

    Args:
        pixels: uint8, (H, W) grey, (H, W, 3) RGB or (H, W, 4) CMYK, as `source` has it.
        source, target: usable profiles; None is sRGB. `target` is for RGB.

    Returns:
        (H, W, 3) uint8; the argument itself where the profiles mean the same.
    """
    if source == target or (_is_srgb(source) and _is_srgb(target)):
        return pixels
    mode = "L" if pixels.ndim == 2 else "RGB" if pixels.shape[2] == 3 else "CMYK"
    transform = _transform(source, target, mode)
    result = np.empty((*pixels.shape[:2], 3), np.uint8)
    rows = max(1, _STRIP_PIXELS // pixels.shape[1])
    for top in range(0, pixels.shape[0], rows):
        part = np.ascontiguousarray(pixels[top : top + rows])
        strip = Image.frombuffer(mode, part.shape[1::-1], part, "raw", mode, 0, 1)
        result[top : top + rows] = np.asarray(transform.apply(strip))
    return result


@functools.lru_cache(maxsize=8)
def _transform(source: bytes | None, target: bytes | None, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.ImageCmsTransform(
        _open(source), _open(target), mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC,
        flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )  # fmt: skip


def _open(profile: bytes | None) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB") if profile is None else io.BytesIO(profile))


@functools.lru_cache(maxsize=8)
def _examine(profile: bytes) -> tuple[str, str]:
    """Return what a profile is for, as `RGB`, and why it cannot be used, or nothing."""
    try:
        space = _open(profile).profile.xcolor_space.strip()
        if space not in ("RGB", "GRAY", "CMYK"):
            return space, f"it is for {space}"
        _transform(profile, None, {"GRAY": "L"}.get(space, space))
        if space == "RGB":
            _transform(None, profile, "RGB")  # what lies behind a person may have to be brought into it
        return space, ""
    except Exception as error:  # a broken profile may raise nearly anything
        return "", reason(error)


@functools.lru_cache(maxsize=8)
def _is_srgb(profile: bytes | None) -> bool:
    """Tell whether colours all over the cube stay what they are."""
    if profile is None:
        return True
    if _examine(profile)[0] != "RGB":
        return False
    levels = np.linspace(0, 255, 9).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 1, 3)
    converted = np.asarray(_transform(profile, None, "RGB").apply(Image.fromarray(cube)))
    return int(np.abs(converted.astype(int) - cube).max()) <= _NEAR


@functools.lru_cache(maxsize=1 << 14)
def _warn(path: str, problem: str) -> None:
    _logger.warning("%s: its colour profile is ignored, and sRGB assumed: %s", path, problem)
