"""Scoring a predictor on a labelled set: one row an image, exact means over all ranks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matting import metrics, trimap
from matting.errors import MattingError
from matting.evaluation import scoring
from matting.evaluation.report.extremes import Extremes
from matting.evaluation.table import PREDICTING, SCORING, Evaluation, summarise
from matting.metrics.protocols import Protocol
from matting.pictures.files import quantise, write_png
from matting.prediction.record import Record
from matting.predictor import Predictor
from matting.sample import Sample
from matting.system import exchange
from matting.system.prefetching import read_ahead
from matting.system.progress_meter import progress


def evaluate(
    predictor: Predictor,
    dataset: Any,
    *,
    protocol: str | Protocol = metrics.DEFAULT,
    names: Sequence[str] | None = None,
    num_workers: int = 0,
    score_workers: int = 0,
    save_dir: Path | None = None,
    with_panels: bool = False,
    visit: Callable[[Sample, np.ndarray], None] | None = None,
) -> Evaluation:
    """Predict every sample of a set and score the mattes at the original size, by a protocol.

    The unknown region is that of the sample's trimap, or else of the trimap made from the true alpha by the evaluation
    rule (`matting.trimap.for_evaluation`). Whole-image scores are of the matte as it is; for the unknown region known
    pixels are imposed first. With several ranks each scores its share, every image once.

    Args:
        dataset: a `MattingDataset` in mode val: `dataset.read(index)` gives image and alpha at the original size.
        protocol: of `metrics.PROTOCOLS`.
        names: which of its metrics; None for all.
        num_workers: threads that read ahead.
        score_workers: processes that score while the network runs; 0 scores in between.
        save_dir: where to write the mattes as 8-bit PNG, mirroring the set's folders; None writes none.
        with_panels: keep small pictures of the worst and the best, by the first column, for a report.
        visit: called with every sample and its 8-bit matte, on the rank that predicted it.

    Raises:
        MattingError: the set is empty, lacks trimaps that the protocol counts in, a matte would replace a file of the
            set or the matte of another one, or a sample cannot be used.
    """
    chosen = scoring.choose(protocol, names)
    listed = _check(dataset, chosen)
    mine = range(exchange.rank(), len(dataset), exchange.ranks())
    samples: Iterable[Sample] = read_ahead(dataset.read, mine, num_workers)
    if exchange.rank() == 0:
        samples = progress(samples, len(mine), "image", "evaluating")
    started: list[dict[str, Any]] = []
    places = _places(dataset, mine, save_dir) if save_dir is not None else {}

    def jobs() -> Iterator[scoring.Job]:
        for index, sample in zip(mine, samples, strict=True):
            row, alpha = _predict(predictor, sample)
            started.append(row)
            links = scoring.links(dataset.entries[index])
            if places or visit is not None:
                matte = quantise(alpha)
                if places:
                    links["matte"] = places[sample["name"]]
                    write_png(links["matte"], matte)
                if visit is not None:
                    visit(sample, matte)
            image = sample["image"] if with_panels else None
            yield scoring.Job(
                sample["name"], alpha, sample["alpha"], sample.get("trimap"), chosen, image, links, with_panels
            )

    finished: list[tuple[int, dict[str, Any]]] = []
    extremes = Extremes(chosen.columns[0].metric.lower_is_better)
    for index, result in zip(mine, scoring.run(scoring.score, jobs(), score_workers), strict=True):
        row = _row(started[len(finished)], result)
        finished.append((index, row))
        if result.panels is not None:
            extremes.add(row["name"], row[chosen.columns[0].name], result.panels)
    return _gather(finished, extremes, listed, chosen)


def _check(dataset: Any, protocol: Protocol) -> int:
    """Return how many trimaps the set's list names."""
    if len(dataset) == 0:
        raise MattingError("the validation set is empty, so there is nothing to measure; check val_file")
    listed = sum(entry.trimap is not None for entry in dataset.entries)
    if protocol.needs_trimap and listed < len(dataset):
        raise MattingError(
            f"the protocol {protocol.name} counts in the set's own trimaps, but {len(dataset) - listed} of "
            f"{len(dataset)} samples have none; name them in the list, or choose the protocol paddleseg"
        )
    return listed


def _predict(predictor: Predictor, sample: Sample) -> tuple[dict[str, Any], np.ndarray]:
    """Return the beginning of a row, and alpha as the network left it, (H, W) float32 in [0, 1]."""
    known = None
    if predictor.takes_trimap:
        known = sample["trimap"] if "trimap" in sample else trimap.for_evaluation(sample["alpha"])
    start = time.perf_counter()
    try:
        alpha = np.clip(predictor(sample["image"], known), 0, 1)
    except MattingError as error:
        raise MattingError(f"{sample['name']}: {error}") from None
    height, width = alpha.shape
    return {"name": sample["name"], "height": height, "width": width, PREDICTING: time.perf_counter() - start}, alpha


def _row(begun: dict[str, Any], result: scoring.Score) -> dict[str, Any]:
    plain = {key: value for key, value in begun.items() if key != PREDICTING}
    return {**plain, **result.values, PREDICTING: round(begun[PREDICTING], 4), SCORING: round(result.seconds, 4)}


def _places(dataset: Any, mine: Iterable[int], save_dir: Path) -> dict[str, Path]:
    """Claim where the matte of every sample goes, before the network runs, and return it by the sample's name."""
    record = Record(save_dir, [path for entry in dataset.entries for path in entry.paths])
    places = {}
    for entry in (dataset.entries[index] for index in mine):
        matte = Path(entry.name).with_suffix(".png").as_posix()
        places[entry.name] = record.claim([entry.image], [matte]).paths[matte]
    return places


def _gather(
    finished: list[tuple[int, dict[str, Any]]], extremes: Extremes, listed: int, protocol: Protocol
) -> Evaluation:
    """Bring the rows of all ranks into the list's order, every image once."""
    parts = exchange.gather((finished, extremes))
    rows = sorted((item for rows, _ in parts for item in rows), key=lambda item: item[0])
    every = Extremes(extremes.lower_is_better)
    for _, kept in parts:
        every.merge(kept)
    return summarise([row for _, row in rows], listed, protocol, every.panels())
