"""Cutting out many photographs: decoding, network and writing at the same time, and going on past broken files."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from matting.core.jobs import Job, Summary
from matting.core.outputs import Outputs
from matting.core.predictor import Predictor
from matting.errors import MattingError, UnwritableError
from matting.imageio import read_image, read_trimap
from matting.read_ahead import read_ahead
from matting.text import visible

logger = logging.getLogger(__name__)

Drawer = Callable[[np.ndarray], np.ndarray]


@dataclass
class _Work:
    """A photograph on its way through the stages, with what it has cost so far, or what was wrong with it."""

    job: Job
    image: Any = None
    trimap: Any = None
    alpha: Any = None
    error: MattingError | None = None
    seconds: tuple[float, ...] = ()


def predict(
    predictor: Predictor,
    jobs: Sequence[Job],
    save_dir: Path,
    num_workers: int = 1,
    outputs: Outputs | None = None,
    draw_trimap: Drawer | None = None,
    skip_existing: bool = False,
    show_trimap: Drawer | None = None,
) -> Summary:
    """Cut out every job and write what `outputs` names, below `save_dir` under the job's stem.

    A file that cannot be used is named, skipped and counted; everything else is still done. However many jobs there
    are, only a few photographs are in memory: those being decoded, in the network, and being written.

    Args:
        num_workers: threads that decode, and as many that write; 0 does everything in turn.
        draw_trimap: makes a trimap of the photograph for a job that has none.
        show_trimap: gives the trimap that the network draws inside, where `outputs` names it.
        skip_existing: leave out the jobs whose files are all there, so that a run goes on where it was stopped.

    Raises:
        UnwritableError: results cannot be written; it would be the same with every other photograph.
    """
    outputs = outputs or Outputs()
    summary = Summary()
    todo = list(jobs)
    if skip_existing:
        todo = [job for job in jobs if not _done(outputs, save_dir / job.stem)]
        summary.skipped = len(jobs) - len(todo)

    def matted() -> Iterator[_Work]:
        for work in read_ahead(_decode, todo, num_workers):
            yield _matte(work, predictor, draw_trimap, show_trimap)

    def written(work: _Work) -> _Work:
        return _write(work, outputs, save_dir)

    started = time.perf_counter()
    finished = read_ahead(written, matted(), num_workers)
    for work in tqdm(finished, total=len(todo), unit="image", disable=None):
        if work.error is None:
            summary.written += 1
            for stage, seconds in zip(("decode", "network", "encode"), work.seconds, strict=True):
                summary.seconds[stage] = summary.seconds.get(stage, 0) + seconds
        else:
            message = str(work.error)
            name = visible(work.job.image)  # as it stands in the message
            summary.failures.append(message if name in message else f"{name}: {message}")
            logger.error("skipped: %s", summary.failures[-1])
    summary.total = time.perf_counter() - started
    return summary


def _done(outputs: Outputs, stem: Path) -> bool:
    return all(path.is_file() for path in outputs.paths(stem).values())


def _decode(job: Job) -> _Work:
    started = time.perf_counter()
    try:
        image, trimap = read_image(job.image), read_trimap(job.trimap) if job.trimap else None
    except MattingError as error:
        return _Work(job, error=error)
    return _Work(job, image, trimap, seconds=(time.perf_counter() - started,))


def _matte(work: _Work, predictor: Predictor, draw_trimap: Drawer | None, show_trimap: Drawer | None) -> _Work:
    if work.error is not None:
        return work
    started = time.perf_counter()
    try:
        if work.trimap is None and draw_trimap is not None:
            work.trimap = draw_trimap(work.image)
        work.alpha = predictor(work.image, work.trimap)
        if show_trimap is not None:
            work.trimap = show_trimap(work.image)
    except MattingError as error:
        return _Work(work.job, error=error)
    work.seconds += (time.perf_counter() - started,)
    return work


def _write(work: _Work, outputs: Outputs, save_dir: Path) -> _Work:
    """Write the files, and hand on the work without its pixels."""
    if work.error is not None:
        return work
    started = time.perf_counter()
    try:
        outputs.write(save_dir / work.job.stem, work.image, work.alpha, work.trimap)
    except UnwritableError:
        raise
    except MattingError as error:
        return _Work(work.job, error=error)
    return _Work(work.job, seconds=(*work.seconds, time.perf_counter() - started))
