"""Lists of a data set: which files make up each sample, checked before anything is read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from matting.errors import MattingError
from matting.pictures.listing import IMAGE_EXTENSIONS
from matting.pictures.naming import distinct_names
from matting.sample import PictureFiles
from matting.system.lines import BLANKS, read_lines

_COLUMNS = ("foreground", "background", "trimap")
_KEYS = ("alpha", "background", "trimap")
_SHOWN = 10


def read_lists(
    files: Sequence[str | Path],
    dataset_root: str | Path,
    separator: str = " ",
    allow_outside: bool = False,
    keep_missing: bool = False,
) -> list[PictureFiles]:
    """Read list files, one after the other; every line gives one picture, which has an `alpha`.

    A line is `foreground`, `foreground background` or `foreground background trimap`, with paths below `dataset_root`.
    Files may also be named by `alpha=PATH`, `background=PATH` and `trimap=PATH`, in any column after the first. With a
    separator other than the space a column may be left empty. With the space, a line that is one existing file is taken
    as such, spaces and all. Blank lines are passed over; `matting.system.lines` says where a line ends.

    Unless named, alpha is found by replacing the last folder called `fg` below the root by `alpha`; if no file of that
    name is there, by the one of the same stem with any of `IMAGE_EXTENSIONS`.

    A picture is called after its foreground's path below the root, never leading out of it. Where several lines would
    share a name but for the ending, the later ones get `~2`, `~3`, ... before it, so that no two results are written to
    one file.

    Args:
        files: paths of UTF-8 text files, relative to `dataset_root`.
        separator: what stands between the columns; "|" or a tab where names hold spaces.
        allow_outside: take paths that lead out of `dataset_root`.
        keep_missing: give entries whose files do not exist as well, for a caller that reports on them one by one.

    Raises:
        MattingError: a list is missing, empty or no text, a line cannot be used, or files it names are missing.
    """
    if not isinstance(separator, str) or not separator or "\n" in separator:
        raise MattingError(f"separator is {separator!r}; it must be a text of one or more characters on one line")
    reader = _Reader(os.path.abspath(dataset_root), separator, allow_outside)
    entries = []
    for file in files:
        path = Path(dataset_root, file)
        lines = read_lines(path, "check dataset_root and the file")
        if not lines:
            raise MattingError(f"{path} lists nothing; write one foreground a line, as `train/fg/cat.jpg`")
        entries += [reader.entry(line, f"{path.name}:{number}") for number, line in lines]
    if not keep_missing:
        reader.raise_missing()
    return _with_unique_names(entries)


class _Reader:
    """Turns lines into entries and collects which files are missing, listing every folder only once."""

    def __init__(self, root: str, separator: str, allow_outside: bool) -> None:
        self._root, self._separator, self._allow_outside = root, separator, allow_outside
        self._folders: dict[str, set[str]] = {}
        self._stems: dict[str, dict[str, list[str]]] = {}
        self._missing: list[str] = []
        self._suspects_spaces = False

    def entry(self, line: str, where: str) -> PictureFiles:
        columns = self._columns(line, where)
        paths = {key: self._locate(column, where) for key, column in columns.items()}
        foreground = paths["foreground"]
        alpha = paths.get("alpha") or self._alpha_of(foreground, where)
        for path in (foreground, alpha, paths.get("background"), paths.get("trimap")):
            if path is not None and not self._is_file(path):
                self._missing.append(f"{where}: {path}")
                self._suspects_spaces |= self._separator == " " and len(columns) > 1
        parts = os.path.relpath(foreground, self._root).split(os.sep)
        name = "/".join(part for part in parts if part != os.pardir)
        return PictureFiles(name, foreground, alpha, paths.get("trimap"), paths.get("background"), where)

    def raise_missing(self) -> None:
        if not self._missing:
            return
        lines = [f"{len(self._missing)} files named by the lists do not exist:"]
        lines += [f"  {missing}" for missing in self._missing[:_SHOWN]]
        if len(self._missing) > _SHOWN:
            lines.append(f"  ... and {len(self._missing) - _SHOWN} more")
        if self._suspects_spaces:
            lines.append("(names with spaces need another separator between the columns, such as `separator: '|'`)")
        raise MattingError(*lines)

    def _columns(self, line: str, where: str) -> dict[str, str]:
        """Split a line into its files by role; roles left empty are absent."""
        line = line.strip(BLANKS) if self._separator == " " else line.strip(" ")
        fields = [field.strip(BLANKS) for field in line.split(self._separator)]
        if self._separator == " ":
            fields = [field for field in fields if field]
            if len(fields) > 1 and not self._is_file(self._join(fields[0])) and self._is_file(self._join(line)):
                fields = [line]
        columns: dict[str, str] = {}
        roles = iter(_COLUMNS)
        for position, field in enumerate(fields):
            key, equals, value = field.partition("=")
            if position == 0 or not equals or key not in _KEYS:
                role = next(roles, None)
                if role is None:
                    raise MattingError(
                        f"{where}: more than {len(_COLUMNS)} columns in `{line}`; a line is `foreground`, `foreground "
                        "background` or `foreground background trimap`, and names with spaces need another separator"
                    )
                key, value = role, field
            if value and key in columns:
                raise MattingError(f"{where}: {key} is given twice, as {columns[key]} and {value}; remove one")
            if value:
                columns[key] = value
        if "foreground" not in columns:
            raise MattingError(f"{where}: the first column is empty; it must name the foreground")
        return columns

    def _join(self, column: str) -> Path:
        return Path(os.path.normpath(os.path.join(self._root, column)))

    def _locate(self, column: str, where: str) -> Path:
        path = self._join(column)
        if not self._allow_outside and not path.is_relative_to(self._root):
            raise MattingError(
                f"{where}: {column} leads out of dataset_root {self._root}; move the file below it, or set "
                "allow_outside: True if you trust this list"
            )
        return path

    def _alpha_of(self, foreground: Path, where: str) -> Path:
        relative = foreground.relative_to(self._root) if foreground.is_relative_to(self._root) else foreground
        folders = list(relative.parts[:-1])
        if "fg" not in folders:
            raise MattingError(
                f"{where}: no folder named fg in {relative}, so its alpha is not known; keep foregrounds in a folder "
                "`fg` beside a folder `alpha`, or name the matte in the line with `alpha=PATH`"
            )
        last = len(folders) - 1 - folders[::-1].index("fg")
        folders[last] = "alpha"
        exact = Path(self._root, *folders, relative.name)
        if self._is_file(exact):
            return exact
        alike = self._images_by_stem(str(exact.parent)).get(exact.stem, [])
        if len(alike) > 1:
            raise MattingError(
                f"{where}: {exact.parent} holds {' and '.join(sorted(alike))}; which is the alpha of {relative} is "
                "not known: remove one, or name it in the line with `alpha=PATH`"
            )
        return exact.with_name(alike[0]) if alike else exact

    def _is_file(self, path: Path) -> bool:
        return path.name in self._names(str(path.parent))

    def _names(self, folder: str) -> set[str]:
        """Return the files of a folder. One listing serves all its files: a stat each is slow on network disks."""
        if folder not in self._folders:
            try:
                with os.scandir(folder) as listing:
                    self._folders[folder] = {item.name for item in listing if item.is_file()}
            except OSError:
                self._folders[folder] = set()
        return self._folders[folder]

    def _images_by_stem(self, folder: str) -> dict[str, list[str]]:
        if folder not in self._stems:
            self._stems[folder] = {}
            for name in self._names(folder):
                stem, extension = os.path.splitext(name)
                if extension.lower() in IMAGE_EXTENSIONS:
                    self._stems[folder].setdefault(stem, []).append(name)
        return self._stems[folder]


def _with_unique_names(entries: list[PictureFiles]) -> list[PictureFiles]:
    names = [os.path.splitext(entry.name) for entry in entries]
    stems = distinct_names(stem for stem, _ in names)
    return [replace(entry, name=stem + ending) for entry, stem, (_, ending) in zip(entries, stems, names, strict=True)]
