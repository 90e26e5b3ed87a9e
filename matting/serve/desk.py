"""The desk at which requests wait: a bounded number of them, a few threads, one picture in the network at a time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from matting.errors import MattingError
from matting.pictures.files import Photograph, read_photograph
from matting.prediction.outputs import Outputs
from matting.predictor import Predictor
from matting.serve.limits import Limits, Refused

_RETRY = 2
"""Seconds after which a queue that was full is likely to have room."""

STOPPING = "the server is stopping, and begins nothing new; ask again in a moment"


@dataclass(frozen=True)
class Networks:
    """What computes.

    Attributes:
        usual: for requests that ask for no precision.
        by_precision: the ones that requests may ask for by name.
        drawer: takes a photograph and draws its trimap, for a network that needs one where none was sent.
    """

    usual: Predictor
    by_precision: Mapping[str, Predictor] = field(default_factory=dict)
    drawer: Callable[[np.ndarray], np.ndarray] | None = None

    def find(self, precision: str | None) -> Predictor:
        """Return the one of a precision, or the usual one; raises Refused."""
        if precision is None:
            return self.usual
        if precision not in self.by_precision:
            served = ", ".join(self.by_precision)
            others = f"leave it out, or ask for {served}" if served else "leave it out"
            raise Refused(422, f"precision {precision} is not served here; {others}")
        return self.by_precision[precision]


class Turns:
    """A lock that goes to those who wait in the order of their coming: who takes it again and again gets no more of it.

    A clip asks for the network frame after frame, and a photograph waits for one of them at most.
    """

    def __init__(self) -> None:
        self._changed, self._next, self._now = threading.Condition(), 0, 0

    def __enter__(self) -> None:
        with self._changed:
            own = self._next
            self._next += 1
            self._changed.wait_for(lambda: self._now == own)

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._now += 1
            self._changed.notify_all()


class Left(Exception):
    """Nobody waits for the result any more."""


@dataclass
class Task:
    """A piece of work.

    Attributes:
        left: whether nobody waits for it any more.
        started: whether a thread has begun it.
    """

    left: bool = False
    started: bool = False


class Desk:
    """Takes requests in, and works on them off the event loop.

    Args:
        networks: called by one thread at a time.

    Attributes:
        turns: who computes.
    """

    def __init__(self, networks: Networks, limits: Limits) -> None:
        self.networks, self.limits, self.turns = networks, limits, Turns()
        self.inside, self.running, self.is_closing = 0, 0, False
        self._clients: dict[str, int] = {}
        self._waiting: set[Future] = set()
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="cutting")

    @contextmanager
    def admitted(self, client: str) -> Iterator[None]:
        """Hold a place for a request, from before its body is read to the end of its answer.

        Raises:
            Refused: there is none.
        """
        if self.is_closing:
            raise Refused(503, STOPPING, _RETRY)
        most = self.limits.queue + self.limits.threads
        if self.inside >= most:
            raise Refused(429, f"the queue is full: {most} requests are being served; ask again in a moment", _RETRY)
        own, allowed = self._clients.get(client, 0), self.limits.per_client
        if allowed and own >= allowed:
            raise Refused(429, f"{own} requests of this address are being served; at most {allowed} at a time", _RETRY)
        self.inside += 1
        self._clients[client] = own + 1
        try:
            yield
        finally:
            self.inside -= 1
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    async def do(self, work: Callable[[Task], Any], until: Callable[[], Awaitable[object]] | None = None) -> Any:
        """Return what a function returned in a thread of the pool.

        Args:
            work: gets its task, by which it can see that nobody waits any more.
            until: returns when the client has left.

        Raises:
            Refused: it took too long, the client left, or the server is stopping.
        """
        if self.is_closing:
            raise Refused(503, STOPPING, _RETRY)
        task = Task()
        future = self._pool.submit(self._run, work, task)
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)
        result = asyncio.wrap_future(future)
        left = None if until is None else asyncio.ensure_future(until())
        try:
            await asyncio.wait(
                {result} if left is None else {result, left},
                timeout=self.limits.seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if future.cancelled():
                raise Refused(503, STOPPING, _RETRY)
            if result.done():
                return result.result()
            if left is not None and left.done():
                raise Refused(499, "the client has left")
            if task.started:
                raise Refused(504, f"the picture takes more than {self.limits.seconds:g} s; make it smaller")
            raise Refused(503, f"nothing was free within {self.limits.seconds:g} s; ask again in a moment", _RETRY)
        finally:
            task.left = True
            future.cancel()
            if left is not None:
                left.cancel()
            if not result.done():
                result.cancel()

    def _run(self, work: Callable[[Task], Any], task: Task) -> Any:
        task.started = True
        self.running += 1
        try:
            return work(task)
        finally:
            self.running -= 1

    def cut(
        self, task: Task, data: bytes, outputs: Outputs, trimap: np.ndarray | None = None, precision: str | None = None
    ) -> dict[str, bytes]:
        """Return the content of the file of every kind, by the way that files take.

        Raises:
            MattingError: the picture cannot be used.
            Refused: the precision is not served.
            Left: nobody waits.
        """
        predictor = self.networks.find(precision)
        photograph = read_photograph("the picture", self.limits.pixels, data)
        alpha, drawn = self._matte(task, predictor, photograph, trimap, "trimap" in outputs.kinds)
        return outputs.encode(photograph, alpha, trimap if drawn is None else drawn)

    def _matte(
        self, task: Task, predictor: Predictor, photograph: Photograph, trimap: np.ndarray | None, with_trimap: bool
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the matte when it is its turn, if somebody still waits for it by then."""
        drawer = self.networks.drawer
        needs = trimap is None and predictor.takes_trimap
        if needs and drawer is None:
            raise MattingError("this network needs a trimap, and none was sent; send one as the file `trimap`")
        with self.turns:
            if task.left:
                raise Left
            if needs and drawer is not None:
                trimap = drawer(photograph.srgb)
            return predictor.run(photograph.srgb, trimap, with_trimap)

    def close(self) -> None:
        """Begin nothing new: what waits is refused, what runs is finished."""
        self.is_closing = True
        for future in list(self._waiting):
            future.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def waiting(self) -> int:
        """How many requests are received or wait."""
        return max(self.inside - self.running, 0)
