"""Scoring the trimaps that a network draws inside: what its semantic phase is validated by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matting import trimap
from matting.errors import MattingError
from matting.evaluation.table import Evaluation, mean_of
from matting.metrics.catalogue import METRICS
from matting.metrics.trimap_agreement import trimap_agreement
from matting.predictor import Predictor
from matting.system import exchange
from matting.system.prefetching import read_ahead

NAME = "trimap"
"""What to give as `--metrics` for it, in any case."""


def is_asked_for(names: Sequence[str]) -> bool:
    """Return whether `--metrics` asks for the trimaps' score, which stands alone."""
    return [name.casefold() for name in names] == [NAME]


def evaluate_trimaps(predictor: Predictor, dataset: Any, num_workers: int = 0) -> Evaluation:
    """Draw a trimap of every picture of a set and score it at the original size.

    The truth is the sample's own trimap, or else the one made of its alpha by the evaluation rule.

    Args:
        predictor: of a network that draws trimaps.
        dataset: a `MattingDataset` in mode val.

    Raises:
        MattingError: the set is empty, or the network draws no trimap.
    """
    if len(dataset) == 0:
        raise MattingError("the validation set is empty, so there is nothing to measure; check val_file")
    if not predictor.draws_trimap:
        raise MattingError(f"--metrics {NAME}: this network draws no trimap, only SHM does; give SAD, MSE, ...")
    mine = range(exchange.rank(), len(dataset), exchange.ranks())
    rows = []
    for index, sample in zip(mine, read_ahead(dataset.read, mine, num_workers), strict=True):
        truth = sample["trimap"] if "trimap" in sample else trimap.for_evaluation(sample["alpha"])
        _, drawn = predictor.run(sample["image"], with_trimap=True)
        assert drawn is not None
        height, width = truth.shape
        row = {"name": sample["name"], "height": height, "width": width, **trimap_agreement(drawn, truth)}
        rows.append((index, row))
    gathered = sorted((item for part in exchange.gather(rows) for item in part), key=lambda item: item[0])
    ordered = [row for _, row in gathered]
    names = [name for name in ordered[0] if name in METRICS]
    return Evaluation(ordered, {name: mean_of(ordered, name) for name in names})
