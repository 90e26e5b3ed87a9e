"""Scoring a folder of mattes, whatever made them, against a folder of true ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matting.errors import MattingError
from matting.evaluation import scoring
from matting.evaluation.report.extremes import Extremes
from matting.evaluation.table import SCORING, Evaluation, summarise
from matting.metrics.protocols import Protocol
from matting.pictures.files import image_size, list_images, read_alpha, read_image, read_trimap
from matting.system.progress import progress
from matting.text import shortened, sizes_differ

SUFFIXES = ("_alpha", "_matte", "_pred")
"""What a tool may have appended to the name of the photograph; `predict.py` writes NAME_alpha.png."""


@dataclass(frozen=True)
class Pair:
    """The files of one image; `name` is the truth's path below its folder."""

    name: str
    truth: Path
    prediction: Path
    trimap: Path | None
    image: Path | None


def find_pairs(alpha: Path, pred: Path, trimap: Path | None = None, image: Path | None = None) -> list[Pair]:
    """Pair files by relative path without the ending: `x/a.png` with `x/a.jpg` or `x/a_alpha.png`.

    Everything is found and every size compared, from the files' headers, before anything is scored. Mattes that have
    no truth are passed over.

    Args:
        alpha: the true mattes; each needs its partner in `pred`, and in `trimap` if given.
        image: the photographs, for the report alone; those missing are left out.

    Raises:
        MattingError: a folder is missing or empty, files have no partner, or sizes differ.
    """
    truths = _below(alpha, "--alpha")
    predictions = _below(pred, "--pred")
    trimaps = _below(trimap, "--trimap") if trimap else {}
    images = _below(image, "--image") if image else {}
    pairs, lacking, lacking_trimap = [], [], []
    for stem, truth in truths.items():
        prediction = _partner(stem, predictions)
        name = truth.relative_to(alpha).as_posix()
        if prediction is None:
            lacking.append(name)
        if trimap is not None and stem not in trimaps:
            lacking_trimap.append(name)
        if prediction is not None:
            pairs.append(Pair(name, truth, prediction, trimaps.get(stem), images.get(stem)))
    for flag, folder, names in (("--pred", pred, lacking), ("--trimap", trimap, lacking_trimap)):
        if names:
            raise MattingError(
                f"{flag} {folder}: {len(names)} of {len(truths)} true mattes have no partner of their relative path "
                f"({shortened(names)}); add them, or give --alpha a folder without those"
            )
    _check_sizes(pairs)
    return pairs


def score_folder(
    pairs: Sequence[Pair],
    *,
    protocol: str | Protocol = "default",
    names: Sequence[str] | None = None,
    workers: int = 0,
    with_panels: bool = False,
) -> Evaluation:
    """Score every pair, in processes that read the files themselves.

    Raises:
        MattingError: the protocol counts in trimaps of which some are missing, or a file cannot be used.
    """
    chosen = scoring.choose(protocol, names)
    listed = sum(pair.trimap is not None for pair in pairs)
    if chosen.needs_trimap and listed < len(pairs):
        raise MattingError(
            f"the protocol {chosen.name} counts in the set's own trimaps; name their folder by --trimap, or choose "
            "the protocol paddleseg, which makes them from the true mattes"
        )
    tasks = ((pair, chosen, with_panels) for pair in pairs)
    results = scoring.run(_score_pair, tasks, workers)
    rows, extremes = [], Extremes(chosen.columns[0].metric.lower_is_better)
    shown = progress(results, len(pairs), "image", "scoring")
    for pair, (result, (height, width)) in zip(pairs, shown, strict=True):
        row: dict[str, Any] = {"name": pair.name, "height": height, "width": width, **result.values}
        rows.append({**row, SCORING: round(result.seconds, 4)})
        if result.panels is not None:
            extremes.add(pair.name, row[chosen.columns[0].name], result.panels)
    return summarise(rows, listed, chosen, extremes.panels())


def _score_pair(task: tuple[Pair, Protocol, bool]) -> tuple[scoring.Score, tuple[int, int]]:
    pair, protocol, with_panels = task
    truth = read_alpha(pair.truth)
    known = read_trimap(pair.trimap) if pair.trimap and protocol.uses_trimap else None
    image = read_image(pair.image) if with_panels and pair.image else None
    if image is not None and image.shape[:2] != truth.shape:
        raise MattingError(sizes_differ(pair.image, image.shape, pair.truth, truth.shape) + "; they must agree")
    links = {"truth": pair.truth, "matte": pair.prediction, **({"image": pair.image} if pair.image else {})}
    job = scoring.Job(
        pair.name, read_alpha(pair.prediction), truth, known, protocol, image, links, wants_panels=with_panels
    )
    height, width = truth.shape
    return scoring.score(job), (height, width)


def _below(folder: Path, flag: str) -> dict[Path, Path]:
    """Return the pictures below a folder by relative path without the ending."""
    if not folder.is_dir():
        raise MattingError(f"{flag} {folder} is no folder; name one that holds the files")
    found: dict[Path, Path] = {}
    for path in list_images(folder):
        stem = path.relative_to(folder).with_suffix("")
        if stem in found:
            raise MattingError(f"{flag}: {found[stem]} and {path} differ in their ending alone; keep one of them")
        found[stem] = path
    if not found:
        raise MattingError(f"{flag} {folder} holds no picture; name another folder")
    return found


def _partner(stem: Path, predictions: dict[Path, Path]) -> Path | None:
    for suffix in ("", *SUFFIXES):
        found = predictions.get(stem.with_name(stem.name + suffix))
        if found is not None:
            return found
    return None


def _check_sizes(pairs: Sequence[Pair]) -> None:
    wrong = []
    for pair in pairs:
        size = image_size(pair.truth)
        for path in (pair.prediction, pair.trimap):
            if path is not None and image_size(path) != size:
                wrong.append(sizes_differ(path, image_size(path), pair.truth, size))
    if wrong:
        raise MattingError(
            f"{len(wrong)} files are of another size than the truth: {shortened(wrong)}; a matte is scored at the size "
            "of the truth: bring it there as it is meant to be used"
        )
