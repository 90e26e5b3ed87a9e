"""Errors that look at each pixel by itself: SAD, MSE, MAD, IoU."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from matting.errors import MattingError
from matting.metrics.mattes import as_alpha, check

_ROWS_AT_A_TIME = 64
"""Rows whose float64 difference stays within the processor's cache."""


class Errors(NamedTuple):
    """Sum of absolute differences, mean squared and mean absolute difference, of alpha in [0, 1]."""

    sad: float
    mse: float
    mad: float


class Iou(NamedTuple):
    """Intersection over union of the two binary mattes, each in [0, 1], and their mean (mIoU of two classes)."""

    foreground: float
    background: float
    mean: float


def errors(
    prediction: np.ndarray, truth: np.ndarray, region: np.ndarray | None = None, *, area: int | None = None
) -> Errors:
    """SAD = sum |p - t|, MSE = sum (p - t)^2 / area, MAD = SAD / area, over a region (Rhemann et al. 2009).

    Two 8-bit mattes are compared in exact integer arithmetic; anything else in float64, a few rows at a time.

    Args:
        prediction, truth: (H, W) uint8, or floating point in [0, 1].
        region: (H, W) bool, the pixels that are summed over; None for all.
        area: the number of pixels that the means divide by; default: those of the region. (Some protocols sum over
            the whole image and divide by the pixels of the unknown region.)

    Returns:
        SAD in units of one fully wrong pixel; MSE and MAD in [0, 1] when `area` is not given.

    Raises:
        MattingError: the sizes differ, the region is empty or `area` is not positive.
    """
    check(prediction, truth, region)
    if area is None:
        area = truth.size if region is None else int(np.count_nonzero(region))
    if area <= 0:
        raise MattingError(f"errors are divided by an area of {area} pixels; it must be positive: leave it out")
    if prediction.dtype == truth.dtype == np.uint8:
        # Sums of integers below 2^53 are exact in the double that OpenCV returns.
        mask = None if region is None else np.ascontiguousarray(region).view(np.uint8)
        absolute = cv2.norm(prediction, truth, cv2.NORM_L1, mask) / 255.0
        squared = cv2.norm(prediction, truth, cv2.NORM_L2SQR, mask) / 255.0**2
    else:
        absolute, squared = _float_sums(prediction, truth, region)
    return Errors(sad=absolute, mse=squared / area, mad=absolute / area)


def _float_sums(prediction: np.ndarray, truth: np.ndarray, region: np.ndarray | None) -> tuple[float, float]:
    absolute = squared = 0.0
    for top in range(0, len(truth), _ROWS_AT_A_TIME):
        rows = slice(top, top + _ROWS_AT_A_TIME)
        difference = as_alpha(prediction[rows]) - as_alpha(truth[rows])
        flat = difference.ravel() if region is None else difference[region[rows]]
        squared += float(np.dot(flat, flat))
        absolute += float(np.abs(flat, out=flat).sum())
    return absolute, squared


def iou(prediction: np.ndarray, truth: np.ndarray, region: np.ndarray | None = None, *, threshold: float = 0.5) -> Iou:
    """Intersection over union of foreground and of background, both mattes cut at a threshold.

    A pixel is foreground when alpha >= threshold (an 8-bit value v has alpha v / 255). A class that neither matte
    holds scores 1: the two agree on it.

    Args:
        prediction, truth: (H, W) uint8, or floating point in [0, 1].
        region: (H, W) bool, the pixels to look at; None for all.
        threshold: in (0, 1].

    Raises:
        MattingError: the sizes differ, the region is empty or the threshold lies outside (0, 1].
    """
    check(prediction, truth, region)
    if not 0.0 < threshold <= 1.0:
        raise MattingError(f"the IoU threshold is {threshold}; it must lie in (0, 1], 0.5 is usual")
    predicted, true = (_binary(matte, threshold) for matte in (prediction, truth))
    if region is not None:
        predicted, true = predicted[region], true[region]
    both = int(np.count_nonzero(predicted & true))
    either = int(np.count_nonzero(predicted | true))
    neither = true.size - either
    foreground = both / either if either else 1.0
    background = neither / (true.size - both) if both < true.size else 1.0
    return Iou(foreground, background, (foreground + background) / 2)


def _binary(matte: np.ndarray, threshold: float) -> np.ndarray:
    if matte.dtype == np.uint8:
        return matte >= int(np.count_nonzero(np.arange(256) / 255.0 < threshold))
    return matte >= threshold
