"""Checks of single layers: alpha, trimap, and how the files of a pair are turned."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from matting.curation.inspection.findings import ERROR, WARNING, Remark
from matting.pictures.decoding import Description
from matting.sample import BACKGROUND, FOREGROUND, UNKNOWN
from matting.trimap import unknown_mask

_FEW_LEVELS = 16
"""Antialiased hair has some hundred levels; a mask scaled by a factor of two or three has hardly more than this."""

_FAINT = 0.02
"""A matte whose largest value stays below shows nothing to the eye."""

_MOST_UNKNOWN = 0.9
"""A trimap with a larger unknown share says next to nothing."""

_CONTRADICTION = 0.1
"""How far alpha may be from 1 or 0 where the trimap is sure: rounding and JPEG stay below."""

_TOLERATED = 0.001
"""Share of pixels that may contradict before it is worth a remark."""

_NEARLY = 4.5 / 255
"""Alpha this near to 0 or 1, but not there, is noise or a network's hesitation more often than hair."""

_MOST_NEARLY_KNOWN = 0.05
"""Share of such pixels; measured mattes and those of careful annotators stay below 4 %."""


def check_alpha(alpha: np.ndarray, description: Description) -> Iterator[Remark]:
    """Look at a matte: empty, full, inverted, a mask instead of a matte, or lossily compressed.

    Args:
        alpha: (H, W) float32 in [0, 1].
    """
    if description.format == "JPEG":
        yield Remark(WARNING, "lossy alpha", f"saved as {description.format}, which adds noise at every edge")
    low, high = float(alpha.min()), float(alpha.max())
    if high < _FAINT:
        yield Remark(ERROR, "empty alpha", f"its largest value is {high:.3f}: nothing is in the foreground")
        return
    if low > 1 - _FAINT:
        yield Remark(WARNING, "full alpha", f"its smallest value is {low:.3f}: everything is in the foreground")
        return
    levels = np.count_nonzero(cv2.calcHist([np.rint(alpha * 255).astype(np.uint8)], [0], None, [256], [0, 256]))
    if levels <= 2:
        yield Remark(WARNING, "binary alpha", "two levels only: a mask, not a matte")
    elif levels <= _FEW_LEVELS:
        yield Remark(WARNING, "few levels", f"{levels} levels only: a mask made smaller, or a matte of few bits")
    nearly = float((((alpha > 0) & (alpha < _NEARLY)) | ((alpha < 1) & (alpha > 1 - _NEARLY))).mean())
    if nearly > _MOST_NEARLY_KNOWN:
        detail = f"{nearly:.0%} of the pixels are not 0 or 1 but within 4 levels: unknown in any trimap made"
        yield Remark(WARNING, "nearly known alpha", detail)
    border, inside = _border_and_inside(alpha)
    if border > 0.6 and inside < border - 0.2:
        yield Remark(
            WARNING, "inverted alpha", f"mean {border:.2f} along the top and the sides but {inside:.2f} inside"
        )


def _border_and_inside(alpha: np.ndarray) -> tuple[float, float]:
    """Return the mean along top, left and right (people stand on the bottom edge), and that of the middle half."""
    height, width = alpha.shape
    border = np.concatenate([alpha[0], alpha[: 3 * height // 4, 0], alpha[: 3 * height // 4, -1]])
    middle = alpha[height // 4 : max(1, 3 * height // 4), width // 4 : max(1, 3 * width // 4)]
    return float(border.mean()), float(middle.mean()) if middle.size else float(border.mean())


def check_trimap(values: np.ndarray, alpha: np.ndarray | None) -> Iterator[Remark]:
    """Look at a trimap: foreign values, no or hardly any known region, and contradictions to the matte.

    Args:
        values: (H, W) uint8 as the file holds them.
        alpha: (H, W) float32 in [0, 1], or None if there is none of this size.
    """
    odd = ~np.isin(values, (BACKGROUND, UNKNOWN, FOREGROUND))
    if odd.any():
        some = ", ".join(map(str, np.unique(values[odd])[:5]))
        yield Remark(WARNING, "trimap values", f"{odd.mean():.2%} of the pixels are none of 0, 128, 255 ({some})")
    unknown = float(unknown_mask(values).mean())
    if unknown == 0:
        yield Remark(WARNING, "trimap coverage", "no pixel is unknown")
    elif unknown > _MOST_UNKNOWN:
        yield Remark(WARNING, "trimap coverage", f"{unknown:.0%} of the pixels are unknown")
    if alpha is None:
        return
    wrong = (values == FOREGROUND) & (alpha < 1 - _CONTRADICTION)
    wrong |= (values == BACKGROUND) & (alpha > _CONTRADICTION)
    if wrong.mean() > _TOLERATED:
        yield Remark(ERROR, "trimap contradicts alpha", f"in {wrong.mean():.2%} of the pixels")


def check_pair(photograph: Description, alpha: Description) -> Iterator[Remark]:
    """Compare sizes and EXIF orientations: all readers turn a file upright by its own mark."""
    if (photograph.height, photograph.width) != (alpha.height, alpha.width):
        same_raw = (photograph.raw_height, photograph.raw_width) == (alpha.raw_height, alpha.raw_width)
        if same_raw and photograph.orientation != alpha.orientation:
            yield Remark(
                ERROR,
                "orientation",
                f"the photograph is turned by EXIF orientation {photograph.orientation}, its matte by "
                f"{alpha.orientation}; turn both files for good",
            )
        else:
            yield Remark(
                ERROR,
                "sizes",
                f"the photograph is {photograph.width}x{photograph.height}, its matte {alpha.width}x{alpha.height}",
            )
    elif photograph.orientation != alpha.orientation:
        is_square = photograph.height == photograph.width
        if is_square or (photograph.orientation < 5) == (alpha.orientation < 5):
            yield Remark(
                WARNING,
                "orientation",
                f"EXIF orientation {photograph.orientation} in the photograph, {alpha.orientation} in the matte, and "
                "the size does not tell whether they agree",
            )


def check_photograph(pixels: np.ndarray) -> Iterator[Remark]:
    """Look at a photograph as it was decoded: transparency that readers ignore, and depth that they round away."""
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        full = 1 if np.issubdtype(pixels.dtype, np.floating) else np.iinfo(pixels.dtype).max
        if pixels[..., 3].min() < full:
            yield Remark(WARNING, "transparent photograph", "its fourth channel is ignored; a cutout by mistake?")
    values = pixels[..., :3] if pixels.ndim == 3 else pixels
    if values.min() == values.max():
        yield Remark(ERROR, "blank photograph", "every pixel has the same colour")
