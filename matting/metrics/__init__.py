"""How far a matte is from the truth: pure functions on arrays, in float64, with their units and sources."""

from __future__ import annotations

from matting.metrics.connectivity import THRESHOLDS, connectivity_error
from matting.metrics.errors import Errors, Iou, dtssd, errors, iou
from matting.metrics.gradient import DerivativeFilter, gradient_error, unit_norm_filter, unit_sum_filter
from matting.metrics.score import LOWER_IS_BETTER, METRICS, SCALES, UNITS, heading, score

__all__ = [
    "LOWER_IS_BETTER",
    "METRICS",
    "SCALES",
    "THRESHOLDS",
    "UNITS",
    "DerivativeFilter",
    "Errors",
    "Iou",
    "connectivity_error",
    "dtssd",
    "errors",
    "gradient_error",
    "heading",
    "iou",
    "score",
    "unit_norm_filter",
    "unit_sum_filter",
]
