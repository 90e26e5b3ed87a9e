"""A checkpoint is one folder, complete or absent: network, optimizer, scaler, progress, best metrics, configuration."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from matting import config, weights
from matting.errors import MattingError
from matting.system import atomic
from matting.training import optimizer_state
from matting.version import __version__
from matting.weights.identity import identity
from matting.weights.state_file import read_state
from matting.weights.trained import CONFIG, NETWORK, STATE, load_trained

_OPTIMIZER = "model.pdopt"
_ITERATION = re.compile(r"iter_(\d+)")


@dataclass
class Progress:
    """How far a run has come: all that decides the rest of it besides the tensors.

    The sampler's position and every random draw are functions of (seed, iteration), so these two stand for both.
    """

    seed: int = 0
    iteration: int = 0
    best: dict[str, float | int] = field(default_factory=dict)
    """The best metrics so far by name, and under `iteration` when they were reached."""
    start: dict[str, float] = field(default_factory=dict)
    """The metrics before the first iteration, where a guard asks for them."""
    validated: int = 0
    """The iteration of the last validation; a checkpoint that is ahead of it was saved and then left unscored."""
    run: str = ""
    """Which run it is, from its beginning through every resume (`run_folder.run_name`)."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What decides the run besides its configuration, by name."""


def save(
    folder: Path,
    network: paddle.nn.Layer,
    values: Mapping[str, Any],
    progress: Progress,
    optimizer: paddle.optimizer.Optimizer | None = None,
    scaler: paddle.amp.GradScaler | None = None,
) -> None:
    """Write a checkpoint beside `folder` and rename it into place; an older one of that name is replaced.

    Without an optimizer the checkpoint serves prediction and fine-tuning, not resuming.

    Raises:
        MattingError: the disk is full or the folder not writable; the checkpoints that were there are untouched.
    """
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        weights.write_weights(beside / NETWORK, {key: value.numpy() for key, value in network.state_dict().items()})
        if optimizer is not None:
            weights.write_weights(beside / _OPTIMIZER, optimizer_state.portable(optimizer, network))
        atomic.write_text(beside / CONFIG, config.dump(dict(values)))
        write_state(beside, values, progress, scaler)
        _replace(beside, folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)  # so that the room is there for whoever makes more
        raise


def write_state(
    folder: Path, values: Mapping[str, Any], progress: Progress, scaler: paddle.amp.GradScaler | None = None
) -> None:
    """Write, or replace, the part of a checkpoint that says how far the run has come."""
    state = {
        "version": __version__,
        "run": progress.run,
        "identity": identity(values),
        "seed": progress.seed,
        "iteration": progress.iteration,
        "best": progress.best,
        "start": progress.start,
        "validated": progress.validated,
        "settings": progress.settings,
        "scaler": _plain(scaler.state_dict()) if scaler is not None else {},
    }
    atomic.write_text(folder / STATE, json.dumps(state, indent=1))


def resume(
    folder: Path,
    network: paddle.nn.Layer,
    values: Mapping[str, Any],
    optimizer: paddle.optimizer.Optimizer,
    scaler: paddle.amp.GradScaler | None = None,
) -> Progress:
    """Restore everything that `save` wrote, and return the progress.

    Raises:
        MattingError: the folder is no complete checkpoint, or belongs to another configuration.
    """
    check_complete(folder)
    load_trained(network, folder, values)
    optimizer_state.restore(
        optimizer, network, weights.unpickle_arrays((folder / _OPTIMIZER).read_bytes(), folder / _OPTIMIZER)
    )
    state = read_state(folder / STATE)
    if scaler is not None and state.get("scaler"):
        scaler.load_state_dict(state["scaler"])
    return progress_of(folder)


def check_complete(folder: Path) -> None:
    """Raise MattingError if a folder is no checkpoint from which a run can go on."""
    missing = [name for name in (NETWORK, _OPTIMIZER, STATE, CONFIG) if not (folder / name).is_file()]
    if missing:
        raise MattingError(
            f"--resume_model {folder}: {', '.join(missing)} missing; give a folder iter_N that a training run saved"
        )


def progress_of(folder: Path) -> Progress:
    """Return how far the run had come that saved a checkpoint.

    Raises:
        MattingError: its state cannot be read.
    """
    state = read_state(folder / STATE)
    return Progress(
        seed=state["seed"],
        iteration=state["iteration"],
        best=state["best"],
        start=state.get("start", {}),
        # Checkpoints from before this was noted are taken for scored, as they nearly always were.
        validated=state.get("validated", state["iteration"]),
        run=state.get("run", ""),
        settings=state.get("settings", {}),
    )


def recover(save_dir: Path) -> None:
    """Bring back a checkpoint that a kill caught between the two renames of its replacement."""
    for old in save_dir.glob(".*.old"):
        folder = old.with_name(old.name.removeprefix(".").removesuffix(".old"))
        if not folder.exists():
            os.rename(old, folder)


def every(save_dir: Path) -> list[Path]:
    """Return all `iter_N` under a folder, whosever they are, oldest first."""
    folders = [path for path in save_dir.glob("iter_*") if _ITERATION.fullmatch(path.name) and path.is_dir()]
    return sorted(folders, key=_number)


def latest(save_dir: Path) -> Path | None:
    """Return the newest `iter_N` under a folder, if any."""
    return next(reversed(every(save_dir)), None)


def run_of(folder: Path) -> str | None:
    """Return which run saved a checkpoint; None if that is no checkpoint that can be read."""
    try:
        return progress_of(folder).run
    except MattingError:
        return None


def own(save_dir: Path, progress: Progress) -> list[Path]:
    """Return the `iter_N` that a run has saved up to where it is, oldest first."""
    so_far = (path for path in every(save_dir) if _number(path) <= progress.iteration)
    return [path for path in so_far if run_of(path) == progress.run]


def drop_old(save_dir: Path, keep: int, progress: Progress) -> None:
    """Remove all but the `keep` newest of a run's `iter_N`; 0 keeps all, as in PaddleSeg."""
    for path in own(save_dir, progress)[:-keep] if keep > 0 else []:
        # Renamed first, so that a kill in the middle leaves no half checkpoint under a good name.
        doomed = path.with_name(f".{path.name}.part")
        shutil.rmtree(doomed, ignore_errors=True)
        os.rename(path, doomed)
        shutil.rmtree(doomed)


def copy_for_prediction(source: Path, folder: Path) -> None:
    """Copy a checkpoint without its optimizer, whole or not at all; an older one of that name is replaced."""
    beside = folder.with_name(f".{folder.name}.part")
    with atomic.explained(folder):
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(source, beside, ignore=shutil.ignore_patterns(_OPTIMIZER))
        _replace(beside, folder)


def _number(path: Path) -> int:
    return int(path.name.rpartition("_")[2])


def _replace(beside: Path, folder: Path) -> None:
    """Put a finished folder into place; between two renames the older one waits under a hidden name."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        os.rename(folder, old)
    os.rename(beside, folder)
    shutil.rmtree(old, ignore_errors=True)


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    return {key: np.asarray(value).tolist() for key, value in state.items()}
