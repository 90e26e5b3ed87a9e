"""The history of a run: a line of JSON a report or validation, in `history.jsonl` of the run's folder."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import time as now
from typing import Any

from matting.errors import MattingError
from matting.system import atomic

HISTORY = "history.jsonl"


@dataclass(frozen=True)
class Row:
    """A report of the training, which has losses, or a validation, which has metrics.

    Attributes:
        iteration: how many the run has done.
        iters: at which it is to end.
        losses: means over the iterations since the last report by term, of all ranks; `loss` is their sum.
        lr: the learning rate of the last of these iterations.
        speed: what `Meter.report` says of time.
        metrics: the means of a validation by column name.
        time: when, in seconds since 1970.
    """

    iteration: int
    iters: int
    losses: Mapping[str, float] = field(default_factory=dict)
    lr: float | None = None
    speed: Mapping[str, float] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    time: float = field(default_factory=now)


def append(folder: Path, row: Row) -> None:
    """Write one more row, to the disk before this returns.

    Raises:
        UnwritableError: the file cannot be written.
    """
    with atomic.explained(folder / HISTORY, of_all=True):
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / HISTORY, "ab") as file:
            file.write(_line(row))
            file.flush()
            os.fsync(file.fileno())


def read(folder: Path) -> list[Row]:
    """Return the rows of a run in the order in which they were written; a last line that a kill cut is left out.

    Raises:
        MattingError: there is no history, or a line of it is no row.
    """
    path = folder / HISTORY
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise MattingError(
            f"{path} cannot be read ({error.strerror}); give the folder of a run that has begun"
        ) from None
    return [_row(line, f"{path}:{number}") for number, line in enumerate(lines[:-1], 1)]


def begin(save_dir: Path) -> None:
    """Forget what a run has left that died before its first checkpoint: another one begins."""
    with atomic.explained(save_dir / HISTORY):
        (save_dir / HISTORY).unlink(missing_ok=True)


def go_on(resume_from: Path, save_dir: Path, iteration: int, validated: int) -> None:
    """Have the history up to a checkpoint in the folder of the run that goes on from there, and nothing beyond.

    Args:
        resume_from: the checkpoint's folder; the history beside it may be missing.
        iteration, validated: how far the run had come there; what was scored later will be scored again.

    Raises:
        MattingError: the history cannot be read or written.
    """
    source = resume_from.resolve().parent
    if (source / HISTORY).is_file():
        kept = (row for row in read(source) if row.iteration <= (validated if row.metrics else iteration))
        atomic.write_bytes(save_dir / HISTORY, b"".join(map(_line, kept)))


def _line(row: Row) -> bytes:
    """Return a row as JSON, which knows no NaN: null stands for it."""
    values = {name: value for name, value in asdict(row).items() if value not in ({}, None)}
    for group in ("losses", "speed", "metrics"):
        if group in values:
            values[group] = {name: value if math.isfinite(value) else None for name, value in values[group].items()}
    return json.dumps(values, allow_nan=False).encode() + b"\n"


def _row(line: bytes, at: str) -> Row:
    try:
        values = json.loads(line)
        groups = {group: _numbers(values.get(group, {})) for group in ("losses", "speed", "metrics")}
        rate = values.get("lr")
        return Row(
            int(values["iteration"]), int(values["iters"]), lr=rate if rate is None else float(rate),
            time=float(values["time"]), **groups,
        )  # fmt: skip
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        raise MattingError(f"{at} is no report or validation of a run; remove that line") from None


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {name: math.nan if value is None else float(value) for name, value in values.items()}
