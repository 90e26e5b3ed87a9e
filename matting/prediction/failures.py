"""A table of the pictures that could not be cut out and why, beside the results."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

from matting.prediction.jobs import Failure
from matting.system import atomic, ranks
from matting.text import cell

FAILURES = "failures.csv"
_HEADER = "file,reason\n"


class Failures:
    """Writes `failures.csv` into a folder of results as pictures fail, so that a kill leaves those so far.

    The table of an earlier run is removed; where nothing fails there is none. A file of that name with other columns is
    somebody's, and an error. Of several processes each writes its own, `failures_1.csv`.

    Args:
        folder: None writes no table.
        tell: is told every failure too.

    Attributes:
        seen: all failures so far.

    Raises:
        MattingError: by the constructor and `tell`: the table cannot be written.
    """

    def __init__(self, folder: Path | None, tell: Callable[[str], object]) -> None:
        name = FAILURES if ranks.rank() == 0 else f"failures_{ranks.rank()}.csv"
        self.path = folder / name if folder else None
        self._tell = tell
        self.seen: list[Failure] = []
        if self.path is not None and self.path.is_file():
            with atomic.explained(self.path):
                _refuse_others(self.path)
                self.path.unlink()

    def tell(self, failure: Failure) -> None:
        """Note a failure, and pass it on."""
        self._tell(failure)
        self.seen.append(failure)
        if self.path is None:
            return
        row = io.StringIO()
        csv.writer(row, lineterminator="\n").writerow([cell(str(failure.file)), cell(str(failure.reason))])
        with atomic.explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a", encoding="utf-8", newline="") as file:
                file.write((_HEADER if len(self.seen) == 1 else "") + row.getvalue())


def _refuse_others(path: Path) -> None:
    with open(path, "rb") as file:
        if file.read(len(_HEADER)) != _HEADER.encode():
            raise FileExistsError(17, "a file with other columns is there")
