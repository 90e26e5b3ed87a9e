"""How far a matte is from the truth: pure functions on arrays, in float64, with their units and sources."""

from __future__ import annotations

from matting.metrics.connectivity import THRESHOLDS, connectivity_error
from matting.metrics.errors import Errors, Iou, dtssd, errors, iou
from matting.metrics.gradient import DerivativeFilter, gradient_error, unit_norm_filter, unit_sum_filter
from matting.metrics.protocols import (
    DEFAULT,
    LOWER_IS_BETTER,
    METRICS,
    PROTOCOLS,
    SCALES,
    UNITS,
    Column,
    Protocol,
    lower_is_better,
    select,
)
from matting.metrics.score import score

__all__ = [
    "DEFAULT",
    "LOWER_IS_BETTER",
    "METRICS",
    "PROTOCOLS",
    "SCALES",
    "THRESHOLDS",
    "UNITS",
    "Column",
    "DerivativeFilter",
    "Errors",
    "Iou",
    "Protocol",
    "connectivity_error",
    "dtssd",
    "errors",
    "gradient_error",
    "iou",
    "lower_is_better",
    "score",
    "select",
    "unit_norm_filter",
    "unit_sum_filter",
]
