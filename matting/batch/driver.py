"""The process that Ray's driver lives in, and how shards get there and back: nothing of Ray is in the caller's own."""

from __future__ import annotations

import contextlib
import itertools
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

from matting.batch.cluster import Answer
from matting.batch.errand import CURE, Errand, Way
from matting.batch.shards import Shard
from matting.batch.worker import Done, Order, Worker
from matting.errors import MattingError
from matting.system import processes

logger = logging.getLogger(__name__)

PATIENCE = 300.0
"""Seconds without an answer after which Ray is taken for gone; usually it answers every second, and begins in ten."""


class Crew(Protocol):
    """Whoever does shards."""

    def do(self, tasks: Iterator[tuple[Shard, bool]], check: Callable[[], None]) -> Iterator[Done]:
        """Yield what becomes of each shard, as they are finished; few more than are being done are taken beforehand.

        Args:
            tasks: shards, and whether rows of them may be committed already.
            check: called every second; what it raises ends the work.
        """

    def stop(self) -> list[Done]:
        """End what is being done, with its rows committed, and return what was done meanwhile."""


class Driver:
    """Ray's workers, from `with` to its end, which leaves nothing of a Ray of this machine behind.

    Ray ends the whole process when its central server (GCS) is gone or silent for a minute, past every `except`, and
    waits without limit for one that is frozen. So it has a process of its own, that ends when this one does.
    """

    def __init__(
        self, order: Order, address: str | None = None, make: Callable[[Order], Any] = Worker, **way: Any
    ) -> None:
        with contextlib.ExitStack() as stack:
            folder = tempfile.mkdtemp(prefix="matting-")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            errand = processes.packed(Errand(order, Way(address, folder, **way), make), CURE)
            self._pool = stack.enter_context(ThreadPoolExecutor(1, "ray"))
            self._process = stack.enter_context(contextlib.closing(processes.Process(errand, CURE, "Ray", leads=True)))
            self._stack = stack.pop_all()
        self._asked: Future[Answer] | None = None

    def __enter__(self) -> Driver:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def do(self, tasks: Iterator[tuple[Shard, bool]], check: Callable[[], None]) -> Iterator[Done]:
        """As `Crew.do`.

        Raises:
            MattingError: Ray cannot be reached, has ended, or does not answer.
        """
        begun, wanted, is_over = 0, 0, False
        while not is_over or begun:
            given = list(itertools.islice(tasks, wanted))
            is_over = is_over or len(given) < wanted
            answer = self._ask(given, check)
            begun += len(given) - len(answer.done)
            wanted = 0 if is_over else answer.wanted
            yield from answer.done

    def stop(self) -> list[Done]:
        """As `Crew.stop`; of a Ray that is gone nothing is to be had."""
        done: list[Done] = []
        with contextlib.suppress(MattingError):
            if self._asked:
                done += self._answer(lambda: None).done
            done += self._ask(None, lambda: None).done
        return done

    def _ask(self, given: list[tuple[Shard, bool]] | None, check: Callable[[], None]) -> Answer:
        self._asked = self._pool.submit(self._process.ask, given)
        return self._answer(check)

    def _answer(self, check: Callable[[], None]) -> Answer:
        """Return what Ray answers to what it was asked; whoever interrupts this can ask for the answer again."""
        assert self._asked
        end = time.monotonic() + PATIENCE
        while not wait([self._asked], timeout=1.0).done:
            check()
            if time.monotonic() > end:
                self._process.kill()
                self._asked = None
                raise MattingError(f"Ray has not answered for {PATIENCE:.0f} s; {CURE}")
        asked, self._asked = self._asked, None
        answer = asked.result()
        for said in answer.said:
            logger.warning("%s", said)
        return answer
