"""Cutting out many photographs: decoding, network and writing at the same time, and going on past broken files."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from matting.errors import MattingError, Stopped, UnwritableError
from matting.pictures.files import Photograph, read_photograph, read_trimap
from matting.prediction.jobs import Failure, Summary, log_failure
from matting.prediction.outputs import Outputs
from matting.prediction.record import RECORD, Claim, Record
from matting.predictor import Predictor
from matting.sample import PictureFiles
from matting.system import memory
from matting.system.prefetching import in_three_stages
from matting.system.progress_meter import progress

Drawer = Callable[[np.ndarray], np.ndarray]


class Visitor(Protocol):
    """Is shown every photograph with its matte, in a thread of those that write."""

    def knows(self, job: PictureFiles) -> bool:
        """Return whether a job may be left out whose results are there."""

    def visit(self, job: PictureFiles, photograph: Photograph, alpha: np.ndarray) -> None:
        """Look at a matte (H, W) float32 in [0, 1]."""


@dataclass
class _Work:
    """A photograph on its way through the stages, with what it has cost so far, or what was wrong with it."""

    job: PictureFiles
    claim: Claim | None = None
    photograph: Any = None
    trimap: Any = None
    alpha: Any = None
    error: MattingError | None = None
    seconds: tuple[float, ...] = ()


def predict(
    predictor: Predictor,
    jobs: Sequence[PictureFiles],
    save_dir: Path,
    num_workers: int = 1,
    outputs: Outputs | None = None,
    draw_trimap: Drawer | None = None,
    skip_existing: bool = False,
    made_with: Mapping[str, Any] | None = None,
    inputs: Sequence[Path] = (),
    tell: Callable[[Failure], object] = log_failure,
    record_name: str = RECORD,
    overwrite: bool = True,
    visitor: Visitor | None = None,
) -> Summary:
    """Cut out every job and write what `outputs` names, below `save_dir` under the job's name, with a record of it.

    A file that cannot be used is named, skipped and counted; everything else is still done. However many jobs there
    are, only a few photographs are in memory: those being decoded, in the network, and being written.

    Args:
        num_workers: threads that decode, and as many that write; 0 does everything in turn.
        draw_trimap: makes a trimap of the photograph for a job that has none.
        skip_existing: leave out the jobs whose files are all there, made of these photographs by these settings as the
            record says, so that a run goes on where it was stopped.
        made_with: what the mattes depend on besides the photographs (`provenance.made_with`); where it is None, no
            later run can know, and none takes the results for its own.
        inputs: what other processes of this run read besides the files of `jobs`.
        tell: gets what went wrong with a file, once, as soon as it is known.
        record_name: of the file that notes the results.
        overwrite: replace files that are there and were made otherwise. If not, those of others are failures, and what
            somebody changed since a run wrote it is kept.
        visitor: sees every matte.

    Raises:
        UnwritableError: results cannot be written; it would be the same with every other photograph.
        Stopped: the user asked to stop; what was begun is written, and the text says how many are done.
    """
    outputs, summary = outputs or Outputs(), Summary()
    read = [*inputs, *(path for job in jobs for path in job.paths), *outputs.background.files]
    record = Record(save_dir, read, record_name)
    settings = _settings(record, outputs, made_with)
    todo = list(jobs)
    if skip_existing:
        seen = [job for job in jobs if visitor is None or visitor.knows(job)]
        there = {job for job in seen if record.holds(job.paths, _made(outputs, job, settings))}
        todo = [job for job in jobs if job not in there]
        summary.skipped = len(jobs) - len(todo)
    if not overwrite:
        todo = [job for job in todo if _is_free(record, outputs, job, summary, tell)]
    stages = _Stages(predictor, outputs, save_dir, record, settings, draw_trimap, visitor)
    started = time.perf_counter()
    try:
        _run(stages, todo, num_workers, summary, tell)
    except KeyboardInterrupt as stop:
        before = f", {summary.skipped} were there already" if summary.skipped else ""
        cure = "the same command goes on" if skip_existing else "go on with --skip_existing"
        raise Stopped(
            f"stopped: {record.confirmed} of {len(jobs)} pictures cut out{before}; {cure}",
            getattr(stop, "signal", signal.SIGINT),
        ) from None
    summary.total = time.perf_counter() - started
    return summary


def _run(
    stages: _Stages, todo: Sequence[PictureFiles], num_workers: int, summary: Summary, tell: Callable[[Failure], object]
) -> None:
    """Take the jobs through the stages and sum up; whatever ends it early, what is being written is finished first."""
    stream = in_three_stages(stages.decode, stages.matte, stages.write, todo, num_workers)
    with contextlib.closing(stream) as finished:
        for work in progress(finished, len(todo), "picture", leave=True):
            if work.error is not None:
                summary.fail(work.job, work.error, tell)
                continue
            summary.written += 1
            for stage, seconds in zip(("decode", "network", "encode"), work.seconds, strict=True):
                summary.seconds[stage] = summary.seconds.get(stage, 0) + seconds


def _is_free(
    record: Record, outputs: Outputs, job: PictureFiles, summary: Summary, tell: Callable[[Failure], object]
) -> bool:
    """Return whether a job's results may be written without replacing what somebody else made or changed."""
    foreign, changed = record.standing(path.as_posix() for path in outputs.paths(Path(job.name)).values())
    if foreign:
        error = MattingError(f"{foreign[0]} is there already, and no run noted it; --overwrite replaces it")
        summary.fail(job, error, tell)
    summary.kept += changed
    return not foreign and not changed


