"""Errors between the frames of a clip: flicker (dtSSD), and flicker along the motion (MESSDdt)."""

from __future__ import annotations

import numpy as np

from matting.errors import MattingError
from matting.metrics.mattes import as_alpha, check


def dtssd(
    prediction: np.ndarray,
    prediction_before: np.ndarray,
    truth: np.ndarray,
    truth_before: np.ndarray,
    region: np.ndarray | None = None,
) -> float:
    """Flicker between two frames: sqrt(mean ((p_t - p_{t-1}) - (t_t - t_{t-1}))^2) (Erofeev et al. 2015).

    Differs: Erofeev et al. take the root of the sum; the mean, as in later work (Lin et al. 2022, who print it times
    100), does not grow with the size of the frame.

    Args:
        prediction, prediction_before, truth, truth_before: (H, W) uint8, or floating point in [0, 1].
        region: (H, W) bool, the pixels to look at; None for all.

    Raises:
        MattingError: the sizes differ or the region is empty.
    """
    check(prediction, truth, region)
    check(prediction_before, truth_before, region)
    check(prediction, truth_before)
    change = as_alpha(prediction) - as_alpha(prediction_before)
    change = change - (as_alpha(truth) - as_alpha(truth_before))
    flat = change.ravel() if region is None else change[region]
    return float(np.sqrt(np.dot(flat, flat) / flat.size))


def messddt(
    prediction: np.ndarray,
    prediction_before: np.ndarray,
    truth: np.ndarray,
    truth_before: np.ndarray,
    motion: np.ndarray,
    region: np.ndarray | None = None,
) -> float:
    """How much squared errors change along the motion: mean |e_{t-1}(x) - e_t(x + v(x))|, e = (p - t)^2.

    The motion-aware measure of Erofeev et al. 2015 (section 4), whose v is the optical flow of the true sequence: an
    error that moves along with what it lies on disturbs less than one that comes and goes.

    Differs: v is rounded to whole pixels, and pixels that leave the frame count for nothing; where all do it is 0.

    Args:
        prediction, prediction_before, truth, truth_before: (H, W) uint8, or floating point in [0, 1].
        motion: (H, W, 2) floating point, how far each pixel of the frame before moves to the right and down.
        region: (H, W) bool, the pixels of the frame before to look at; None for all.

    Raises:
        MattingError: the sizes differ, the motion is not finite, or the region is empty.
    """
    check(prediction, truth, region)
    check(prediction_before, truth_before, region)
    check(prediction, truth_before)
    if motion.shape != (*truth.shape, 2) or not np.isfinite(motion).all():
        raise MattingError(
            f"the motion is {motion.shape} for a frame of {truth.shape}; give {(*truth.shape, 2)} finite pixels"
        )
    before = (as_alpha(prediction_before) - as_alpha(truth_before)) ** 2
    now = (as_alpha(prediction) - as_alpha(truth)) ** 2
    rows, columns = np.indices(truth.shape)
    there = np.rint(motion).astype(np.int64)
    rows, columns = rows + there[..., 1], columns + there[..., 0]
    seen = (rows >= 0) & (rows < truth.shape[0]) & (columns >= 0) & (columns < truth.shape[1])
    if region is not None:
        seen &= region
    changes = np.abs(before[seen] - now[rows[seen], columns[seen]])
    return float(changes.mean()) if changes.size else 0.0
