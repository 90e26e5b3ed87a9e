"""AISegment's Matting Human Datasets: 34,427 half-length portraits, mattes in the fourth channel of cutouts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from matting.curation.preparation.plan import Choices, Plan, Recipe
from matting.curation.preparation.sources import find_folder, listable
from matting.errors import MattingError
from matting.pictures.pairing import by_key, match

_KERNEL = 10
"""Diameter of the fixed trimap's ellipse in the reference's preparation."""

_TOLERANCE = 0.05
"""These mattes came out of a network: a tenth of their pixels are 254 of 255, each of which would be unknown."""


def plan(source: Path, choices: Choices) -> Plan:
    """Plan `clip_img/DATE/clip_N/NAME.jpg` with `matting/DATE/matting_N/NAME.png`.

    The archive holds leftovers of macOS (`._matting_00000000`, `._1803241125-00000005.jpg`): hidden files, which are
    passed over silently. Every other file that is not used is named.

    Raises:
        MattingError: a folder is missing, or no two files make a pair.
    """
    clips, mattings = find_folder(source, "clip_img"), find_folder(source, "matting")
    photographs, twins = by_key(clips, lambda path: _key(path, "clip_"))
    alphas, twins_alpha = by_key(mattings, lambda path: _key(path, "matting_"))
    pairs, alone = match(photographs, alphas)
    if not pairs:
        raise MattingError(f"no picture in {clips} has one of its name in {mattings}; unpack the archive again")
    items = listable("", [replace(files, name=Path(files.name).name) for files in pairs])
    return Plan(items, twins + twins_alpha + alone)


def _key(path: Path, prefix: str) -> str:
    """Return `DATE/N/NAME`, the same for a photograph and its matting."""
    folders = [folder.removeprefix(prefix) for folder in path.parts[:-1]]
    return "/".join([*folders, path.stem])


RECIPE = Recipe(plan, split=(6, 2, 2), trimap="fixed", kernel=_KERNEL, tolerance=_TOLERANCE, masks=True)
