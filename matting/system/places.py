"""Where a result may go: below the folder that was named for it, and never onto a file that is read."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path

from matting.errors import MattingError


def below(folder: str | Path, name: str | Path, inputs: Collection[str] = ()) -> Path:
    """Return `folder/name`: the one way from a name that an input or a list gave to a file that is written.

    Args:
        inputs: what no result may replace, as `real_paths` gives it.

    Raises:
        MattingError: the name is absolute, leads out of the folder (by `..` or a link), or is that of an input.
    """
    path, root = Path(folder, name), os.path.realpath(folder)
    place = _place(path, os.path.realpath(path.parent))
    if Path(name).is_absolute() or os.path.commonpath((root, place)) != root or place == root:
        raise MattingError(
            f"a result named {name} would not lie below {folder}; results never leave that folder, so give names "
            "relative to it, without `..` and without links that lead out"
        )
    if place in inputs:
        raise MattingError(f"{path} is read, and a result would take its place; give another --save_dir")
    return path


def real_paths(paths: Iterable[str | Path]) -> frozenset[str]:
    """Return where files lie, and what they lead to if they are links; folders are looked up once."""
    folders: dict[Path, str] = {}
    places = set()
    for path in map(Path, paths):
        if path.parent not in folders:
            folders[path.parent] = os.path.realpath(path.parent)
        place = _place(path, folders[path.parent])
        places.add(place)
        if os.path.islink(place):
            places.add(os.path.realpath(place))
    return frozenset(places)


def _place(path: Path, parent: str) -> str:
    return os.path.normpath(os.path.join(parent, path.name))
