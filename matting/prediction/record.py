"""The record of results: which input every result came of and how it was made, kept beside the results."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import filelock

from matting.errors import MattingError
from matting.system import atomic
from matting.system.places import below, real_paths

RECORD = "results.jsonl"
"""Its name in a folder of results; a row is a line of JSON, and the last row that names a file counts."""

BESIDE = ".results.jsonl"
"""Its name where results lie among somebody's photographs: hidden, so that it is not in the way."""

Stamp = tuple[str, int, int]
"""Path, size in bytes and time of change in ns of a file that was read; -1 and -1 if it was not there."""


class _Row(NamedTuple):
    """What the record says of one result.

    Attributes:
        inputs: what it was made of.
        made: its size, time and settings, or None as long as it is claimed only.
        is_live: written since this process opened the record, by itself or by one that works beside it.
    """

    inputs: tuple[Stamp, ...]
    made: tuple[int, int, str | None] | None
    is_live: bool = False


@dataclass(frozen=True)
class Claim:
    """The names that one input's results have got, and what was read as it was before it was read."""

    inputs: tuple[Stamp, ...]
    paths: dict[str, Path]


class Record:
    """The record of a folder, which several processes may write at once.

    A row is appended before a result is written, with no word on how it was made, and a second one behind it. So a kill
    at any moment leaves claims and whole rows, and at most a torn line, which is passed over: nothing that was begun is
    taken for done. Rows stay for good; the file grows by some 500 bytes a photograph and run.

    Args:
        save_dir: the folder; it and the record are made with the first claim.
        inputs: all that this run (not this process alone) reads; no result may replace one of them.
        name: of its file, `RECORD` or `BESIDE`.

    Attributes:
        confirmed: how many inputs' results this object has confirmed.

    Raises:
        UnwritableError: by every method: the record cannot be written.
    """

    def __init__(self, save_dir: Path, inputs: Iterable[Path] = (), name: str = RECORD) -> None:
        self._folder, self._path = save_dir, save_dir / name
        self._inputs = real_paths([*inputs, self._path])
        self._rows: dict[str, _Row] = {}
        self._read, self._torn = 0, False
        self._lock = threading.Lock()
        self._settings: list[dict[str, Any]] = []
        self._is_open = False
        self.confirmed = 0
        if self._path.is_file():
            with self._held():
                pass
        self._is_open = True

    def settle(self, settings: Mapping[str, Any]) -> str:
        """Return the short name that rows give to settings; the next claim notes what it stands for."""
        text = json.dumps(settings, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        self._settings.append({"settings": digest, "are": json.loads(text)})
        return digest

    def holds(self, sources: Sequence[Path], made: Mapping[str, str | None]) -> bool:
        """Return whether results are there as they were written, of these very inputs by these very settings.

        Args:
            sources: the photograph, then what else was read for it alone.
            made: settings by result name; None is never trusted.
        """
        inputs = stamps(sources)
        return all(
            settings is not None
            and (row := self._rows.get(name)) is not None
            and row.made == (*_size_and_time(self._folder / name), settings)
            and len(row.inputs) == len(inputs)
            and all(map(_is_same, row.inputs, inputs))
            for name, settings in made.items()
        )

    def standing(self, names: Iterable[str]) -> tuple[list[Path], list[Path]]:
        """Return which results are there but are not as a run wrote them: those of others, and those changed since.

        What was claimed and never confirmed is neither: a run was killed while it wrote that.
        """
        foreign, changed = [], []
        for name in names:
            there, row = _size_and_time(self._folder / name), self._rows.get(name)
            if there[0] > 0 and row is None:
                foreign.append(self._folder / name)
            elif there[0] > 0 and row is not None and row.made is not None and row.made[:2] != there:
                changed.append(self._folder / name)
        return foreign, changed

    def claim(self, sources: Sequence[Path], names: Iterable[str]) -> Claim:
        """Take names for the results of an input, before they are written.

        Raises:
            MattingError: a result would leave the folder, replace an input, or replace the result of another input.
        """
        claim = Claim(stamps(sources), {name: below(self._folder, name, self._inputs) for name in names})
        with self._held() as file:
            for name, path in claim.paths.items():
                row = self._rows.get(name)
                # A claim of an earlier run that was never written is free; one of now may be written at any moment.
                if row is not None and (row.is_live or os.path.lexists(path)):
                    _refuse_another(path, row, claim)
            self._append(file, *self._settings, {"of": claim.inputs, "files": dict.fromkeys(claim.paths)})
            self._settings.clear()
        return claim

    def check(self, claim: Claim) -> None:
        """Look once more, before anything is written, whether another input has got one of the names meanwhile.

        Raises:
            MattingError: it has, in this or another process.
        """
        with self._held():
            for name, path in claim.paths.items():
                if (row := self._rows.get(name)) is not None:  # else somebody removed the record
                    _refuse_another(path, row, claim)

    def confirm(self, claim: Claim, made: Mapping[str, str | None], written: Mapping[str, os.stat_result]) -> None:
        """Note that the results of a claim are written, with the settings of each.

        Args:
            written: the state of each as it was written. Where another run's stands by now, this one claims it only.
        """
        files = {
            name: (*_size_and_time(path), made[name]) if _is_there(path, written[name]) else None
            for name, path in claim.paths.items()
        }
        with self._held() as file:
            self._append(file, {"of": claim.inputs, "files": files})
            self.confirmed += 1

    @contextmanager
    def _held(self) -> Iterator[BinaryIO]:
        """Yield the file, open for appending, read to its end and locked against other threads and processes."""
        with self._lock, atomic.explained(self._path, of_all=True):
            self._folder.mkdir(parents=True, exist_ok=True)
            with open(self._path, "a+b") as file:
                with suppress(OSError):  # a file system that has no locks
                    filelock.lock_descriptor(file.fileno(), poll_interval=0.01)
                self._catch_up(file)
                yield file

    def _catch_up(self, file: BinaryIO) -> None:
        """Read the rows that were appended since the last time, by this or other processes."""
        size = os.fstat(file.fileno()).st_size
        if size < self._read:  # the record was removed and began anew
            self._rows, self._read = {}, 0
        if size == self._read:
            self._torn = False
            return
        file.seek(self._read)
        for line in file:
            self._torn = not line.endswith(b"\n")
            if not self._torn:
                rows = _parse(line)
                self._rows.update({name: row._replace(is_live=self._is_open) for name, row in rows.items()})
                self._read += len(line)

    def _append(self, file: BinaryIO, *rows: Mapping[str, Any]) -> None:
        # ASCII: a file name that is no UTF-8 has a spelling in JSON's escapes only.
        lines = "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)
        file.write(b"\n" * self._torn + lines.encode("ascii"))


def results_in(folder: Path) -> set[str]:
    """Return the names of all results that a folder's records know; none if it has no record."""
    names: set[str] = set()
    for record in (RECORD, BESIDE):
        with suppress(OSError), open(folder / record, "rb") as file:
            for line in file:
                names.update(_parse(line))
    return names


def stamps(paths: Iterable[Path]) -> tuple[Stamp, ...]:
    """Return what tells files from others and from their own later contents."""
    return tuple((os.path.realpath(path), *_size_and_time(path)) for path in paths)


def _is_there(path: Path, state: os.stat_result) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.stat(path), state)
    return False


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def _is_same(old: Stamp, new: Stamp) -> bool:
    """Return whether two stamps are of one unchanged file, which may have been moved meanwhile."""
    return old[1:] == new[1:] and old[1] >= 0 and (old[0] == new[0] or not os.path.lexists(old[0]))


def _refuse_another(path: Path, row: _Row, claim: Claim) -> None:
    theirs, ours = row.inputs[0], claim.inputs[0]
    if theirs[0] != ours[0] and not _is_same(theirs, ours):
        raise MattingError(
            f"{path} belongs to {theirs[0]}, and the result of {ours[0]} would take its place; give another "
            "--save_dir, or remove that result if it is not wanted any more"
        )


def _parse(line: bytes) -> dict[str, _Row]:
    """Return what a line says, by result name; nothing if it is torn or says something else."""
    try:
        row = json.loads(line)
        inputs = tuple((str(path), int(size), int(time)) for path, size, time in row["of"])
        files = {name: tuple(made) if made else None for name, made in row["files"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
    return {name: _Row(inputs, made) for name, made in files.items()} if inputs else {}
