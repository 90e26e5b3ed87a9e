"""Scores of pictures or frames, as they come, into an evaluation: a row each, and the panels of the worst and best."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from matting.evaluation.report.extremes import Extremes
from matting.evaluation.report.over_time import clip_of
from matting.evaluation.scoring import Score
from matting.evaluation.table import SCORING, Evaluation, summarise
from matting.metrics.catalogue import OF_CLIPS
from matting.metrics.protocols import Protocol

MOMENT = 12
"""Frames in a row of which a report shows the worst alone: about half a second, in which errors are alike."""


def collected(scores: Iterable[Score], protocol: Protocol, listed: int = 0) -> Evaluation:
    """Return the evaluation of scores; frames of clips, called `clip/frame`, come in their order.

    Args:
        listed: how many have trimaps of their own.
    """
    clips = protocol.uses_frame_before
    columns = [column for column in protocol.columns if column == protocol.columns[0] or column.metric in OF_CLIPS]
    extremes = {column.name: Extremes(column.metric.lower_is_better) for column in columns}
    rows: list[dict[str, Any]] = []
    counts: dict[str, int] = {}
    for score in scores:
        name, (height, width) = score.name, score.size
        rows.append({"name": name, "height": height, "width": width, **score.values, SCORING: round(score.seconds, 4)})
        clip = clip_of(name)
        moment = (clip, counts.get(clip, 0) // MOMENT) if clips else None
        counts[clip] = counts.get(clip, 0) + 1
        if score.panels is not None:
            for column, kept in extremes.items():
                kept.add(name, score.values[column], score.panels, moment)
    panels = {name: panel for kept in extremes.values() for name, panel in kept.panels().items()}
    return summarise(rows, listed, protocol, panels)
