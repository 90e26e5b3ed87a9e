"""The folder of a run: whose checkpoints it holds, who may write there, and where what is replaced goes."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from matting.errors import MattingError
from matting.metrics.catalogue import metric_of
from matting.system import atomic
from matting.system.ranks import rank
from matting.training import checkpoint, guard, history
from matting.weights.trained import STATE

logger = logging.getLogger(__name__)

REPLACED = "replaced"
"""The folder below a run's into which goes what it replaces; one is kept."""

BEST = "best_model"

_CHECKPOINTS = re.compile(r"iter_\d+")
_MODELS = re.compile(rf"{BEST}|adapted")
_BESIDE = re.compile(r"(train|adapt)\.log|samples|vdl|report\.html|history\.jsonl|before_and_after\.png")


def run_name(values: Mapping[str, Any], **settings: Any) -> str:
    """Return what tells a run from others that begin: a digest of its configuration and other settings.

    It is the same for two runs that compute the same, so that they leave the same files.
    """
    text = json.dumps([dict(values), settings], sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def claim(save_dir: Path, resume_from: Path | None = None, overwrite: bool = False) -> None:
    """See that a run which begins or goes on writes over no other one; to be called before anything is written.

    What a run that begins with `overwrite` finds, and the checkpoints beyond the one from which a run goes on, move
    below `save_dir/replaced`. A kill in the middle of that is mended by the next call.

    Raises:
        MattingError: the folder holds a run, and this one neither goes on with it nor overwrites it; or what it is to
            go on from is no checkpoint.
    """
    is_first = rank() == 0
    if is_first:
        checkpoint.recover(save_dir)
    if resume_from is not None:
        checkpoint.check_complete(resume_from)
    interrupted = _collecting(save_dir).is_dir()
    if resume_from is not None and resume_from.resolve().parent == save_dir.resolve():
        if overwrite:
            raise MattingError(
                f"--overwrite starts afresh in {save_dir}, --resume_model {resume_from} goes on there: give one of them"
            )
        later = _later_than(resume_from, save_dir) if is_first else []
        if is_first and (later or interrupted):
            names = ", ".join(path.name for path in later)
            logger.warning("going on from %s; what came after it moves to %s: %s", resume_from, REPLACED, names)
            _set_aside(save_dir, later, keep_older=True)  # a run that was replaced may be another one
        return
    everything = _all_of(save_dir)
    is_taken = any(_is_model(path) for path in everything)
    if is_taken and not overwrite:
        newest = checkpoint.latest(save_dir)
        going_on = f"go on with --resume_model {newest}, " if newest else ""
        raise MattingError(
            f"{save_dir} holds a run already; {going_on}give another --save_dir, or start afresh with --overwrite, "
            f"which moves that run to {save_dir / REPLACED}"
        )
    if is_first and (is_taken or interrupted):
        _set_aside(save_dir, everything)
    if is_first:
        history.begin(save_dir)


def bring_best(resume_from: Path, save_dir: Path, progress: checkpoint.Progress) -> None:
    """Have the best model so far in the folder of a run that goes on; forget its score where it is nowhere to be had.

    It may stand in the folder already, beside the checkpoint, or in the checkpoint of the iteration that was the best.
    """
    if not progress.best:
        return
    best, source = save_dir / BEST, resume_from.resolve().parent
    of_best = f"iter_{progress.best['iteration']}"
    for candidate in (best, source / BEST, source / of_best):
        if checkpoint.run_of(candidate) == progress.run and _iteration(candidate) in (
            progress.best["iteration"],
            progress.iteration,  # a kill may have come between keeping the best model and noting its score
        ):
            if candidate != best:
                checkpoint.copy_for_prediction(candidate, best)
            return
    logger.warning(
        "the best model so far, of iteration %d, is not beside %s any more; the next validation decides anew",
        progress.best["iteration"], resume_from,
    )  # fmt: skip
    progress.best = {}


def keep_best(
    save_dir: Path, network: Any, values: Mapping[str, Any], progress: checkpoint.Progress, means: Mapping[str, float]
) -> None:
    """Keep a network that was scored as the best model, and note so, when its first metric is the best so far.

    With a guard, only if that metric is no worse than at the start on the guard's pictures too.
    """
    name = next(iter(means))
    cost = metric_of(name).cost
    if progress.iteration == 0:
        progress.start = dict(means)
    worse = guard.forgotten(progress.start, means)
    if worse:
        logger.warning("[EVAL] %s", worse)
    elif name not in progress.best or cost(means[name]) < cost(progress.best[name]):
        progress.best = {**means, "iteration": progress.iteration}
        checkpoint.save(save_dir / BEST, network, values, progress)
    best = progress.best
    if not best:
        return
    logger.info("[EVAL] best %s=%.4f at iteration %d", name, best[name], best["iteration"])


def _iteration(folder: Path) -> int:
    return checkpoint.progress_of(folder).iteration


def _later_than(resume_from: Path, save_dir: Path) -> list[Path]:
    reached = _iteration(resume_from)
    folders = [*checkpoint.every(save_dir), save_dir / BEST]
    return [path for path in folders if checkpoint.run_of(path) is not None and _iteration(path) > reached]


def _all_of(save_dir: Path) -> list[Path]:
    """Return all that runs leave in a folder, as far as it is there."""
    paths = sorted(save_dir.iterdir()) if save_dir.is_dir() else []
    return [path for path in paths if _is_model(path) or _BESIDE.fullmatch(path.name)]


def _is_model(path: Path) -> bool:
    # output/adapted may as well be the folder of another run, in that of this one.
    is_saved = _MODELS.fullmatch(path.name) and (path / STATE).is_file()
    return bool(_CHECKPOINTS.fullmatch(path.name) or is_saved)


def _collecting(save_dir: Path) -> Path:
    return save_dir / f".{REPLACED}.moving"  # no `.part`, which anybody may remove


def _set_aside(save_dir: Path, paths: Iterable[Path], keep_older: bool = False) -> None:
    """Move files and folders of a run below `save_dir/replaced`, which then holds them alone.

    Args:
        keep_older: what is there already moves to the first of `replaced_2`, `replaced_3`, ... that is free.
    """
    beside = _collecting(save_dir)
    with atomic.explained(beside):
        beside.mkdir(exist_ok=True)
        for path in paths:
            os.rename(path, beside / path.name)
        older = save_dir / REPLACED
        if keep_older and older.is_dir():
            names = (save_dir / f"{REPLACED}_{number}" for number in itertools.count(2))
            os.rename(older, next(name for name in names if not name.exists()))
        shutil.rmtree(older, ignore_errors=True)
        os.rename(beside, save_dir / REPLACED)
