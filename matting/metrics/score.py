"""The numbers of one picture under the names, scales and headings in which people print them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from matting.errors import MattingError
from matting.metrics.connectivity import connectivity_error
from matting.metrics.errors import errors, iou
from matting.metrics.gradient import gradient_error
from matting.metrics.mattes import check
from matting.trimap import impose, unknown_mask

SCALES = {"SAD": 1e-3, "MSE": 1.0, "MAD": 1.0, "Grad": 1e-3, "Conn": 1e-3, "IoU": 1.0}
"""What the raw value is multiplied by before it is shown, as most tables do."""

UNITS = {
    "SAD": "sum of |error| / 1000",
    "MSE": "mean of squared error",
    "MAD": "mean of |error|",
    "Grad": "sum / 1000",
    "Conn": "sum / 1000",
    "IoU": "mean of foreground and background at 0.5",
}
"""What stands in a heading beside the name."""

LOWER_IS_BETTER = {"SAD": True, "MSE": True, "MAD": True, "Grad": True, "Conn": True, "IoU": False}

METRICS = tuple(SCALES)
"""The names that `score` knows, in the order of tables."""

UNKNOWN_SUFFIX = "_unknown"
"""Ends the name of a number taken over the unknown region of a trimap."""

Region = np.ndarray | None

_SINGLE: dict[str, Callable[[np.ndarray, np.ndarray, Region], float]] = {
    "Grad": gradient_error,
    "Conn": connectivity_error,
    "IoU": lambda prediction, truth, region: iou(prediction, truth, region).mean,
}


def score(
    prediction: np.ndarray, truth: np.ndarray, trimap: np.ndarray | None = None, names: Sequence[str] = METRICS
) -> dict[str, float]:
    """Score a matte over the whole image and, with a trimap, over its unknown region beside it.

    For the unknown region the known pixels of the prediction are set to what the trimap says first: that changes what
    Grad and Conn see from beyond the region, and nothing else.

    Args:
        prediction, truth: (H, W) uint8, or floating point in [0, 1].
        trimap: (H, W) uint8; 0 is background, 255 foreground, all between unknown.
        names: which of `METRICS`.

    Returns:
        name -> value in the unit of `UNITS`, over the whole image; with a trimap also `name_unknown`, which is NaN
        where the trimap leaves nothing unknown.

    Raises:
        MattingError: the sizes differ or a name is none of `METRICS`.
    """
    for name in names:
        if name not in SCALES:
            raise MattingError(f"there is no metric {name!r}; give some of {', '.join(METRICS)}")
    values = _values(prediction, truth, None, names)
    if trimap is None:
        return values
    imposed = impose(prediction, trimap)
    unknown = unknown_mask(trimap)
    nothing = dict.fromkeys(names, float("nan"))
    inside = _values(imposed, truth, unknown, names) if unknown.any() else nothing
    return values | {name + UNKNOWN_SUFFIX: value for name, value in inside.items()}


def heading(name: str) -> str:
    """Return a column's heading with its region and unit: `SAD, unknown region [sum of |error| / 1000]`."""
    metric = name.removesuffix(UNKNOWN_SUFFIX)
    where = "unknown region" if name != metric else "whole image"
    return f"{metric}, {where} [{UNITS[metric]}]"


def _values(prediction: np.ndarray, truth: np.ndarray, region: Region, names: Sequence[str]) -> dict[str, float]:
    check(prediction, truth, region)
    sums = errors(prediction, truth, region)
    raw = {"SAD": sums.sad, "MSE": sums.mse, "MAD": sums.mad}
    raw |= {name: metric(prediction, truth, region) for name, metric in _SINGLE.items() if name in names}
    return {name: raw[name] * SCALES[name] for name in names}
