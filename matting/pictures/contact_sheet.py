"""Pictures side by side: rows of image, truth, matte and cutout that a person takes in at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from matting.text import visible

SIDE = 420
"""Pixels of the longer side of a picture in a report."""

_PAPER, _INK, _FRAME = (250, 250, 248), (40, 40, 44), (205, 205, 205)
_GAP, _HEADING, _CAPTION = 8, 26, 22

Row = tuple[Mapping[str, np.ndarray], str]
"""The panels of a row by column title, (H, W) or (H, W, 3) uint8 each, and a caption."""


def checkerboard(height: int, width: int, square: int = 8) -> np.ndarray:
    """Return the pattern that stands for transparency, (height, width, 3) uint8."""
    rows, columns = np.ogrid[:height, :width]
    is_dark = ((rows // square + columns // square) % 2)[..., None]
    return np.where(is_dark, np.uint8(205), np.uint8(245)).repeat(3, axis=2)


def over_checkerboard(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 cut out by alpha (H, W) in [0, 1] and laid over a checkerboard."""
    height, width = alpha.shape
    board = checkerboard(height, width, square=max(8, min(height, width) // 40)).astype(np.float32)
    weight = alpha.astype(np.float32)[..., None]
    return np.rint(weight * image + (1 - weight) * board).astype(np.uint8)


def shrink(picture: np.ndarray, side: int = SIDE) -> np.ndarray:
    """Return a picture whose longer side is at most `side` pixels, each the mean of what it covers."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    return cv2.resize(
        picture, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )


def contact_sheet(rows: Sequence[Row], columns: Sequence[str] | None = None, cell_height: int = 240) -> np.ndarray:
    """Lay out rows of panels under headings.

    Args:
        rows: panels by column title, and a caption; a row may lack some columns.
        columns: titles in order; None takes those of the rows, in the order of their first appearance.
        cell_height: height of a panel in pixels; widths follow from the pictures, up to 1.5 times that.

    Returns:
        (H, W, 3) uint8.
    """
    titles = list(columns or dict.fromkeys(title for panels, _ in rows for title in panels))
    shrunk = [
        ({title: _fit(panels[title], cell_height) for title in titles if title in panels}, caption)
        for panels, caption in rows
    ]
    widths = {
        title: max((panels[title].shape[1] for panels, _ in shrunk if title in panels), default=cell_height)
        for title in titles
    }
    row_height = cell_height + _CAPTION + _GAP
    sheet = np.empty(
        (_HEADING + len(rows) * row_height + _GAP, sum(widths.values()) + _GAP * (len(titles) + 1), 3), np.uint8
    )
    sheet[:] = _PAPER
    left = dict(zip(titles, np.cumsum([_GAP] + [widths[title] + _GAP for title in titles]), strict=False))
    words: list[tuple[tuple[int, int], str]] = [((int(left[title]), 6), title) for title in titles]
    for number, (panels, caption) in enumerate(shrunk):
        top = _HEADING + number * row_height
        for title, panel in panels.items():
            x = int(left[title]) + (widths[title] - panel.shape[1]) // 2
            y = top + (cell_height - panel.shape[0]) // 2
            sheet[y : y + panel.shape[0], x : x + panel.shape[1]] = panel
            cv2.rectangle(sheet, (x - 1, y - 1), (x + panel.shape[1], y + panel.shape[0]), _FRAME)
        words.append(((_GAP, top + cell_height + 4), caption))
    return _write(sheet, words)


def _fit(picture: np.ndarray, cell_height: int) -> np.ndarray:
    """Shrink or enlarge a picture into a cell, as RGB."""
    if picture.ndim == 2:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)
    height, width = picture.shape[:2]
    scale = min(cell_height / height, 1.5 * cell_height / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def _write(sheet: np.ndarray, words: Sequence[tuple[tuple[int, int], str]]) -> np.ndarray:
    page = Image.fromarray(sheet)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=13)
    for position, text in words:
        # The font that comes with Pillow has no Chinese; what it lacks is shown as a question mark.
        draw.text(position, visible(text).encode("latin-1", "replace").decode("latin-1"), fill=_INK, font=font)
    return np.asarray(page)
