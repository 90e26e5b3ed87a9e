"""PPM-100: photographs in `image`, mattes in `matte`, as released; or `train` and `val` as PaddleSeg arranged them."""

from __future__ import annotations

from pathlib import Path

from matting.curation.preparation.plan import Choices, Plan, Recipe
from matting.curation.preparation.sources import find_folder, paired_items, seek_folder


def plan(source: Path, choices: Choices) -> Plan:
    """Plan either layout; PaddleSeg's keeps its parts, the released one is left to be split."""
    train = seek_folder(source, "train")
    if train is None:
        return paired_items("", find_folder(source, "image"), find_folder(source, "matte"))
    parts = [paired_items(part, train.parent / part / "fg", train.parent / part / "alpha") for part in ("train", "val")]
    return parts[0] + parts[1]


RECIPE = Recipe(plan, split=(9, 1))