def _settings(record: Record, outputs: Outputs, made_with: Mapping[str, Any] | None) -> dict[str, str | None]:
    """Return the short name of the settings by which each kind is made."""
    if made_with is None:
        return dict.fromkeys(outputs.kinds)
    return {kind: record.settle({**made_with, **outputs.settings(kind)}) for kind in outputs.kinds}


def _made(outputs: Outputs, job: PictureFiles, settings: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the settings of a job's results by their names below the folder of results."""
    return {path.as_posix(): settings[kind] for kind, path in outputs.paths(Path(job.name)).items()}


@dataclass
class _Stages:
    """What is done with a photograph in turn; a stage hands on work that an earlier one could not do."""

    predictor: Predictor
    outputs: Outputs
    save_dir: Path
    record: Record
    settings: Mapping[str, str | None]
    draw_trimap: Drawer | None
    visitor: Visitor | None = None

    def decode(self, job: PictureFiles) -> _Work:
        started = time.perf_counter()
        try:
            with memory.explained(job.image):
                claim = self.record.claim(job.paths, _made(self.outputs, job, self.settings))
                photograph, trimap = read_photograph(job.image), read_trimap(job.trimap) if job.trimap else None
        except UnwritableError:
            raise
        except MattingError as error:
            return _Work(job, error=error)
        return _Work(job, claim, photograph, trimap, seconds=(time.perf_counter() - started,))

    def matte(self, work: _Work) -> _Work:
        if work.error is not None:
            return work
        started = time.perf_counter()
        try:
            with memory.explained(work.job.image):
                if work.trimap is None and self.draw_trimap is not None:
                    work.trimap = self.draw_trimap(work.photograph.srgb)
                with_trimap = "trimap" in self.outputs.kinds
                work.alpha, inner = self.predictor.run(work.photograph.srgb, work.trimap, with_trimap)
                work.trimap = inner if with_trimap else work.trimap
        except MattingError as error:
            return _Work(work.job, error=error)
        work.seconds += (time.perf_counter() - started,)
        return work

    def write(self, work: _Work) -> _Work:
        """Write the files, note it, and hand on the work without its pixels."""
        if work.error is not None or work.claim is None:
            return work
        started = time.perf_counter()
        try:
            with memory.explained(work.job.image):
                self.record.check(work.claim)
                written = self.outputs.write(self.save_dir, work.job.name, work.photograph, work.alpha, work.trimap)
                if self.visitor is not None:
                    self.visitor.visit(work.job, work.photograph, work.alpha)
                self.record.confirm(work.claim, _made(self.outputs, work.job, self.settings), written)
        except UnwritableError:
            raise
        except MattingError as error:
            return _Work(work.job, error=error)
        return _Work(work.job, seconds=(*work.seconds, time.perf_counter() - started))
