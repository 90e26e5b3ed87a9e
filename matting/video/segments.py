"""Segments beside a result: whole pieces of a long clip, and the record of which are whole, by which work goes on."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matting.system import atomic
from matting.system.locks import locked
from matting.video.formats import Result

_logger = logging.getLogger(__name__)

_RECORD, _LOCK = "record.jsonl", "lock"


@dataclass
class Segments:
    """The whole segments of a clip's results.

    A line is added to the record when the files of a segment are on the disk, so that a kill at any moment costs the
    segment that was being made, at most.

    Attributes:
        folder: where their files lie.
        stamps: of the frames of every segment, in the source's unit.
        duration: of the last frame, in the same unit.
    """

    folder: Path
    stamps: list[list[int]] = field(default_factory=list)
    duration: int = 0

    @property
    def last(self) -> int | None:
        """The stamp of the last frame that is whole; None where there is none."""
        return self.stamps[-1][-1] if self.stamps else None

    @property
    def frames(self) -> int:
        """How many frames are whole."""
        return sum(map(len, self.stamps))

    def file(self, result: Result, number: int | None = None) -> Path:
        """Return the file of a result's segment: the one of a number, or else the next that is made."""
        number = len(self.stamps) if number is None else number
        return self.folder / f"{number:06d}-{result.path.name}"

    def add(self, stamps: Sequence[int], duration: int) -> None:
        """Note that a segment is whole, in all results."""
        with atomic.explained(self.folder / _RECORD, of_all=True), open(self.folder / _RECORD, "a") as file:
            file.write(json.dumps({"stamps": list(stamps), "duration": duration}) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.stamps.append(list(stamps))
        self.duration = duration

    def remove(self) -> None:
        """Remove the folder: the results are complete."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def opened(folder: Path, settings: Mapping[str, Any] | None) -> Iterator[Segments]:
    """Yield the segments in a folder, for one process at a time: those of an earlier run with the same settings.

    Args:
        settings: all that the segments depend on; None trusts none of an earlier run.

    Raises:
        UnwritableError: the folder cannot be made.
    """
    with _held(folder):
        told = json.dumps(settings, sort_keys=True, default=str)
        segments = Segments(folder)
        lines = _lines(folder / _RECORD)
        if settings is not None and lines and lines[0] == json.loads(told):
            for line in lines[1:]:
                segments.stamps.append(line["stamps"])
                segments.duration = line["duration"]
        elif lines:
            _logger.info("%s was begun with other settings, or of another clip; all is made anew", folder)
        _keep_whole(segments, told)
        yield segments


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the lock that lies in a folder: whoever held it before may have removed both when all was done."""
    while True:
        atomic.make_folder(folder)
        with locked(folder / _LOCK) as lock:
            is_there = False
            with contextlib.suppress(OSError):
                is_there = os.path.samestat(os.fstat(lock.fileno()), os.stat(folder / _LOCK))
            if is_there:
                yield
                return


def _keep_whole(segments: Segments, told: str) -> None:
    """Write the record anew, without a line that was torn, and remove what belongs to no whole segment."""
    lines = [json.dumps({"stamps": stamps, "duration": segments.duration}) for stamps in segments.stamps]
    atomic.write_text(segments.folder / _RECORD, "\n".join([told, *lines]) + "\n")
    for path in segments.folder.iterdir():
        number = path.name.partition("-")[0]
        if path.name not in (_RECORD, _LOCK) and not (number.isdecimal() and int(number) < len(segments.stamps)):
            path.unlink(missing_ok=True)


def _lines(path: Path) -> list[Any]:
    """Return the lines of a record up to the first that is torn."""
    found: list[Any] = []
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if not line.endswith("\n"):
                    break
                found.append(json.loads(line))
    except (OSError, ValueError):
        pass
    return found
