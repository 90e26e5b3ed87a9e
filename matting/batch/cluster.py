"""Ray's workers: shards handed to whoever is free, and to another where one is lost."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from matting.batch.shards import Shard
from matting.batch.worker import Done, Order
from matting.errors import MattingError
from matting.system import cpu

_AHEAD = 2
"""Shards that a worker has, the one that it does and the next."""

_DEATHS = 3
"""Workers that may die over a shard before it is given up for this run, and before they begin before the run is."""

_LOOK = 10.0
"""Seconds between two looks at whether the cluster has grown, or its part here is gone."""


@dataclass
class Answer:
    """What became of shards since the last question, what to log, and how many more are wanted."""

    done: list[Done] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    wanted: int = 0


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


class Crew:
    """Workers that do shards, of a Ray that this process is connected to.

    Args:
        order: what they do.
        cpus: processors that each takes; if None, all of one machine or 4 of a cluster's, and a GPU if there are any.
        workers: how many there are at most; as many as the cluster has room for if None, and more when it grows.
        make: what a worker is made of the order with.
    """

    def __init__(self, order: Order, cpus: int | None, workers: int | None, make: Callable[[Order], Any]) -> None:
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
        self._own = ray.get_runtime_context().get_node_id()
        self._hands: list[_Hand] = []
        self._waiting = deque[_Task]()
        self._looked, self._unborn = 0.0, 0

    def step(self, tasks: list[tuple[Shard, bool]]) -> Answer:
        """Hand out shards, and return what has become of those that were: within a second, or as soon as one is done.

        Raises:
            MattingError: there are no workers to be had.
        """
        ray, answer = self._ray, Answer()
        self._waiting += [_Task(shard, look) for shard, look in tasks]
        self._grow()
        for hand in sorted(self._hands, key=lambda hand: len(hand.given)):
            while self._waiting and hand.is_ready and len(hand.given) < _AHEAD:
                task = self._waiting.popleft()
                hand.given[hand.actor.do.remote(task.shard, task.look)] = task
        awaited = [ref for hand in self._hands for ref in (hand.given if hand.is_ready else [hand.ready])]
        for ref in ray.wait(awaited, timeout=1.0)[0] if awaited else []:
            self._come(ref, answer)
        room = sum(_AHEAD - len(hand.given) for hand in self._hands if hand.is_ready)
        answer.wanted = max(room - len(self._waiting), 0)
        return answer

    def stop(self) -> Answer:
        """End what is being done, with its rows committed, let the workers go, and return what was done meanwhile."""
        ray, answer = self._ray, Answer()
        with contextlib.suppress(Exception):  # of a cluster that is gone nothing is to be had
            for hand in self._hands:
                hand.actor.stop.remote()
            begun = [ref for hand in self._hands for ref in list(hand.given)]
            if begun:
                answer.done += [ray.get(ref) for ref in ray.wait(begun, num_returns=len(begun), timeout=30)[0]]
        with contextlib.suppress(Exception):
            for hand in self._hands:
                ray.kill(hand.actor)
        self._hands.clear()
        return answer

    def _come(self, ref: Any, answer: Answer) -> None:
        """Take in what a reference says: a worker that is there, a shard that is done, or that its worker died."""
        hand = next((hand for hand in self._hands if ref == hand.ready or ref in hand.given), None)
        if hand is None:  # its worker died over another one, a moment ago
            return
        try:
            said = self._ray.get(ref)
        except self._ray.exceptions.RayActorError as error:
            self._bury(hand, " ".join(str(error).split()), answer)
            return
        if not hand.is_ready:
            hand.is_ready, self._unborn = True, 0
            return
        del hand.given[ref]
        answer.done.append(said)

    def _bury(self, hand: _Hand, why: str, answer: Answer) -> None:
        """Give the shards of a worker that died to others, but for one that too many have died over."""
        self._hands.remove(hand)
        self._looked = 0.0
        self._unborn += not hand.is_ready
        if self._unborn >= _DEATHS:
            raise MattingError(f"no worker can be started: {why}")
        answer.said.append(f"a worker died ({why[:200]}); its shards go to another")
        for number, task in enumerate(hand.given.values()):
            task.look, task.deaths = True, task.deaths + (number == 0)  # it is the first that it was doing
            if task.deaths < _DEATHS:
                self._waiting.append(task)
            else:
                lost = Done(task.shard.key, said=[f"shard {task.shard.key}: {_DEATHS} workers died over it"])
                lost.failed["worker"] = len(task.shard.inputs)
                answer.done.append(lost)

    def _grow(self) -> None:
        """Ask for workers where there is room; those that Ray has not placed yet are waited for."""
        if time.monotonic() - self._looked < _LOOK and self._hands:
            return
        self._looked = time.monotonic()
        room = 0
        for node in self._ray.nodes():
            if node["NodeID"] == self._own and not node["Alive"]:
                raise MattingError(
                    "Ray has lost the machine that leads this run (its raylet ended, or was silent for too long); what "
                    "is committed counts: the same command goes on"
                )
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
