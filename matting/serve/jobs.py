"""Work that takes longer than a request: a line of jobs, done one after the other, and their files for a while."""

from __future__ import annotations

import atexit
import contextlib
import logging
import queue
import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matting.errors import MattingError, UnwritableError
from matting.serve.limits import Limits, Refused, sentence
from matting.system import memory, private
from matting.system.filling import filling, remove_abandoned
from matting.weights.download import cache_dir

_logger = logging.getLogger(__name__)

_RETRY = 20
"""Seconds after which there may be a place for another job."""

_OVER = ("done", "failed")

_KEPT = 64
"""Jobs that are over and remembered, at most."""

_PATIENCE = 10.0
"""Seconds that the job which runs gets to notice that the server ends."""


class Cancelled(Exception):
    """Nobody wants the result any more."""


@dataclass
class Job:
    """A piece of work.

    Attributes:
        name: which only who began it knows.
        folder: for its files.
        status: `received`, `waiting`, `running`, `done`, `failed` or `cancelled`.
        progress: from 0 to 1; None where nobody knows.
        frames: that are done.
        detail: why it failed.
        notes: what its owner should know.
        result: the file that was made.
        timer: removes it, once it is done.
    """

    folder: Path
    name: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    status: str = "received"
    progress: float | None = 0.0
    frames: int = 0
    detail: str = ""
    notes: list[str] = field(default_factory=list)
    result: Path | None = None
    timer: threading.Timer | None = None

    def told(self, link: str) -> dict[str, Any]:
        """Return what its owner is told, of whom `link` leads to it."""
        known: dict[str, Any] = {"id": self.name, "status": self.status, "progress": self.progress}
        known |= {"frames": self.frames, "notes": self.notes}
        if self.detail:
            known["detail"] = self.detail
        if self.status == "done" and self.result is not None:
            known |= {"bytes": _size(self), "result": f"{link}/result"}
        return known


Work = Callable[[Job], None]
"""Does a job: it sets `progress`, `notes` and `result`, and raises Cancelled or MattingError."""


class Jobs:
    """Jobs of one server, in a thread and a private folder of their own, both made when the first one comes.

    The folder lies in the cache and goes with the server. One that was killed cannot remove its own: the next server
    does, which sees by a lock that nobody holds it.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._jobs: dict[str, Job] = {}
        self._line: queue.SimpleQueue[tuple[Job, Work] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._stack = contextlib.ExitStack()
        self._thread: threading.Thread | None = None
        self.is_closing = False
        with contextlib.suppress(MattingError, OSError):
            remove_abandoned(cache_dir() / "clips")

    @contextlib.contextmanager
    def received(self) -> Iterator[Job]:
        """Yield a new job while what it needs is received; where that fails, nothing of it stays.

        Raises:
            Refused: there is no place for it, or no room.
        """
        waiting = sum(job.status not in _OVER for job in list(self._jobs.values()))
        if waiting >= self._limits.jobs:
            raise Refused(429, f"{waiting} clips are being worked on or wait; ask again in a moment", _RETRY)
        with self._lock:
            job = Job(self._made_folder() / secrets.token_hex(8))
            job.folder.mkdir()
            self._jobs[job.name] = job
        try:
            yield job
        except BaseException:
            self.remove(job)
            raise

    def begin(self, job: Job, work: Work) -> None:
        """Put a job that was received into the line."""
        job.status = "waiting"
        self._line.put((job, work))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="clips", daemon=True)
                self._thread.start()

    def find(self, name: str) -> Job:
        """Return a job; raises Refused."""
        if name not in self._jobs:
            raise Refused(404, "there is no such clip here; results are removed when they were taken, or after a time")
        return self._jobs[name]

    def cancel(self, job: Job) -> None:
        """Forget a job; the one that runs ends with its next frame."""
        with self._lock:
            is_running, job.status = job.status == "running", "cancelled"
        if not is_running:
            self.remove(job)

    def remove(self, job: Job) -> None:
        """Remove a job and its files."""
        self._jobs.pop(job.name, None)
        if job.timer is not None:
            job.timer.cancel()
        shutil.rmtree(job.folder, ignore_errors=True)

    def close(self) -> None:
        """End what runs, and remove everything."""
        self.is_closing = True
        atexit.unregister(self.close)
        if self._thread is not None:
            self._line.put(None)
            self._thread.join(_PATIENCE)
        self._jobs.clear()
        self._stack.close()

    def _made_folder(self) -> Path:
        if self._folder is None:
            try:
                parent = private.make(cache_dir() / "clips")
                self._folder = self._stack.enter_context(filling(parent, inside=True))
            except (UnwritableError, OSError) as error:
                _logger.error("no folder for clips: %s", error)
                raise Refused(503, "this server has no room for clips now; ask again later", _RETRY) from None
            atexit.register(self.close)  # of a program that never tells its applications that it ends
        return self._folder

    def _run(self) -> None:
        while (put := self._line.get()) is not None:
            job, work = put
            with self._lock:
                if job.status != "waiting" or self.is_closing:
                    continue
                job.status = "running"
            self._do(job, work)
            with self._lock:
                if job.status == "running":
                    job.status = "failed" if job.detail else "done"
            if job.status == "cancelled":
                self.remove(job)
            else:
                self._keep(job)
            del put, work  # the clip, its frames and its encoders
            memory.give_back()

    def _keep(self, job: Job) -> None:
        """Keep a job that is over for a time, and less long if others need the room."""
        if job.status == "failed":
            shutil.rmtree(job.folder, ignore_errors=True)
        job.timer = threading.Timer(self._limits.kept, self.remove, [job])
        job.timer.daemon = True
        job.timer.start()
        kept = [other for other in list(self._jobs.values()) if other.status in _OVER]
        while len(kept) > _KEPT or sum(map(_size, kept)) > self._limits.clip_result:
            self.remove(kept.pop(0))

    @staticmethod
    def _do(job: Job, work: Work) -> None:
        try:
            work(job)
        except Cancelled:
            job.status = "cancelled"
        except MattingError as error:
            job.detail = sentence(error, job.folder)
        except Exception as error:
            _logger.error("a clip failed: %s", type(error).__name__, exc_info=True)
            job.detail = "the clip cannot be cut out: the server met an error of its own"


def _size(job: Job) -> int:
    """Return the bytes of a result."""
    try:
        return job.result.stat().st_size if job.result is not None else 0
    except FileNotFoundError:  # it was removed just now
        return 0
