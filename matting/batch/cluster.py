"""Ray: workers on this machine or on many, shards handed to whoever is free, and to another where one is lost."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from matting.batch.shards import Shard
from matting.batch.worker import Done, Order, Worker
from matting.errors import MattingError
from matting.system import cpu

# Read by Ray when it is imported. The second makes a Ray of one machine listen on loopback alone: without it, it takes
# the address of the network even where 127.0.0.1 is asked for.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
_LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"

logger = logging.getLogger(__name__)

STORE = 200 << 20
"""Bytes of Ray's object store on this machine; pictures never go through it."""

_AHEAD = 2
"""Shards that a worker has, the one that it does and the next."""

_DEATHS = 3
"""Workers that may die over a shard before it is given up for this run, and before they begin before the run is."""

_LOOK = 10.0
"""Seconds between two looks at whether the cluster has grown."""


@dataclass
class _Task:
    shard: Shard
    look: bool
    deaths: int = 0


@dataclass
class _Hand:
    """A worker of Ray's, and the shards that it was given, by their references, in order."""

    actor: Any
    ready: Any
    given: dict[Any, _Task] = field(default_factory=dict)
    is_ready: bool = False


@contextlib.contextmanager
def connected(address: str | None, cpus: int | None = None, dashboard: bool = False) -> Iterator[None]:
    """Hold a connection to a cluster, or to a Ray of this machine that is started for it and ends with it.

    A Ray that the process is connected to already is used, and left as it is.

    Args:
        address: None for this machine; `auto` or `ray://...` as Ray has it.
        cpus: processors that a Ray of this machine hands out; all, if None.

    Raises:
        MattingError: there is no such cluster.
    """
    if address is None:
        os.environ[_LOOPBACK] = "0"
    import ray

    if ray.is_initialized():
        yield
        return
    how: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    folder = None
    if address is None:
        folder = tempfile.mkdtemp(prefix="matting-")  # short: the names of sockets may have 107 characters
        how |= {"num_cpus": cpus or cpu.cores(), "object_store_memory": STORE, "include_dashboard": dashboard}
        how |= {"dashboard_host": "127.0.0.1", "_node_ip_address": "127.0.0.1", "_temp_dir": folder, "address": "local"}
    else:
        how["address"] = address
    paths = os.environ.get("PYTHONPATH")
    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        try:
            if address is None:  # its workers find what this process finds
                os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
            ray.init(**how)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise MattingError(
                f"Ray cannot be reached at {address or 'this machine'}: {' '.join(str(error).split())}"
            ) from None
        finally:
            os.environ.pop("PYTHONPATH", None)
            os.environ.update({} if paths is None else {"PYTHONPATH": paths})
            if is_main:
                signal.signal(signal.SIGTERM, handler)
        yield
    finally:
        ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


