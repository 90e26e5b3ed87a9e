"""What lies in the folders of a set: which they are, which pictures belong together, and names for a list of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from matting.curation.preparation.plan import Item, Plan
from matting.errors import MattingError
from matting.pictures.naming import distinct_names
from matting.pictures.pairing import by_key, pair_folders
from matting.sample import PictureFiles
from matting.system.lines import BLANKS, read_lines
from matting.text import written


def seek_folder(source: Path, *names: str) -> Path | None:
    """Return the folder of one of these names, in `source` or one level below (an archive often adds a folder).

    Case does not matter, an earlier name wins over a later one, and the source itself over its subfolders.

    Raises:
        MattingError: the source is no folder.
    """
    if not source.is_dir():
        raise MattingError(f"--source {source} is no folder; name the one that the set was unpacked into")
    levels = [source, *sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith("."))]
    for level in levels:
        children = {path.name.casefold(): path for path in sorted(level.iterdir(), reverse=True) if path.is_dir()}
        for name in names:
            if name.casefold() in children:
                return children[name.casefold()]
    return None


def find_folder(source: Path, *names: str) -> Path:
    """Return what `seek_folder` finds.

    Raises:
        MattingError: nothing of these names is there.
    """
    folder = seek_folder(source, *names)
    if folder is None:
        raise MattingError(f"{source} holds no folder {' or '.join(names)}, nor does a folder in it; check --source")
    return folder


def paired_items(part: str, photographs: Path, alphas: Path, alpha_suffix: str = "") -> Plan:
    """Return the plan of a folder of photographs and one of mattes, as `pair_folders` pairs them."""
    pairs, dropped = pair_folders(photographs, alphas, alpha_suffix)
    return Plan(listable(part, pairs), dropped)


def listable(part: str, pictures: Sequence[PictureFiles]) -> list[Item]:
    """Return the items of pictures, under names that a list can hold."""
    names = list_names(files.name for files in pictures)
    return [Item(part, replace(files, name=name)) for files, name in zip(pictures, names, strict=True)]


def with_trimaps(plan: Plan, folder: Path) -> Plan:
    """Add to every item the trimap whose name is its matte's; a missing one is named, and its item goes without."""
    available, twins = by_key(folder, lambda path: path.stem)
    items = []
    for item in plan.items:
        trimap = available.get(item.files.matte.stem) or available.get(item.files.image.stem)
        items.append(replace(item, trimaps=(trimap,)) if trimap else item)
    without = [item.files.image for item in items if not item.trimaps]
    lacking = [f"{path}: it has no trimap in {folder}; one is made if --trimap asks for it" for path in without]
    return Plan(items, plan.dropped + twins, plan.joined, plan.notes + lacking)


def list_names(keys: Iterable[str]) -> list[str]:
    """Turn keys into stems that can stand in a list: no slashes, no white space, none twice.

    A list separates its columns by spaces, and a subfolder called `fg` would mislead the search for its alpha.
    """
    return distinct_names(written("_".join(key.replace("/", " ").split())) for key in keys)  # a list is UTF-8


def read_names(path: Path) -> list[str]:
    """Return the lines of a published list of file names, without blank ones.

    Raises:
        MattingError: the file cannot be read.
    """
    lines = read_lines(path, "it belongs to the published set")
    return [os.path.basename(line.strip(BLANKS).replace("\\", "/")) for _, line in lines]
