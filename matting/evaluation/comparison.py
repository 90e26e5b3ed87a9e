"""Two evaluations of the same images side by side: paired differences, how sure they are, and what changed most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matting.errors import MattingError
from matting.evaluation.table import read_csv
from matting.metrics.catalogue import is_metric, metric_of
from matting.text import shortened, visible_lines

RESAMPLES = 10_000
CONFIDENCE = 0.95
MOST_CHANGED = 5


@dataclass(frozen=True)
class Difference:
    """What changed in one column, B minus A, over the images that both have a value for.

    Attributes:
        name: of the column.
        before, after: the means of A and of B.
        low, high: the confidence interval of the mean difference.
        better, worse: how many images improved and how many got worse in B.
        changed: the images that changed most, by name, with their difference.
    """

    name: str
    before: float
    after: float
    low: float
    high: float
    better: int
    worse: int
    changed: tuple[tuple[str, float], ...]

    @property
    def verdict(self) -> str:
        """Say who is better, or that the images do not tell."""
        if self.low <= 0 <= self.high:
            return "undecided"
        return "B better" if metric_of(self.name).cost(self.after - self.before) < 0 else "A better"


@dataclass(frozen=True)
class Comparison:
    """The differences of two evaluations, column by column."""

    images: int
    differences: tuple[Difference, ...]

    def table(self) -> str:
        """Return the comparison as text."""
        lines = [
            f"{self.images} images in both; B minus A, {CONFIDENCE:.0%} intervals of the mean from {RESAMPLES} "
            "resamplings of the images",
            f"{'':<16}{'A':>11}{'B':>11}{'B - A':>11}{'interval':>28}{'better':>8}{'worse':>7}  verdict",
        ]
        for d in self.differences:
            interval = f"{d.low:+.4g} to {d.high:+.4g}"
            lines.append(
                f"{d.name:<16}{d.before:>11.4f}{d.after:>11.4f}{d.after - d.before:>+11.4g}{interval:>28}"
                f"{d.better:>8}{d.worse:>7}  {d.verdict}"
            )
        first = self.differences[0]
        lines.append(f"changed most in {first.name}:")
        lines += [f"  {change:>+11.4g}  {name}" for name, change in first.changed]
        return visible_lines(lines)


def compare(before: Path, after: Path) -> Comparison:
    """Compare two CSV files of `tools/val.py` or `tools/evaluate_mattes.py`, image by image.

    Raises:
        MattingError: a file is no such table, or they do not hold the same images or any common metric.
    """
    a, b = ({row["name"]: row for row in read_csv(path)} for path in (before, after))
    _check_same(before, a, after, b)
    names = list(a)
    shared = [key for key in next(iter(a.values())) if key in next(iter(b.values())) and is_metric(key)]
    differences = [d for column in shared if (d := _difference(column, names, a, b)) is not None]
    if not differences:
        raise MattingError(f"{before} and {after} have no metric in common; score both by one protocol")
    return Comparison(len(names), tuple(differences))


def interval(differences: np.ndarray, seed: int = 0) -> tuple[float, float]:
    """Return the confidence interval of a mean, by the bootstrap over images (percentiles).

    Args:
        differences: (N,) float64.
        seed: of the resampling; the same numbers give the same interval.
    """
    rng = np.random.default_rng(seed)
    means = np.empty(RESAMPLES)
    # By the block, so that a set of ten thousand images does not ask for a gigabyte.
    block = max(1, 4_000_000 // len(differences))
    for start in range(0, RESAMPLES, block):
        size = (min(block, RESAMPLES - start), len(differences))
        means[start : start + size[0]] = differences[rng.integers(0, len(differences), size)].mean(axis=1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _difference(
    column: str, names: Sequence[str], a: Mapping[str, Mapping[str, Any]], b: Mapping[str, Mapping[str, Any]]
) -> Difference | None:
    pairs = np.array([[a[name][column], b[name][column]] for name in names])
    known = ~np.isnan(pairs).any(axis=1)
    if not known.any():
        return None
    pairs, kept = pairs[known], [name for name, is_known in zip(names, known, strict=True) if is_known]
    change = pairs[:, 1] - pairs[:, 0]
    cost = change if metric_of(column).lower_is_better else -change
    most = np.argsort(-np.abs(change), kind="stable")[:MOST_CHANGED]
    before, after = pairs.mean(axis=0)
    low, high = interval(change)
    return Difference(
        column, float(before), float(after), low, high, int((cost < 0).sum()), int((cost > 0).sum()),
        tuple((kept[index], float(change[index])) for index in most if change[index] != 0),
    )  # fmt: skip


def _check_same(before: Path, a: Mapping[str, Any], after: Path, b: Mapping[str, Any]) -> None:
    for path, here, there in ((after, a, b), (before, b, a)):
        missing = [name for name in here if name not in there]
        if missing:
            raise MattingError(
                f"{path} lacks {len(missing)} images ({shortened(missing, 5)}); compare results on the same set"
            )
