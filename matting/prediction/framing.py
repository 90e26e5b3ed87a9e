"""Which part of a photograph a result shows, and at what size: cropped to the subject, on a canvas, or made smaller."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from matting.errors import MattingError
from matting.pictures.files import PIXEL_LIMIT

POSITIONS = ("center", "bottom")

_LONGEST = 65535
"""Pixels of a canvas's side, of which it has `PIXEL_LIMIT` in all."""

_SEEN = 3
"""Of 255 levels the alpha from which a pixel counts as part of the subject: 1 %."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Framing:
    """What results show of a photograph; by default all of it, as large as it is.

    The subject is the smallest rectangle that holds every pixel whose alpha is at least 1 %. Fainter specks, which
    networks leave far from anybody and nobody sees, do not widen it.

    Attributes:
        crop: show the subject alone.
        margin: room around the subject, in pixels of the photograph, or as text with `%` of the subject's longer side.
            A crop ends at the latest where the photograph does; a canvas is wider than that.
        canvas: (width, height) of the result: the subject with its margin is scaled to fit, and lies on it.
        position: where on the canvas: `center`; or `bottom`, on its lower edge without a margin, for people whom the
            photograph's own edge cuts off.
        max_size: the longest side of the result; a larger one is made smaller.

    Raises:
        MattingError: a value cannot be used, or says nothing without another.
    """

    crop: bool = False
    margin: int | str = 0
    canvas: tuple[int, int] | None = None
    position: str = POSITIONS[0]
    max_size: int | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d{1,6}|\d{1,3}(\.\d+)?%", str(self.margin)):
            raise MattingError(f"--margin {self.margin}: it must be a number of pixels (20) or percent (5%)")
        if self._margin_of(100) and not (self.crop or self.canvas):
            raise MattingError(f"--margin {self.margin} is room around a subject; give --crop or --canvas with it")
        if self.position not in POSITIONS:
            raise MattingError(f"--position {self.position}: it must be one of {', '.join(POSITIONS)}")
        if self.canvas is None and self.position != POSITIONS[0]:
            raise MattingError(f"--position {self.position} is a place on a canvas; give --canvas with it")
        if self.canvas is not None:
            _check_canvas(self.canvas)
        if self.max_size is not None and not (isinstance(self.max_size, int) and self.max_size >= 1):
            raise MattingError(f"--max_size {self.max_size}: it must be a whole number of at least 1")
        if self.max_size is not None and self.canvas is not None:
            raise MattingError("--max_size and --canvas both say how large results are; leave one out")

    @classmethod
    def parse(
        cls, crop: bool = False, margin: str | int = 0, canvas: str | tuple[int, int] | None = None,
        position: str = POSITIONS[0], max_size: int | None = None,
    ) -> Framing:  # fmt: skip
        """Make one from what somebody typed; `canvas` is WIDTHxHEIGHT, or a number for a square, as text.

        Raises:
            MattingError: as the constructor.
        """
        if canvas is None or isinstance(canvas, tuple):
            return cls(crop, margin, canvas, position, max_size)
        sides = re.fullmatch(r"(\d{1,6})(?:x(\d{1,6}))?", str(canvas))
        if sides is None:
            raise MattingError(f"--canvas {canvas}: it must be WIDTHxHEIGHT, as 1000x1000")
        return cls(crop, margin, (int(sides[1]), int(sides[2] or sides[1])), position, max_size)

    def settings(self) -> dict[str, Any]:
        """Return what results depend on, as plain values; nothing where they show the photograph as it is."""
        usual = Framing()
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in vars(self).items()
            if value != getattr(usual, name)
        }

    def frame(self, matte: np.ndarray, name: str = "") -> Frame:
        """Return the part of a photograph that is shown.

        Where alpha is below 1 % everywhere there is no subject: the whole photograph is taken for it, with a warning.

        Args:
            matte: (H, W) uint8.
            name: of the photograph, for the warning.
        """
        height, width = matte.shape
        box = 0, 0, height, width
        if self.crop or self.canvas:
            left, top, across, down = cv2.boundingRect((matte >= _SEEN).view(np.uint8))
            if across:
                box = top, left, top + down, left + across
            else:
                _logger.warning(
                    "%s: alpha is below 1 %% everywhere, so there is no subject to crop to; the whole picture is shown",
                    name or "a photograph",
                )
        margin = self._margin_of(max(box[2] - box[0], box[3] - box[1]))
        if self.canvas is not None:
            return self._on_canvas(box, margin, self.canvas)
        top, left = max(box[0] - margin, 0), max(box[1] - margin, 0)
        bottom, right = min(box[2] + margin, height), min(box[3] + margin, width)
        size = bottom - top, right - left
        if self.max_size is not None and max(size) > self.max_size:
            scale = self.max_size / max(size)
            size = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
        return Frame((top, left, bottom, right), size, size)

    def _margin_of(self, side: int) -> int:
        """Return the margin in pixels for a subject's longer side."""
        text = str(self.margin)
        return round(float(text[:-1]) / 100 * side) if text.endswith("%") else int(text)

    def _on_canvas(self, box: tuple[int, int, int, int], margin: int, canvas: tuple[int, int]) -> Frame:
        width, height = canvas
        down, across = box[2] - box[0], box[3] - box[1]
        is_standing = self.position == "bottom"
        scale = min(height / (down + margin * (1 if is_standing else 2)), width / (across + 2 * margin))
        size = min(height, max(1, round(down * scale))), min(width, max(1, round(across * scale)))
        top = height - size[0] if is_standing else (height - size[0]) // 2
        return Frame(box, size, (height, width), (top, (width - size[1]) // 2))


def _check_canvas(canvas: tuple[int, int]) -> None:
    """Refuse what is no size of a picture, or one that no picture may have."""
    text = "x".join(map(str, canvas))
    if len(canvas) != 2 or not all(isinstance(side, int) and 1 <= side <= _LONGEST for side in canvas):
        raise MattingError(f"--canvas {text}: its sides must be 1 to {_LONGEST}, as 1000x1000")
    if canvas[0] * canvas[1] > PIXEL_LIMIT:
        raise MattingError(f"--canvas {text}: it may have at most {PIXEL_LIMIT / 1e6:g} megapixels")


WHOLE = Framing()
"""The photograph as it is."""


@dataclass(frozen=True)
class Frame:
    """A rectangle of one photograph, its size in the result, and where it lies there.

    Attributes:
        box: top, left, bottom and right, in pixels of the photograph.
        size: height and width that the rectangle gets.
        canvas: height and width of the result.
        place: top and left of the rectangle there.
    """

    box: tuple[int, int, int, int]
    size: tuple[int, int]
    canvas: tuple[int, int]
    place: tuple[int, int] = (0, 0)

    def scales(self) -> bool:
        """Tell whether the rectangle is brought to another size."""
        top, left, bottom, right = self.box
        return self.size != (bottom - top, right - left)

    def show(self, pixels: np.ndarray, fill: int = 0) -> np.ndarray:
        """Return what a result shows of a layer of the photograph, with `fill` where the rectangle does not reach.

        Args:
            pixels: (H, W) or (H, W, 3), of uint8 or float32.
        """
        shown = self._cut(pixels)
        return self._laid(_resized(shown, self.size) if self.scales() else shown, fill)

    def show_trimap(self, trimap: np.ndarray) -> np.ndarray:
        """Return what a result shows of a trimap (H, W) uint8: known where all that a pixel shows is known."""
        shown = self.show(trimap)
        shown[(shown != 0) & (shown != 255)] = 128
        return shown

    def show_subject(self, foreground: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what a result shows of a foreground and its alpha.

        They are resized as light is: alpha times the foreground, and alpha. So no colour that is hidden enters one that
        shows. Where nothing shows, the hidden colours are resized as they are.

        Args:
            foreground: (H, W, 3) uint8.
            alpha: (H, W) float32 in [0, 1].
        """
        if not self.scales():
            return self.show(foreground), self.show(alpha)
        own, weight = self._cut(foreground), self._cut(alpha)
        shown = np.clip(_resized(weight, self.size), 0, 1)
        colours = _resized(own, self.size)
        is_seen = shown > 0
        for channel in range(3):
            light = _resized(cv2.multiply(weight, np.ascontiguousarray(own[..., channel]), dtype=cv2.CV_32F), self.size)
            colours[is_seen, channel] = np.clip(np.rint(light[is_seen] / shown[is_seen]), 0, 255)
        return self._laid(colours, 0), self._laid(shown, 0)

    def show_around(self, pixels: np.ndarray) -> np.ndarray:
        """Return what lies behind the subject where the photograph itself does, mirrored beyond its edge.

        Args:
            pixels: (H, W, 3) uint8, smooth enough to be sampled at single points.
        """
        top, left, bottom, right = self.box
        if self.canvas == self.size and not self.scales():
            return pixels[top:bottom, left:right]
        down, across = self.size[0] / (bottom - top), self.size[1] / (right - left)
        # From the middle of a pixel of the result to the point of the photograph that it shows.
        back = np.array(
            [
                [1 / across, 0, left + (0.5 - self.place[1]) / across - 0.5],
                [0, 1 / down, top + (0.5 - self.place[0]) / down - 0.5],
            ]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(pixels, back, self.canvas[::-1], flags=flags, borderMode=cv2.BORDER_REFLECT_101)

    def _cut(self, pixels: np.ndarray) -> np.ndarray:
        top, left, bottom, right = self.box
        return pixels[top:bottom, left:right]

    def _laid(self, shown: np.ndarray, fill: int) -> np.ndarray:
        if self.canvas == self.size:
            return shown
        result = np.full((*self.canvas, *shown.shape[2:]), fill, shown.dtype)
        top, left = self.place
        result[top : top + self.size[0], left : left + self.size[1]] = shown
        return result


def _resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    shrinks = size[0] <= pixels.shape[0] and size[1] <= pixels.shape[1]
    return cv2.resize(pixels, size[::-1], interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
