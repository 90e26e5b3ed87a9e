"""A guard against forgetting: pictures that the network was good at when it began, on which no best model is worse."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from matting.errors import MattingError
from matting.evaluation import trimaps
from matting.evaluation.table import Evaluation
from matting.metrics.catalogue import metric_of

KEY = "guard_dataset"
"""The section of a configuration; what it does not say is as in `val_dataset`."""

SUFFIX = "_guard"
"""What the columns of these pictures end with."""


def check_metrics(names: Sequence[str]) -> None:
    """Check what a run with a guard is scored by; raises MattingError for trimaps, which have no guard."""
    if trimaps.is_asked_for(names):
        raise MattingError(f"{KEY} compares mattes, and --metrics trimap scores none; leave one of them out")


def guarded(score: Callable[[int], Evaluation], guard: Callable[[], Evaluation]) -> Callable[[int], Evaluation]:
    """Return what scores both sets: the evaluation of the first, whose means hold those of the guard too."""

    def both(iteration: int) -> Evaluation:
        first = score(iteration)
        kept = {f"{name}{SUFFIX}": value for name, value in guard().means.items()}
        return replace(first, means={**first.means, **kept})

    return both


def forgotten(start: Mapping[str, float], means: Mapping[str, float]) -> str:
    """Return a sentence if the first metric is worse on the guard's pictures than it was at the start, else nothing.

    Args:
        start, means: of the validation before the first iteration, and of this one; without a guard nothing is worse.
    """
    name = f"{next(iter(means))}{SUFFIX}"
    if name not in start or name not in means:
        return ""
    cost = metric_of(name).cost
    if cost(means[name]) <= cost(start[name]):
        return ""
    return f"{name}={means[name]:.5g} is worse than the {start[name]:.5g} it began with: not taken for the best"
