"""What a photograph's results carry on of it besides pixels: colour profile, resolution and harmless EXIF."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import ExifTags, Image

from matting.pictures.headers import Header

_CAMERA = ("Make", "Model", "Software", "DateTime", "Artist", "Copyright")
_SHOT = (
    "ExposureTime", "FNumber", "ExposureProgram", "ISOSpeedRatings", "DateTimeOriginal", "DateTimeDigitized",
    "ShutterSpeedValue", "ApertureValue", "BrightnessValue", "ExposureBiasValue", "MaxApertureValue", "MeteringMode",
    "LightSource", "Flash", "FocalLength", "ExposureMode", "WhiteBalance", "FocalLengthIn35mmFilm", "LensSpecification",
    "LensMake", "LensModel",
)  # fmt: skip
"""What is taken from EXIF. Anything else stays behind, known or not: places, thumbnails (which show what was cut away),
makers' notes, serial numbers, comments."""

_NUMBERS = {name: number for number, name in ExifTags.TAGS.items()}
_LONGEST = 1000
"""Characters of a value; the longer ones are no names or dates."""

_INCHES = 2
"""EXIF's number of the unit that resolutions are given by."""


@dataclass(frozen=True)
class Metadata:
    """Of a photograph whose pixels were turned upright.

    Attributes:
        profile: what the numbers of its results mean; None is sRGB.
        dpi: pixels an inch, horizontally and vertically.
        exif: a block of harmless tags.
    """

    profile: bytes | None = None
    dpi: tuple[float, float] | None = None
    exif: bytes | None = None

    def exif_with_dpi(self) -> bytes | None:
        """Return the block with the resolution in it, for a format that has no other place for that."""
        if self.dpi is None:
            return self.exif
        tags = Image.Exif()
        if self.exif:
            tags.load(self.exif)
        tags[_NUMBERS["XResolution"]], tags[_NUMBERS["YResolution"]] = self.dpi
        tags[_NUMBERS["ResolutionUnit"]] = _INCHES
        return tags.tobytes().removeprefix(b"Exif\0\0")


def read_metadata(header: Header, profile: bytes | None) -> Metadata:
    """Return what is carried on of a file.

    Args:
        profile: that of the pixels that will be written.
    """
    dpi = header.dpi
    try:
        is_sane = dpi is not None and len(dpi) == 2 and all(1 <= float(dots) <= 1e6 for dots in dpi)
    except (TypeError, ValueError, ZeroDivisionError):
        is_sane = False
    if dpi is None or not is_sane:
        return Metadata(profile, None, _harmless(header.exif))
    across, down = float(dpi[0]), float(dpi[1])
    return Metadata(profile, (down, across) if header.orientation >= 5 else (across, down), _harmless(header.exif))


def _harmless(exif: bytes | None) -> bytes | None:
    """Return EXIF with the tags that are taken, marked upright; None if there is none of them."""
    if not exif:
        return None
    try:
        every, kept = Image.Exif(), Image.Exif()
        every.load(exif)
        for names, source, target in (
            (_CAMERA, every, kept),
            (_SHOT, every.get_ifd(ExifTags.IFD.Exif), kept.get_ifd(ExifTags.IFD.Exif)),
        ):
            for name in names:
                value = source.get(_NUMBERS[name])
                if value is not None and len(str(value)) <= _LONGEST and _is_number_or_text(value):
                    target[_NUMBERS[name]] = value
        if not len(kept) and not kept.get_ifd(ExifTags.IFD.Exif):
            return None
        kept[_NUMBERS["Orientation"]] = 1
        return kept.tobytes().removeprefix(b"Exif\0\0")
    except Exception:  # a camera's broken notes do not spoil its picture
        return None


def _is_number_or_text(value: object) -> bool:
    if isinstance(value, tuple):
        return all(_is_number_or_text(part) for part in value)
    return isinstance(value, str) or (not isinstance(value, bytes) and math.isfinite(float(value)))  # type: ignore[arg-type]
