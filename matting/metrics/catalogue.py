"""The one table of metrics: what each is called, its unit, its scale, and whether less of it is better."""

from __future__ import annotations

from dataclasses import dataclass

from matting.errors import MattingError
from matting.metrics.trimap_agreement import CLASSES


@dataclass(frozen=True)
class Metric:
    """One measure of a network.

    Attributes:
        name: in tables, files and flags.
        unit: what stands in a heading beside the name.
        scale: what the raw value is multiplied by to be in that unit.
        lower_is_better: else higher is.
    """

    name: str
    unit: str
    scale: float = 1.0
    lower_is_better: bool = True

    def cost(self, value: float) -> float:
        """Return a value, or a difference of two, turned so that less is better whatever the metric."""
        return value if self.lower_is_better else -value


OF_MATTES = (
    Metric("SAD", "sum of |error| / 1000", 1e-3),
    Metric("MSE", "mean of squared error"),
    Metric("MAD", "mean of |error|"),
    Metric("Grad", "sum / 1000", 1e-3),
    Metric("Conn", "sum / 1000", 1e-3),
    Metric("IoU", "mean of foreground and background at 0.5", lower_is_better=False),
)
"""What `--metrics` and protocols choose from, in the order of tables."""

OF_CLIPS = (Metric("dtSSD", "root of the mean squared change of the error x 100", 100.0),)
"""What needs the frame before as well; the protocols of clips hold it."""

OF_TRIMAPS = (
    Metric("trimap_mIoU", "mean of the classes' IoU", lower_is_better=False),
    Metric("trimap_accuracy", "share of the pixels", lower_is_better=False),
    *(Metric(f"trimap_IoU_{name}", "intersection over union", lower_is_better=False) for name in CLASSES),
)
"""What `--metrics trimap` scores, as `trimap_agreement` names it."""

INCONSISTENCY = Metric("inconsistency", "mean squared distance of semantics and shrunken matte")
"""What an adaptation watches on photographs that were held out."""

METRICS = {metric.name: metric for metric in (*OF_MATTES, *OF_CLIPS, *OF_TRIMAPS, INCONSISTENCY)}
"""Everything that a network can be validated by, by name."""


def is_metric(column: str) -> bool:
    """Return whether a column such as `SAD_unknown` holds a metric."""
    return column in METRICS or column.partition("_")[0] in METRICS


def metric_of(column: str) -> Metric:
    """Return the metric of a column such as `SAD_unknown`.

    Raises:
        MattingError: it holds none.
    """
    if not is_metric(column):
        raise MattingError(f"there is no metric {column!r}; the table has {', '.join(METRICS)}")
    return METRICS.get(column) or METRICS[column.partition("_")[0]]
