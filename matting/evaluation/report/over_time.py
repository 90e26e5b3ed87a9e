"""Clips in a report: how far off every frame is, plotted over time, beside the clip itself where a browser plays it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path, PurePosixPath
from typing import Any

from matting.metrics.protocols import Column
from matting.pages import plots
from matting.pages.page import plot, relative
from matting.text import visible

_SHOWN = ("MAD", "dtSSD")
"""The metrics that are plotted: how far off, and how unsteady."""


@dataclass(frozen=True)
class Clip:
    """A clip of an evaluation.

    Attributes:
        name: its folder, or file; "." where the frames lie in the folder itself.
        rows: of its frames, in their order.
        players: its files that browsers play.
    """

    name: str
    rows: Sequence[Mapping[str, Any]]
    players: Sequence[Path] = ()


def clip_of(name: str) -> str:
    """Return which clip a frame, called `clip/frame`, is of."""
    return PurePosixPath(name).parent.as_posix()


def clips_of(rows: Sequence[Mapping[str, Any]], players: Mapping[str, Sequence[Path]]) -> list[Clip]:
    """Return the clips whose frames the rows are."""
    frames: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        frames.setdefault(clip_of(row["name"]), []).append(row)
    return [Clip(name, found, players.get(name, ())) for name, found in frames.items()]


def over_time(clips: Sequence[Clip], columns: Sequence[Column], folder: Path) -> str:
    """Return the section of a page in a folder that shows every clip's errors frame by frame."""
    chosen = [column for column in columns if column.metric.name in _SHOWN] or list(columns[:1])
    parts = ["<h2>Over time</h2>"]
    if any(clip.players for clip in clips):
        parts.append('<p class="note">Click a curve, and the clip goes to that moment.</p>')
    for clip in clips:
        name = "" if clip.name == "." else f"<h3>{escape(visible(clip.name))}</h3>"
        players = "".join(_player(path, folder) for path in clip.players)
        parts.append(
            f'<section class="clip">{name}<div class="plots">{players}{"".join(_plots(clip, chosen))}</div></section>'
        )
    return "\n".join(parts)


def _player(path: Path, folder: Path) -> str:
    name = escape(visible(path.name))
    source = escape(relative(path, folder))
    player = f'<video controls muted preload="metadata" src="{source}"></video>'
    return f'<section class="plot"><h3>{name}</h3>{player}</section>'


def _plots(clip: Clip, columns: Sequence[Column]) -> list[str]:
    found = []
    for column in columns:
        points = [(float(number), row.get(column.name, math.nan)) for number, row in enumerate(clip.rows, 1)]
        worst = max(points, key=lambda point: column.metric.cost(point[1]))
        svg = plots.curve(points, column.title, worst, "frame")
        if svg:
            found.append(plot(f"{column.metric.name} of every frame", column.metric.unit, svg))
    return found
