"""The numbers of one picture by a protocol, under the names and in the units in which people print them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matting import trimap as trimaps
from matting.metrics.catalogue import METRICS, OF_CLIPS
from matting.metrics.connectivity import connectivity_error
from matting.metrics.gradient import gradient_error
from matting.metrics.mattes import check
from matting.metrics.pixelwise import errors, iou
from matting.metrics.protocols import DEFAULT, KNOWN_BACKGROUND, KNOWN_FOREGROUND, UNKNOWN, WHOLE, Protocol, select
from matting.metrics.temporal import dtssd
from matting.sample import BACKGROUND, FOREGROUND

Region = np.ndarray | None


def score(
    prediction: np.ndarray,
    truth: np.ndarray,
    trimap: np.ndarray | None = None,
    names: Sequence[str] | None = None,
    protocol: Protocol | str = DEFAULT,
    before: tuple[np.ndarray, np.ndarray] | None = None,
) -> dict[str, float]:
    """Score a matte by the columns of a protocol.

    For the unknown region the known pixels of the prediction are set to what the trimap says first: that changes what
    Grad and Conn see from beyond the region, and nothing else, unless the protocol sums beyond it.

    Args:
        prediction, truth: (H, W) uint8, or floating point in [0, 1]. They are scored as they come: rounding, where a
            protocol asks for it, is up to the caller.
        trimap: (H, W) uint8; 0 is background, 255 foreground, all between unknown. Without one the columns that need
            it are left out.
        names: which metrics of the protocol; None for all.
        before: prediction and truth of the frame before, like these; of the first frame of a clip these themselves.
            Without them the columns that need them are left out.

    Returns:
        Column name -> value in the column's unit; NaN where the trimap leaves nothing of the region.

    Raises:
        MattingError: the sizes differ, or a name is no metric of the protocol.
    """
    protocol = select(protocol, names)
    check(prediction, truth)
    values: dict[str, float] = {}
    for region in dict.fromkeys(column.region for column in protocol.columns):
        if region != WHOLE and trimap is None:
            continue
        chosen = [column for column in protocol.columns if column.region == region and column.metric not in OF_CLIPS]
        raw = _over(region, prediction, truth, trimap, [column.metric.name for column in chosen], protocol)
        values |= {column.name: raw[column.metric.name] * column.metric.scale for column in chosen}
    if before is not None and protocol.uses_frame_before:
        values["dtSSD"] = dtssd(prediction, before[0], truth, before[1]) * METRICS["dtSSD"].scale
    return values


def _over(
    region: str,
    prediction: np.ndarray,
    truth: np.ndarray,
    trimap: np.ndarray | None,
    names: Sequence[str],
    protocol: Protocol,
) -> dict[str, float]:
    """Return unscaled metrics over one region of the picture."""
    if region == WHOLE or trimap is None:
        return _raw(prediction, truth, None, names, protocol)
    masks = {
        UNKNOWN: trimaps.unknown_mask(trimap),
        KNOWN_FOREGROUND: trimap == FOREGROUND,
        KNOWN_BACKGROUND: trimap == BACKGROUND,
    }
    mask = masks[region]
    pixels = int(np.count_nonzero(mask))
    if pixels == 0:
        return dict.fromkeys(names, float("nan"))
    if region != UNKNOWN:
        return _raw(prediction, truth, mask, names, protocol)
    imposed = trimaps.impose(prediction, trimap)
    if protocol.sums_beyond_unknown:
        return _raw(imposed, truth, None, names, protocol, area=pixels)
    return _raw(imposed, truth, mask, names, protocol)


def _raw(
    prediction: np.ndarray,
    truth: np.ndarray,
    region: Region,
    names: Sequence[str],
    protocol: Protocol,
    area: int | None = None,
) -> dict[str, float]:
    values: dict[str, float] = {}
    if {"SAD", "MSE", "MAD"} & set(names):
        sums = errors(prediction, truth, region, area=area)
        values |= {"SAD": sums.sad, "MSE": sums.mse, "MAD": sums.mad}
    if "Grad" in names:
        values["Grad"] = gradient_error(prediction, truth, region, derivative=protocol.derivative)
    if "Conn" in names:
        values["Conn"] = connectivity_error(
            prediction, truth, region, thresholds=protocol.thresholds, skip_empty=protocol.skip_empty
        )
    if "IoU" in names:
        values["IoU"] = iou(prediction, truth, region).mean
    return values
