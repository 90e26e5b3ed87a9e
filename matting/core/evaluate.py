"""Scoring a predictor on a labelled set: one row an image, exact means over all ranks."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from matting import metrics, trimap
from matting.core import distributed
from matting.core.predictor import Predictor
from matting.errors import MattingError
from matting.imageio import quantise, write_png
from matting.read_ahead import read_ahead
from matting.registry import nearest
from matting.sample import Sample


@dataclass(frozen=True)
class Evaluation:
    """The scores of a set.

    Attributes:
        rows: one an image, in the list's order: `name`, `height`, `width`, then the metrics by column name.
        means: the mean of every metric over the images that have it.
        listed_trimaps: how many images have a trimap of their own; that of the others was made by the evaluation rule.
    """

    rows: list[dict[str, Any]]
    means: dict[str, float]
    listed_trimaps: int = 0

    def table(self) -> str:
        """Return the means as text: a line a metric, the whole image and the unknown region side by side."""
        names = [name for name in self.means if not name.endswith("_unknown")]
        lines = [
            f"{len(self.rows)} images, original size, mattes rounded to 8 bits",
            f"unknown region: {self.listed_trimaps} trimaps from the list, "
            f"{len(self.rows) - self.listed_trimaps} made by the {trimap.EVALUATION_KERNEL}-px rule",
        ]
        lines.append(f"{'':<8}{'whole image':>14}{'unknown region':>17}")
        for name in names:
            unknown = self.means.get(f"{name}_unknown")
            beside = f"{unknown:>17.4f}" if unknown is not None else ""
            lines.append(f"{name:<8}{self.means[name]:>14.4f}{beside}   {metrics.UNITS[name]}")
        return "\n".join(lines)

    def write_csv(self, path: Path) -> None:
        """Write one row an image, then a row named `mean`."""
        columns = ["name", "height", "width", *self.means]
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.part")
        with open(beside, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows(self.rows)
            writer.writerow({"name": "mean", **self.means})
        os.replace(beside, path)


def check_names(names: Sequence[str]) -> None:
    """Check names of metrics before any work.

    Raises:
        MattingError: a name is no metric.
    """
    for name in names:
        if name not in metrics.METRICS:
            raise MattingError(f"--metrics {name}: {nearest(name, list(metrics.METRICS))}")


def evaluate(
    predictor: Predictor,
    dataset: Any,
    *,
    names: Sequence[str] = metrics.METRICS,
    num_workers: int = 0,
    save_dir: Path | None = None,
    visit: Callable[[Sample, np.ndarray], None] | None = None,
) -> Evaluation:
    """Predict every sample of a set and score the matte, rounded to 8 bits, at the original size.

    The unknown region is that of the sample's trimap, or else of the trimap made from the true alpha by the evaluation
    rule (`matting.trimap.for_evaluation`). Whole-image scores are of the matte as it is; for the unknown region known
    pixels are imposed first.

    Args:
        dataset: a `MattingDataset` in mode val: `dataset.read(index)` gives image and alpha at the original size.
        names: which metrics (`metrics.METRICS`).
        num_workers: threads that read ahead.
        save_dir: where to write the mattes as 8-bit PNG, mirroring the set's folders; None writes none.
        visit: called with every sample and its 8-bit matte, on the rank that predicted it.

    Raises:
        MattingError: the set is empty, or a sample cannot be used.
    """
    if len(dataset) == 0:
        raise MattingError("the validation set is empty, so there is nothing to measure; check val_file")
    mine = range(distributed.rank(), len(dataset), distributed.ranks())
    samples: Iterable[Sample] = read_ahead(dataset.read, mine, num_workers)
    if distributed.rank() == 0:
        samples = tqdm(samples, total=len(mine), desc="evaluating", unit="image", leave=False, disable=None)
    rows = []
    for index, sample in zip(mine, samples, strict=True):
        row, matte = _score(predictor, sample, names)
        rows.append((index, row))
        if save_dir is not None:
            write_png(save_dir / Path(sample["name"]).with_suffix(".png"), matte)
        if visit is not None:
            visit(sample, matte)
    gathered = sorted((item for part in distributed.gather(rows) for item in part), key=lambda item: item[0])
    listed = sum(entry.trimap is not None for entry in dataset.entries)
    return summarise([row for _, row in gathered], listed)


def summarise(rows: list[dict[str, Any]], listed_trimaps: int = 0) -> Evaluation:
    """Return rows together with the mean of every metric column; NaN (no unknown pixel in the picture) is left out."""
    means = {}
    for key in rows[0]:
        if key not in ("name", "height", "width"):
            values = [row[key] for row in rows if not np.isnan(row[key])]
            means[key] = float(np.mean(values)) if values else float("nan")
    return Evaluation(rows, means, listed_trimaps)


def _score(predictor: Predictor, sample: Sample, names: Sequence[str]) -> tuple[dict[str, Any], np.ndarray]:
    true_trimap = sample["trimap"] if "trimap" in sample else trimap.for_evaluation(sample["alpha"])
    needs_trimap = "trimap" in predictor.network.inputs
    try:
        matte = quantise(predictor(sample["image"], true_trimap if needs_trimap else None))
    except MattingError as error:
        raise MattingError(f"{sample['name']}: {error}") from None
    height, width = matte.shape
    scores = metrics.score(matte, quantise(sample["alpha"]), true_trimap, names)
    return {"name": sample["name"], "height": height, "width": width, **scores}, matte
