"""Distinctions-646: 596 foregrounds to train on and 50 to test on, over backgrounds of one's own drawn by seed."""

from __future__ import annotations

from pathlib import Path

from matting.curation.preparation.background_lists import TESTING, TRAINING, draw_backgrounds
from matting.curation.preparation.plan import Choices, Plan, Recipe
from matting.curation.preparation.sources import find_folder, paired_items
from matting.errors import MattingError


def plan(source: Path, choices: Choices) -> Plan:
    """Plan `Train` and `Test`, each with folders `FG` and `GT`."""
    if choices.backgrounds is None or choices.test_backgrounds is None:
        raise MattingError(
            "distinctions646 comes without backgrounds; name a folder for training by --backgrounds (MS COCO is usual) "
            "and another for testing by --test_backgrounds (PASCAL VOC 2012)"
        )
    parts = Plan([])
    sides = (("train", "Train", choices.backgrounds, TRAINING), ("val", "Test", choices.test_backgrounds, TESTING))
    for part, folder_name, backgrounds, per_item in sides:
        folder = find_folder(source, folder_name)
        side = paired_items(part, find_folder(folder, "FG"), find_folder(folder, "GT"))
        side.items = draw_backgrounds(side.items, backgrounds, per_item, choices.seed)
        parts += side
    return parts


RECIPE = Recipe(plan, split=None)
