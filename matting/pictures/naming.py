"""Names of results and of files in lists: each of its own, on every file system."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from matting.errors import MattingError
from matting.pictures.encoding import ENDINGS, Format


def relative_stem(path: Path) -> str:
    """Return a relative path without its ending, with forward slashes: by this files of one picture find each other."""
    return path.with_suffix("").as_posix()


class DistinctNames:
    """Gives every name that it is asked for a form of its own: the second `a` is `a~2`, the third `a~3`.

    Case is no difference, because some file systems hold a.png and A.png for one file.
    """

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def of(self, name: str) -> str:
        self._counts[name.casefold()] += 1
        number, distinct = self._counts[name.casefold()], name
        while number > 1 and distinct.casefold() in self._counts:
            distinct = f"{name}~{number}"
            number += 1
        self._counts[distinct.casefold()] += distinct != name
        return distinct


def distinct_names(names: Iterable[str]) -> list[str]:
    """Return names of which no two are the same, in their order, as `DistinctNames` gives them."""
    distinct = DistinctNames()
    return [distinct.of(name) for name in names]


def result_names(paths: Sequence[Path]) -> list[str]:
    """Return what the results of files are called: relative path without the ending where that is unique, else with it.

    Unlike `distinct_names` it depends on no order, so that a file keeps its name when others come or go.
    """
    names = [relative_stem(path) for path in paths]
    while True:
        counts = Counter(name.casefold() for name in names)
        clashing = [
            index
            for index, (name, path) in enumerate(zip(names, paths, strict=True))
            if counts[name.casefold()] > 1 and name != path.as_posix()
        ]
        if not clashing:
            return names
        for index in clashing:
            names[index] = paths[index].as_posix()


def check_pattern(pattern: str, kinds: Sequence[str], format: Format) -> None:
    """Refuse names by which results would replace each other, or say what is not in them.

    Args:
        pattern: as `{stem}_{kind}.{ext}`, these three between braces.
        kinds: of results that are written for one photograph.
        format: of their files.

    Raises:
        MattingError: the pattern is such a name, or holds other braces.
    """
    try:
        fields = [part[1:] for part in string.Formatter().parse(pattern) if part[1] is not None]
    except ValueError:
        fields = [("", "", None)]
    # Nothing but the bare names: whatever else a format string can do has no place in a file's name.
    if not all(field in ("stem", "kind", "ext") and not (spec or turn) for field, spec, turn in fields):
        raise MattingError(f"--pattern {pattern}: it may hold {{stem}}, {{kind}} and {{ext}}, and no other braces")
    named = {field for field, _, _ in fields}
    if "stem" not in named:
        raise MattingError(f"--pattern {pattern}: without {{stem}} all photographs would get one name; add it")
    if len(kinds) > 1 and "kind" not in named:
        raise MattingError(f"--pattern {pattern}: {' and '.join(kinds)} would get one name; add {{kind}}, or save one")
    path = Path(pattern)
    if path.is_absolute() or ".." in path.parts:
        raise MattingError(f"--pattern {pattern}: results lie below their folder; leave out / at its start and ..")
    said = ENDINGS.get(path.suffix.lower(), format.name)
    if said != format.name or not (path.suffix == ".{ext}" or path.suffix.lower() in ENDINGS):
        raise MattingError(f"--pattern {pattern}: files of {format.name} end in .{format.ending}; end it in .{{ext}}")
