"""Scoring mattes in processes of their own, so that the network need not wait for the metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from matting import metrics, trimap
from matting.errors import MattingError
from matting.evaluation.report.panels import Panels, make_panels
from matting.metrics.catalogue import OF_CLIPS
from matting.metrics.protocols import SCORED, Protocol, spelt
from matting.pictures.files import quantise
from matting.registry import nearest
from matting.sample import PictureFiles
from matting.system import processes

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Job:
    """One matte to be scored.

    Attributes:
        name: of the image.
        prediction: (H, W) float in [0, 1], or uint8.
        truth: (H, W) float32 in [0, 1], as `matting.pictures.files.read_alpha` gives it.
        trimap: (H, W) uint8 in {0, 128, 255}, the image's own; where there is none it is made if needed.
        protocol: by which it is scored.
        image: (H, W, 3) RGB uint8, where panels are wanted.
        links: where the full files are, by panel.
        before: prediction and truth of the frame before in its clip, like these; of the first frame these themselves.
    """

    name: str
    prediction: np.ndarray
    truth: np.ndarray
    trimap: np.ndarray | None
    protocol: Protocol
    image: np.ndarray | None = None
    links: dict[str, Path] | None = None
    wants_panels: bool = False
    before: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class Score:
    """What came of a job: its name, the metrics by column, how long they took, height and width, and panels."""

    name: str
    values: dict[str, float]
    seconds: float
    size: tuple[int, int]
    panels: Panels | None = None


def choose(protocol: str | Protocol, names: Sequence[str] | None = None, frames: bool = False) -> Protocol:
    """Return the protocol of a run, cut down to the metrics asked for, before any work.

    Args:
        frames: whether what is scored are frames of clips; photographs have no frame before, and no flicker.

    Raises:
        MattingError: there is no such protocol, or a name is none of its metrics, or one of clips alone.
    """
    for name in names or ():
        if spelt(name) not in SCORED:
            raise MattingError(f"--metrics {name}: {nearest(name, list(SCORED))}")
    chosen = metrics.select(protocol, names)
    kept = tuple(column for column in chosen.columns if frames or column.metric not in OF_CLIPS)
    if not kept or (names and kept != chosen.columns):
        raise MattingError("--metrics dtSSD is for frames of clips; score folders of them by matting evaluate_mattes")
    return replace(chosen, columns=kept)


def score(job: Job) -> Score:
    """Score one matte, rounding as its protocol says.

    Raises:
        MattingError: matte and truth do not fit; the message begins with the job's name.
    """
    start = time.perf_counter()
    stored = _in_eight_bits if job.protocol.eight_bits else as_stored
    prediction, truth = stored(job.prediction), stored(job.truth)
    before = (stored(job.before[0]), stored(job.before[1])) if job.before else None
    known = job.trimap
    if known is None and job.protocol.uses_trimap:
        known = trimap.for_evaluation(job.truth)
    try:
        values = metrics.score(prediction, truth, known, protocol=job.protocol, before=before)
    except MattingError as error:
        raise MattingError(f"{job.name}: {error}") from None
    seconds = time.perf_counter() - start
    panels = None
    if job.wants_panels:
        last = _in_eight_bits(job.before[0]) if job.before else None
        panels = make_panels(
            job.image, _in_eight_bits(job.truth), _in_eight_bits(job.prediction), job.links or {}, last
        )
    height, width = truth.shape
    return Score(job.name, values, seconds, (height, width), panels)


def links(files: PictureFiles, matte: Path | None = None) -> dict[str, Path]:
    """Return the full files of a picture that a report may link to, by panel.

    Args:
        matte: the one that is scored, where it is in a file.
    """
    photograph = files.image if files.alpha and not files.background else None
    panels = {"truth": files.matte, "image": photograph, "matte": matte}
    return {panel: path for panel, path in panels.items() if path is not None}


def as_stored(alpha: np.ndarray) -> np.ndarray:
    """Return alpha as the 8 bits that it was read from, where it was: v / 255 in float32 is not v / 255 in float64."""
    if alpha.dtype == np.uint8:
        return alpha
    bytes_ = quantise(alpha)
    same = np.array_equal((bytes_ / 255).astype(alpha.dtype), alpha)
    return bytes_ if same else np.clip(alpha, 0, 1)


def run(function: Callable[[Task], Result], tasks: Iterable[Task], workers: int) -> Iterator[Result]:
    """Yield `function(task)` for each task in order, computed in so many processes; see `processes.run`."""
    return processes.run(function, tasks, workers, "use --score_workers 0 or fewer")


def _in_eight_bits(alpha: np.ndarray) -> np.ndarray:
    return alpha if alpha.dtype == np.uint8 else quantise(alpha)
