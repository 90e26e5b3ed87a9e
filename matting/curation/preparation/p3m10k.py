"""P3M-10k: 9,421 portraits with blurred faces to train on, and two benchmarks of 500 with their trimaps."""

from __future__ import annotations

from pathlib import Path

from matting.curation.preparation.plan import Choices, Plan, Recipe
from matting.curation.preparation.sources import find_folder, paired_items, with_trimaps

_BENCHMARKS = {"P3M-500-P": "blurred_image", "P3M-500-NP": "original_image"}
"""Folder of the photographs: faces are blurred in the first benchmark, and there for all to see in the second."""


def plan(source: Path, choices: Choices) -> Plan:
    """Plan the three parts; `val.txt` joins the benchmarks, which have a list each as well."""
    train, validation = find_folder(source, "train"), find_folder(source, "validation")
    parts = paired_items("train", train / "blurred_image", train / "mask")
    for part, photographs in _BENCHMARKS.items():
        folder = validation / part
        parts += with_trimaps(paired_items(part, folder / photographs, folder / "mask"), folder / "trimap")
    parts.joined["val"] = tuple(_BENCHMARKS)
    return parts


RECIPE = Recipe(plan, split=None)