class Crew:
    """Workers that do shards.

    Args:
        order: what they do.
        cpus: processors that each takes; if None, all of one machine or 4 of a cluster's, and a GPU if there are any.
        workers: how many there are at most; as many as the cluster has room for if None, and more when it grows.
        make: what a worker is made of the order with; tests have others.
    """

    def __init__(
        self, order: Order, cpus: int | None, workers: int | None, make: Callable[[Order], Any] = Worker
    ) -> None:
        import ray

        self._ray, self._order, self._workers = ray, order, workers
        resources = ray.cluster_resources()
        self._has_gpus = resources.get("GPU", 0) >= 1
        nodes = [node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]]
        usual = int(max(nodes, default=1)) if len(nodes) == 1 and not self._has_gpus else 4
        self._cpus = cpus or max(1, min(usual, int(max(nodes, default=1))))
        how: dict[str, Any] = {"num_cpus": self._cpus, "num_gpus": int(self._has_gpus), "max_restarts": 0}
        how["max_concurrency"] = 2
        self._class: Any = ray.remote(**how)(_actor(make))
        self._hands: list[_Hand] = []
        self._looked, self._unborn = 0.0, 0

    def do(self, tasks: Iterator[tuple[Shard, bool]], check: Callable[[], None]) -> Iterator[Done]:
        """Yield what becomes of each shard, as they are finished; few more than are being done are taken beforehand.

        Args:
            tasks: shards, and whether rows of them may be committed already.
            check: called every second; what it raises ends the work.
        """
        ray, again = self._ray, deque[_Task]()
        is_over = False
        while True:
            self._grow()
            for hand in sorted(self._hands, key=lambda hand: len(hand.given)):
                while hand.is_ready and len(hand.given) < _AHEAD and (again or not is_over):
                    task = again.popleft() if again else self._next(tasks)
                    if task is None:
                        is_over = True
                        break
                    hand.given[hand.actor.do.remote(task.shard, task.look)] = task
            if is_over and not again and not any(hand.given for hand in self._hands):
                return
            waiting = [ref for hand in self._hands for ref in (hand.given if hand.is_ready else [hand.ready])]
            for ref in ray.wait(waiting, timeout=1.0)[0] if waiting else []:
                yield from self._come(ref, again)
            check()

    def stop(self) -> list[Done]:
        """End what is being done, with its rows committed, let the workers go, and return what was done meanwhile."""
        ray, ended = self._ray, list[Done]()
        with contextlib.suppress(Exception):  # of a cluster that is gone nothing is to be had
            for hand in self._hands:
                hand.actor.stop.remote()
            begun = [ref for hand in self._hands for ref in list(hand.given)]
            if begun:
                ended += [ray.get(ref) for ref in ray.wait(begun, num_returns=len(begun), timeout=30)[0]]
        with contextlib.suppress(Exception):
            for hand in self._hands:
                ray.kill(hand.actor)
        self._hands.clear()
        return ended

    @staticmethod
    def _next(tasks: Iterator[tuple[Shard, bool]]) -> _Task | None:
        shard, look = next(tasks, (None, False))
        return None if shard is None else _Task(shard, look)

    def _come(self, ref: Any, again: deque[_Task]) -> Iterator[Done]:
        """Take in what a reference says: a worker that is there, a shard that is done, or that its worker died."""
        hand = next(hand for hand in self._hands if ref == hand.ready or ref in hand.given)
        try:
            said = self._ray.get(ref)
        except self._ray.exceptions.RayActorError as error:
            self._hands.remove(hand)
            self._looked = 0.0
            self._unborn += not hand.is_ready
            if self._unborn >= _DEATHS:
                raise MattingError(f"no worker can be started: {' '.join(str(error).split())}") from None
            tasks = list(hand.given.values())
            logger.warning("a worker died (%s); its shards go to another", " ".join(str(error).split())[:200])
            for number, task in enumerate(tasks):
                task.look, task.deaths = True, task.deaths + (number == 0)  # it is the first that it was doing
                if task.deaths < _DEATHS:
                    again.append(task)
                else:
                    lost = Done(task.shard.key, said=[f"shard {task.shard.key}: {_DEATHS} workers died over it"])
                    lost.failed["worker"] = len(task.shard.inputs)
                    yield lost
            return
        if not hand.is_ready:
            hand.is_ready, self._unborn = True, 0
            return
        del hand.given[ref]
        yield said

    def _grow(self) -> None:
        """Ask for workers where there is room; those that Ray has not placed yet are waited for."""
        if time.monotonic() - self._looked < _LOOK and self._hands:
            return
        self._looked = time.monotonic()
        room = 0
        for node in self._ray.nodes():
            own = node["Resources"] if node["Alive"] else {}
            by_cpu = int(own.get("CPU", 0) // self._cpus)
            room += min(by_cpu, int(own.get("GPU", 0))) if self._has_gpus else by_cpu
        for _ in range(len(self._hands), self._workers or max(room, 1)):
            actor = self._class.remote(self._order)
            self._hands.append(_Hand(actor, actor.is_there.remote()))


def _actor(make: Callable[[Order], Any]) -> type:
    """Return the class of Ray's workers: a thread does shards, another one may ask it to stop."""

    class Actor:
        def __init__(self, order: Order) -> None:
            cpu.tune()
            self._worker = make(order)
            self._one = threading.Lock()

        def is_there(self) -> bool:
            return True

        def do(self, shard: Shard, look: bool) -> Done:
            with self._one:
                return self._worker.do(shard, look)

        def stop(self) -> None:
            self._worker.stop()

    return Actor
