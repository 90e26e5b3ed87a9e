"""Carrying out a plan: files linked and written by all cores, lists last; a broken run goes on where it stopped."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matting.curation.preparation import placing
from matting.curation.preparation.plan import Choices, Item, Plan, Recipe
from matting.curation.preparation.splitting import draw_subset, sizes, split
from matting.curation.preparation.statistics import Statistics, measure
from matting.curation.preparation.writing import Prepared, write_item
from matting.errors import MattingError
from matting.system import atomic
from matting.system.places import below
from matting.system.prefetching import read_ahead
from matting.system.progress_meter import progress

_VERSION = 1
"""To be raised when the same arguments make other files."""


@dataclass
class Outcome:
    """What a run made, or a dry run would make.

    Attributes:
        lists: lines by list name, without `.txt`.
        pictures: how many by part.
        dropped, notes: as in `Plan`, with what came to light on the way.
        statistics: of photographs and trimaps, if asked for.
    """

    lists: dict[str, list[str]] = field(default_factory=dict)
    pictures: dict[str, int] = field(default_factory=dict)
    dropped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    statistics: dict[str, Statistics] = field(default_factory=dict)


def make_plan(recipe: Recipe, source: Path, choices: Choices) -> Plan:
    """Plan a set and part what is to be split.

    Raises:
        MattingError: the source is not the set, or a split is asked of a set with its own parts.
    """
    plan = recipe.plan(source, choices)
    loose = [item for item in plan.items if not item.part]
    if choices.split and not loose:
        parts = ", ".join(dict.fromkeys(item.part for item in plan.items))
        raise MattingError(
            f"--split: the set has parts of its own ({parts}), which published results rest on; leave it"
        )
    if loose:
        plan.items = split(loose, choices.split or recipe.split or (1,), choices.seed)
    return plan


def dry_run(plan: Plan) -> Outcome:
    """Return what `prepare` would make, without reading a picture or writing a file."""
    prepared = [
        Prepared(item, [f"{item.part}/fg/{item.files.name}"] * max(1, len(item.backgrounds))) for item in plan.items
    ]
    return Outcome(_lists(plan, prepared), _count(plan.items), list(plan.dropped), list(plan.notes))


def prepare(
    name: str,
    plan: Plan,
    source: Path,
    target: Path,
    choices: Choices,
    *,
    debug: int = 0,
    mean_std: bool = False,
    num_workers: int = 0,
) -> Outcome:
    """Make the set: `PART/fg`, `PART/alpha` and so on, `PART.txt`, and `dropped.txt` if there is something to name.

    Args:
        name: of the recipe; goes into the marker that tells a restart from another preparation.
        debug: above 0: also `PART_debug.txt`, so many pictures in all, in the proportion of the parts.
        mean_std: measure the photographs and trimaps of train and val, into `mean_std.json`.
        num_workers: threads beside this one.

    Raises:
        MattingError: the target serves another preparation or lies in the source, nothing is left, or disk trouble.
    """
    _claim(name, source, target, choices)
    outcome = Outcome(dropped=list(plan.dropped), notes=list(plan.notes))
    prepared = []
    for result in _progress(lambda item: write_item(item, target, choices), plan.items, num_workers, "pictures"):
        if isinstance(result, str):
            outcome.dropped.append(result)
        else:
            prepared.append(result)
    if not prepared:
        raise MattingError(f"not one of {len(plan.items)} pictures in {source} could be used; {outcome.dropped[0]}")
    _link_backgrounds([result.item for result in prepared], target, num_workers)
    outcome.pictures, outcome.lists = _count([result.item for result in prepared]), _lists(plan, prepared)
    if debug:
        outcome.lists.update(_debug_lists(prepared, debug, choices.seed))
    for list_name, lines in outcome.lists.items():
        atomic.write_text(target / f"{list_name}.txt", "".join(f"{line}\n" for line in lines))
    atomic.write_text(target / "dropped.txt", "".join(f"{line}\n" for line in outcome.dropped))
    if mean_std:
        outcome.statistics = measure(target, [m for m in prepared if m.item.part != "test"], num_workers)
        values = {layer: dataclasses.asdict(value) for layer, value in outcome.statistics.items()}
        atomic.write_text(target / "mean_std.json", json.dumps(values, indent=1) + "\n")
    return outcome


def _claim(name: str, source: Path, target: Path, choices: Choices) -> None:
    chosen = {key: str(value) for key, value in dataclasses.asdict(choices).items()}
    placing.claim(target, source, {"version": str(_VERSION), "set": name, "source": str(source.resolve()), **chosen})


def _progress(work: Callable, items: Sequence, num_workers: int, what: str) -> Iterable:
    return progress(read_ahead(work, items, num_workers), len(items), what.removesuffix("s"), what)


def _link_backgrounds(items: Sequence[Item], target: Path, num_workers: int) -> None:
    wanted = list(dict.fromkeys((item.part, path) for item in items for path in item.backgrounds))

    def link(background: tuple[str, Path]) -> None:
        placing.link(background[1], below(target, placing.background_name(*background)))

    for _ in _progress(link, wanted, num_workers, "backgrounds"):
        pass


def _count(items: Sequence[Item]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for item in items:
        counts[item.part] = counts.get(item.part, 0) + 1
    return counts


def _lists(plan: Plan, prepared: Sequence[Prepared]) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for result in prepared:
        lists.setdefault(result.item.part, []).extend(result.lines)
    for joined, parts in plan.joined.items():
        lists[joined] = [line for part in parts for line in lists.get(part, [])]
    return lists


def _debug_lists(prepared: Sequence[Prepared], count: int, seed: int) -> dict[str, list[str]]:
    by_part: dict[str, list[str]] = {}
    for result in prepared:
        by_part.setdefault(result.item.part, []).append(result.lines[0])
    shares = sizes(min(count, len(prepared)), [len(lines) for lines in by_part.values()])
    return {
        f"{part}_debug": draw_subset(lines, max(1, share), seed)
        for (part, lines), share in zip(by_part.items(), shares, strict=True)
    }
