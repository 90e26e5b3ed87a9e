"""Numbered pictures in a folder as a clip: in the order of their numbers, at a rate that is given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2

from matting.errors import MattingError
from matting.pictures.files import read_image
from matting.pictures.listing import list_images
from matting.prediction.record import stamps
from matting.video.colours import Colour
from matting.video.source import Findings, Frame

RATE = Fraction(25)
"""Frames a second where none is given."""


class FrameFolder:
    """A folder of pictures whose names hold numbers; `Source` says what it offers.

    Args:
        rate: frames a second.

    Raises:
        MattingError: it holds no pictures, or two of one number, or its first cannot be read.
    """

    is_live = False

    def __init__(self, path: Path, rate: Fraction = RATE) -> None:
        self.path, self.rate, self.time_base, self.origin = path, rate, 1 / rate, 0
        self.colour, self.findings = Colour(), Findings()
        self._files = in_order(path)
        self.seconds: float | None = float(len(self._files) / rate)
        self.height, self.width = read_image(self._files[0]).shape[:2]

    def identity(self) -> list[Any]:
        return [*stamps(self._files), str(self.rate)]

    def frames(self, after: int | None = None) -> Iterator[Frame]:
        """Yield the frames; one that cannot be read is left out, and told in `findings`."""
        self.findings = Findings()
        for number, file in enumerate(self._files):
            if after is not None and number <= after:
                continue
            try:
                image = read_image(file)
            except MattingError:
                self.findings.damaged += 1
                continue
            if image.shape[:2] != (self.height, self.width):
                self.findings.resized += 1
                image = cv2.resize(image, (self.width, self.height), interpolation=cv2.INTER_AREA)
            yield Frame(image, number, 1)


def in_order(folder: Path) -> list[Path]:
    """Return the numbered pictures of a folder in the order of their numbers.

    Raises:
        MattingError: it holds none, or two of one number.
    """
    numbered: dict[int, Path] = {}
    for image in list_images(folder, recursive=False):
        digits = re.findall(r"\d+", image.stem)
        if not digits:
            continue
        twin = numbered.setdefault(int(digits[-1]), image)
        if twin != image:
            raise MattingError(
                f"{twin} and {image} are one frame by their number; a folder holds the frames of one clip"
            )
    if not numbered:
        raise MattingError(f"{folder} holds no numbered pictures (frame_0001.png, ...); give a clip or such a folder")
    return [numbered[number] for number in sorted(numbered)]
