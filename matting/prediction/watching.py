"""A folder that is watched: pictures that come into it are cut out as soon as they are whole."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from matting.pictures.listing import survey
from matting.prediction.jobs import Failure, Summary, find_jobs
from matting.sample import PictureFiles

SETTLED = 1.0
"""Seconds for which a file must have stayed as it is: whoever copies it may not be done."""

PATIENCE = 10.0
"""Seconds for which one that cannot be read must have: a slow copy may pause."""

_PAUSE = 0.5

Cut = Callable[[list[PictureFiles], Callable[[Failure], object]], Summary]
"""Cuts out jobs, and tells what fails."""


def watch(
    folder: Path,
    save_dir: Path,
    cut: Cut,
    tell: Callable[[Failure], object],
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[list[PictureFiles], Summary]]:
    """Cut out what lies in a folder and below and what comes there, and yield what was done each time; without end.

    A picture that changes is cut out again. One that cannot be read is tried once more before that is told.

    Args:
        save_dir: where results go; those that lie in the folder are no pictures that came.

    Raises:
        MattingError: the folder cannot be listed.
    """
    arrivals = _Arrivals(folder, save_dir)
    while True:
        jobs = arrivals.ready(clock())
        if jobs:
            failures: list[Failure] = []
            summary = cut(jobs, failures.append)
            summary.failures = [failure for failure in failures if arrivals.is_final(failure.file, clock())]
            for failure in summary.failures:
                tell(failure)
            failed = {failure.file for failure in failures}
            yield [job for job in jobs if job.image not in failed], summary
        sleep(_PAUSE)


class _Arrivals:
    """What came into a folder and was not handed out as it is now."""

    def __init__(self, folder: Path, save_dir: Path) -> None:
        self._folder, self._save_dir = folder, save_dir
        self._since: dict[Path, tuple[tuple[int, int], float]] = {}
        self._handed: dict[Path, tuple[int, int]] = {}
        self._failed: dict[Path, tuple[int, int]] = {}

    def ready(self, now: float) -> list[PictureFiles]:
        """Return the pictures that have stayed as they are for long enough."""
        settled = set()
        for path in survey(self._folder).images:
            stamp = _stamp(path)
            if stamp is None or self._handed.get(path) == stamp:
                continue
            if self._since.get(path, (None, 0.0))[0] != stamp:
                self._since[path] = stamp, now
            elif now - self._since[path][1] >= (PATIENCE if self._failed.get(path) == stamp else SETTLED):
                settled.add(path)
                self._handed[path] = stamp
        if not settled:
            return []
        jobs = find_jobs(self._folder, save_dir=self._save_dir, unlisted=[], may_be_empty=True)
        return [job for job in jobs if job.image in settled]

    def is_final(self, path: Path, now: float) -> bool:
        """Note that a picture failed; return whether that stands, or it is tried again."""
        stamp = _stamp(path)
        if stamp == self._handed[path] == self._failed.get(path):
            return True
        del self._handed[path]
        if stamp is not None:
            self._failed[path] = stamp
        return False


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:  # it was taken away
        return None
    return status.st_size, status.st_mtime_ns
