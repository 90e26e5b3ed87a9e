"""Finding a set's folders, pairing pictures by name, and naming them so that a list can hold them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from matting.curation.preparation.plan import Item, Plan
from matting.errors import MattingError
from matting.pictures.files import list_images
from matting.system.lines import BLANKS, read_lines
from matting.text import written

Pairs = list[tuple[str, Path, Path]]
"""Key, photograph and matte of each pair, sorted by key."""


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
    found = seek_folder(source, *names)
    if found is None:
        raise MattingError(f"{source} holds no folder {' or '.join(names)}, nor does a folder in it; check --source")
    return found


def relative_stem(path: Path) -> str:
    """Return a relative path without its ending, with forward slashes: the usual key of a picture."""
    return path.with_suffix("").as_posix()


def by_key(folder: Path, key: Callable[[Path], str] = relative_stem) -> tuple[dict[str, Path], list[str]]:
    """Return a folder's pictures by their key, and a line for each that another one with its key came before.

    Args:
        key: from the path relative to `folder` to what names the picture.
    """
    found: dict[str, Path] = {}
    dropped = []
    for path in list_images(folder):
        name = key(path.relative_to(folder))
        if name in found:
            dropped.append(f"{path}: {found[name].name} has the same name but for its ending")
        else:
            found[name] = path
    return found, dropped


def match(photographs: Mapping[str, Path], alphas: Mapping[str, Path]) -> tuple[Pairs, list[str]]:
    """Pair photographs and mattes by key, and name those that are left alone."""
    pairs = [(key, photographs[key], alphas[key]) for key in sorted(photographs.keys() & alphas.keys())]
    alone = [f"{photographs[key]}: it has no matte" for key in sorted(photographs.keys() - alphas.keys())]
    alone += [f"{alphas[key]}: it has no photograph" for key in sorted(alphas.keys() - photographs.keys())]
    return pairs, alone


def pair_folders(photographs: Path, alphas: Path, alpha_suffix: str = "") -> tuple[Pairs, list[str]]:
    """Pair two folders by relative path without endings, and name what is not used.

    Args:
        alpha_suffix: what the mattes' names end in and the photographs' do not, as `_matte`.

    Raises:
        MattingError: a folder is missing, or not one pair was found.
    """

    def alpha_key(path: Path) -> str:
        return relative_stem(path).removesuffix(alpha_suffix)

    left, twice_left = by_key(photographs)
    right, twice_right = by_key(alphas, alpha_key)
    pairs, alone = match(left, right)
    if not pairs:
        raise MattingError(
            f"of {len(left)} pictures in {photographs} and {len(right)} mattes in {alphas} no two share a name; they "
            "are paired by name without its ending (--alpha_suffix names what the mattes' names have more)"
        )
    return pairs, twice_left + twice_right + alone


def paired_items(part: str, photographs: Path, alphas: Path, alpha_suffix: str = "") -> Plan:
    """Return the plan of a folder of photographs and one of mattes, as `pair_folders` pairs them."""
    pairs, dropped = pair_folders(photographs, alphas, alpha_suffix)
    names = list_names(key for key, _, _ in pairs)
    items = [Item(part, name, image, alpha) for name, (_, image, alpha) in zip(names, pairs, strict=True)]
    return Plan(items, dropped)


def with_trimaps(plan: Plan, folder: Path) -> Plan:
    """Add to every item the trimap whose name is its matte's; a missing one is named, and its item goes without."""
    available, twice = by_key(folder, lambda path: path.stem)
    items = []
    for item in plan.items:
        found = available.get((item.alpha or item.photograph).stem) or available.get(item.photograph.stem)
        items.append(replace(item, trimaps=(found,)) if found else item)
    bare = [item.photograph for item in items if not item.trimaps]
    lacking = [f"{path}: it has no trimap in {folder}; one is made if --trimap asks for it" for path in bare]
    return Plan(items, plan.dropped + twice, plan.joined, plan.notes + lacking)


def list_names(keys: Iterable[str]) -> list[str]:
    """Turn keys into stems that can stand in a list: no slashes, no white space, none twice.

    A list separates its columns by spaces, and a subfolder called `fg` would mislead the search for its alpha.
    """
    names, seen = [], Counter[str]()
    for key in keys:
        own = written("_".join(key.replace("/", " ").split()))  # a list is UTF-8
        # Folded, because some file systems hold a.png and A.png for one file.
        folded = own.casefold()
        seen[folded] += 1
        names.append(own if seen[folded] == 1 else f"{own}~{seen[folded]}")
    return names


def read_names(path: Path) -> list[str]:
    """Return the lines of a published list of file names, without blank ones.

    Raises:
        MattingError: the file cannot be read.
    """
    lines = read_lines(path, "it belongs to the published set")
    return [os.path.basename(line.strip(BLANKS).replace("\\", "/")) for _, line in lines]
