"""How far a matte is from the truth: pure functions on arrays, in float64, with their units and sources."""

from __future__ import annotations

from matting.metrics.catalogue import METRICS, Metric, is_metric, metric_of
from matting.metrics.connectivity import THRESHOLDS, connectivity_error
from matting.metrics.gradient import DerivativeFilter, gradient_error, unit_norm_filter, unit_sum_filter
from matting.metrics.pixelwise import Errors, Iou, errors, iou
from matting.metrics.protocols import (
    DEFAULT,
    PROTOCOLS,
    Column,
    Protocol,
    select,
)
from matting.metrics.score import score
from matting.metrics.temporal import dtssd, messddt

__all__ = [
    "DEFAULT",
    "METRICS",
    "PROTOCOLS",
    "THRESHOLDS",
    "Column",
    "DerivativeFilter",
    "Errors",
    "Iou",
    "Metric",
    "Protocol",
    "connectivity_error",
    "dtssd",
    "errors",
    "gradient_error",
    "iou",
    "is_metric",
    "messddt",
    "metric_of",
    "score",
    "select",
    "unit_norm_filter",
    "unit_sum_filter",
]
