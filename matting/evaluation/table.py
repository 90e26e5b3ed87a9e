"""The scores of a set as a table: one row an image, exact means, text for the terminal and CSV for everything else."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matting import trimap
from matting.errors import MattingError
from matting.evaluation.report.panels import Panels
from matting.metrics.protocols import DEFAULT, REGION_TITLES, Protocol
from matting.system import atomic
from matting.text import cell, from_cell, visible_lines

PREDICTING, SCORING = "seconds_predicting", "seconds_scoring"
"""Columns of a row beside the metrics: what the network and the metrics took."""

MEAN = "mean"
"""The name of the last row of a CSV."""

_PLAIN = ("name", "height", "width")


@dataclass(frozen=True)
class Evaluation:
    """The scores of a set.

    Attributes:
        rows: one an image, in the list's order: `name`, `height`, `width`, metrics by column name, times in seconds.
        means: the mean of every metric over the images that have it.
        listed_trimaps: how many images have a trimap of their own; that of the others was made by the evaluation rule.
        protocol: by which they were measured.
        panels: small pictures by image name, where a report was asked for.
    """

    rows: list[dict[str, Any]]
    means: dict[str, float]
    listed_trimaps: int = 0
    protocol: Protocol = DEFAULT
    panels: Mapping[str, Panels] = field(default_factory=dict)

    def table(self) -> str:
        """Return the means as text: a line a metric, its regions side by side, its unit behind."""
        columns = [column for column in self.protocol.columns if column.name in self.means]
        regions = list(dict.fromkeys(column.region for column in columns))
        called = "frames" if self.protocol.uses_frame_before else "images"
        lines = [f"{len(self.rows)} {called}, {self.protocol.describe()}"]
        if any(column.region != "whole" for column in columns):
            lines.append(trimap_rule(self.listed_trimaps, len(self.rows)))
        lines.append(f"{'':<8}" + "".join(f"{REGION_TITLES[region]:>18}" for region in regions))
        for metric in dict.fromkeys(column.metric for column in columns):
            cells = (_cell(self.means, metric.name, region) for region in regions)
            lines.append(f"{metric.name:<8}{''.join(cells)}   {metric.unit}")
        return visible_lines(lines)

    def write_csv(self, path: Path) -> None:
        """Write one row an image, then a row named `mean`."""
        with atomic.replacing(path) as beside, open(beside, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(self.rows[0]), restval="")
            writer.writeheader()
            writer.writerows({key: cell(value) for key, value in row.items()} for row in self.rows)
            writer.writerow({"name": MEAN, **self.means})


def trimap_rule(listed: int, images: int) -> str:
    """Return which trimaps decide what is unknown, as one line."""
    return (
        f"unknown region: {listed} trimaps from the list, "
        f"{images - listed} made by the {trimap.EVALUATION_KERNEL}-px rule"
    )


def summarise(
    rows: Sequence[dict[str, Any]],
    listed_trimaps: int = 0,
    protocol: Protocol = DEFAULT,
    panels: Mapping[str, Panels] | None = None,
) -> Evaluation:
    """Return rows with the mean of every metric column; NaN (nothing of the region in the picture) is left out."""
    means = {column.name: mean_of(rows, column.name) for column in protocol.columns if column.name in rows[0]}
    return Evaluation(list(rows), means, listed_trimaps, protocol, panels or {})


def mean_of(rows: Sequence[dict[str, Any]], column: str) -> float:
    """Return the mean of a column without its NaN; NaN if it has nothing else."""
    values = [row[column] for row in rows if not math.isnan(row[column])]
    # fsum: the mean does not depend on the order in which ranks and workers delivered.
    return math.fsum(values) / len(values) if values else math.nan


def read_csv(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a CSV that `write_csv` wrote, without the mean; the metrics as float, empty ones as NaN.

    Raises:
        MattingError: the file is missing or no such table.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise MattingError(f"{path} cannot be read ({error}); give a metrics.csv that matting val wrote") from None
    if not rows or "name" not in rows[0] or all(row["name"] == MEAN for row in rows):
        raise MattingError(f"{path} has no column `name` or no rows; give a metrics.csv that matting val wrote")
    try:
        return [_typed(row) for row in rows if row["name"] != MEAN]
    except (TypeError, ValueError) as error:
        raise MattingError(f"{path} holds what is no number ({error}); give a metrics.csv as it was written") from None


def _typed(row: Mapping[str, str]) -> dict[str, Any]:
    return {key: from_cell(value or "") if key in _PLAIN else float(value or "nan") for key, value in row.items()}


def _cell(means: Mapping[str, float], metric: str, region: str) -> str:
    value = means.get(metric if region == "whole" else f"{metric}_{region}")
    return f"{'' if value is None else format(value, '.4f'):>18}"
