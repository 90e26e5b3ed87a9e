"""Training in phases: one after another, each from the best of the one before, resumed wherever a kill stopped it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matting import builder, config
from matting.builder import section
from matting.errors import MattingError, Stopped
from matting.training import checkpoint, resuming
from matting.training.options import Options
from matting.training.run import check_metrics, run_training

logger = logging.getLogger(__name__)

_KEYS = {"name", "config", "metrics", "iters", "save_interval", "save_epoch"}


@dataclass(frozen=True)
class Phase:
    """One phase: its folder below `save_dir`, its configuration, and what picks its best model."""

    name: str
    config: Path
    metrics: tuple[str, ...] = ("SAD", "MSE", "MAD")
    iters: int | None = None
    save_interval: int | None = None
    save_epoch: int | None = None


def read_phases(path: Path) -> list[Phase]:
    """Read a list of phases: a yml whose `phases` are mappings with `name` and `config`, relative to its folder.

    Raises:
        MattingError: it is no such file; with the phase and the key.
    """
    path = config.find(path)
    listed = config.read_mapping(path).get("phases")
    if not isinstance(listed, list) or not listed:
        raise MattingError(f"{path}: it must hold a list `phases`")
    phases = [_phase(spec, f"{path}: phases.{number}", path.parent) for number, spec in enumerate(listed)]
    if len({phase.name for phase in phases}) < len(phases):
        raise MattingError(f"{path}: two phases have one name; each needs a folder of its own")
    return phases


def _metrics(value: Any, at: str) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise MattingError(f"{at}.metrics is {value!r}; it must be a list of names, such as [SAD, MSE]")
    try:
        check_metrics(names)
    except MattingError as error:
        raise MattingError(f"{at}.metrics: {error}") from None
    return tuple(names)


def _phase(spec: Any, where: str, root: Path) -> Phase:
    if not isinstance(spec, dict) or not {"name", "config"} <= set(spec) or set(spec) - _KEYS:
        raise MattingError(f"{where} is {spec!r}; it takes {', '.join(sorted(_KEYS))}")
    name, file = spec["name"], spec["config"]
    metrics = _metrics(spec["metrics"], where) if "metrics" in spec else Phase.metrics
    if not isinstance(name, str) or name in ("", ".", "..") or set(name) & set("/\\\0"):
        raise MattingError(f"{where}.name is {name!r}; it must be the name of a folder, without its path")
    if not isinstance(file, str):
        raise MattingError(f"{where}.config is {file!r}; it must be the path of a configuration")
    numbers = {key: spec.get(key) for key in ("iters", "save_interval", "save_epoch")}
    for key, number in numbers.items():
        if number is not None and (type(number) is not int or number < 1):
            raise MattingError(f"{where}.{key} is {number!r}; it must be a whole number of at least 1")
    return Phase(name, root / file, metrics, **numbers)


def run_phases(
    phases: Sequence[Phase], options: Options, *, opts: Sequence[str] = (), device_name: str = "auto"
) -> Path:
    """Train the phases in order, each into `save_dir/<name>`, and return the last one's best model.

    A phase that is complete is passed over, one that was stopped goes on from its last checkpoint, and a new one starts
    from the best model of the phase before.

    Args:
        options: of every phase; `save_dir` holds their folders.
        opts: changes of every configuration, as `--opts`.

    Raises:
        Stopped: it was asked to; the same call goes on.
    """
    best: Path | None = None
    for phase in phases:
        folder = options.save_dir / phase.name
        values = _starting_from(best, config.load(phase.config, opts, iters=phase.iters))
        builder.check_training(values)
        checkpoint.recover(folder)
        best = folder / "best_model"
        last = checkpoint.latest(folder)
        # All phases have one seed: that of the first, wherever they are gone on with.
        options = replace(options, seed=resuming.seed_of(last, options.seed))
        values["seed"] = options.seed
        if last is not None and _is_complete(last, values["iters"]) and best.is_dir():
            logger.info("phase %s is complete: %s", phase.name, best)
            continue
        chosen: dict[str, Any] = {}
        if phase.save_interval or phase.save_epoch:
            own = phase.save_interval or options.save_interval
            chosen = {"save_interval": own, "save_epoch": phase.save_epoch}
        if last is not None:
            values = _without_start(values)
        try:
            run_training(
                values,
                replace(options, save_dir=folder, **chosen),
                device_name=device_name,
                validate=True,
                metric_names=phase.metrics,
                resume_from=last,
            )
        except Stopped as stop:
            raise Stopped(f"stopped in phase {phase.name}; the same command goes on", stop.signal) from None
    assert best is not None  # `read_phases` gives at least one
    return best


def _is_complete(last: Path, iters: int) -> bool:
    """Return whether a phase's last checkpoint is at its end, and scored: it may be the best."""
    progress = checkpoint.progress_of(last)
    return progress.iteration >= iters and progress.validated >= progress.iteration


def _starting_from(best: Path | None, values: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration that starts from the best model of the phase before, and not from its backbone's weights.

    The path is set as a value: written as yml it would lose what stands behind a `#`.
    """
    if best is None:
        return values
    model = {**section(values, "model"), "pretrained": str(best)}
    if isinstance(model.get("backbone"), dict):
        model["backbone"] = {**model["backbone"], "pretrained": None}
    return {**values, "model": model}


def _without_start(values: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration for resuming: what it would start from is in the checkpoint, and may be gone."""
    return {**values, "model": {**values["model"], "pretrained": None}}
