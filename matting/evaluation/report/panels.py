"""The small pictures of a report: image, truth, matte, error map and cutout of one photograph or frame, as JPEG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from matting.pictures.contact_sheet import over_checkerboard, shrink

TITLES = ("image", "truth", "matte", "matte before", "error", "cutout")
"""The panels in reading order."""

_QUALITY = 84
_TOO_MUCH = np.array((214, 69, 45), np.float32)
_TOO_LITTLE = np.array((42, 101, 190), np.float32)
"""RGB of alpha above the truth and below it."""


@dataclass(frozen=True)
class Panels:
    """The panels of one photograph.

    Attributes:
        jpegs: bytes of a JPEG by title, of `TITLES`; image and cutout may be missing.
        links: the full file by title, where there is one.
    """

    jpegs: Mapping[str, bytes]
    links: Mapping[str, Path] = field(default_factory=dict)


def make_panels(
    image: np.ndarray | None,
    truth: np.ndarray,
    matte: np.ndarray,
    links: Mapping[str, Path] | None = None,
    before: np.ndarray | None = None,
) -> Panels:
    """Shrink and encode the panels of one photograph.

    Args:
        image: (H, W, 3) RGB uint8, or None.
        truth, matte: (H, W) uint8.
        links: the full files by title.
        before: of a frame of a clip the matte before it, (H, W) uint8; it is shown in place of the cutout.
    """
    small_truth, small_matte = shrink(truth), shrink(matte)
    pictures = {"truth": small_truth, "matte": small_matte}
    small_image = None if image is None else shrink(image)
    # Errors are shrunk after they are taken: a thin one must not vanish between two smoothed mattes.
    error = shrink(np.abs(matte.astype(np.int16) - truth).astype(np.uint8)).astype(np.float32)
    sign = np.where(small_matte >= small_truth, 1.0, -1.0).astype(np.float32)
    pictures["error"] = error_map(error / 255 * sign, small_truth if small_image is None else small_image)
    if small_image is not None:
        pictures["image"] = small_image
    if before is not None:
        pictures["matte before"] = shrink(before)
    elif small_image is not None:
        pictures["cutout"] = over_checkerboard(small_image, small_matte / np.float32(255))
    return Panels({title: _jpeg(pictures[title]) for title in TITLES if title in pictures}, dict(links or {}))


def error_map(error: np.ndarray, under: np.ndarray) -> np.ndarray:
    """Paint an error over a faded picture: red where alpha is too high, blue where it is too low.

    Args:
        error: (H, W) float32 in [-1, 1], prediction minus truth; small errors are lifted by a square root.
        under: (H, W) or (H, W, 3) uint8.

    Returns:
        (H, W, 3) uint8.
    """
    grey = under if under.ndim == 2 else cv2.cvtColor(under, cv2.COLOR_RGB2GRAY)
    paper = (225 + grey.astype(np.float32) * (28 / 255))[..., None]
    colour = np.where((error >= 0)[..., None], _TOO_MUCH, _TOO_LITTLE)
    weight = np.sqrt(np.abs(error))[..., None]
    return np.rint(paper * (1 - weight) + colour * weight).astype(np.uint8)


def _jpeg(picture: np.ndarray) -> bytes:
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
