"""AIM-500: a benchmark of 500 natural pictures of all kinds of things, with mattes and trimaps; nothing to train on."""

from __future__ import annotations

from pathlib import Path

from matting.curation.preparation.plan import Choices, Plan, Recipe
from matting.curation.preparation.sources import find_folder, paired_items, with_trimaps


def plan(source: Path, choices: Choices) -> Plan:
    """Plan `original`, `mask` and `trimap`."""
    pairs = paired_items("", find_folder(source, "original"), find_folder(source, "mask"))
    return with_trimaps(pairs, find_folder(source, "trimap"))


RECIPE = Recipe(plan, split=(0, 1))
