"""What happens in the process of Ray's driver (`driver.py`): Ray is started or found, its workers asked, all ended."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matting.batch.cluster import Answer, Crew
from matting.batch.shards import Shard
from matting.batch.worker import Order
from matting.errors import MattingError
from matting.system import cpu, groups

STORE = 200 << 20
"""Bytes of Ray's object store on this machine; pictures never go through it."""

CURE = "what is committed counts: the same command goes on"
"""What to do when Ray is lost."""

_ANSWER = 20.0
"""Seconds that a cluster has to take a connection."""

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

_PARENT = 0.05
"""Seconds between two looks at whether the process that all is done for still lives."""


@dataclass(frozen=True)
class Way:
    """How workers are come by.

    Attributes:
        address: None for a Ray of this machine; `auto`, `HOST:PORT` or `ray://...` as Ray has it.
        folder: in which a Ray of this machine keeps its files; short, as names of sockets may have 107 characters.
        cpus: processors that each takes; if None, all of one machine or 4 of a cluster's, and a GPU if there are any.
        workers: how many there are at most; as many as the cluster has room for if None, and more when it grows.
        dashboard: show Ray's, on loopback.
    """

    address: str | None
    folder: str
    cpus: int | None = None
    workers: int | None = None
    dashboard: bool = False


@dataclass
class Errand:
    """What the process of Ray's driver is asked, again and again: shards to do, or None to end everything.

    Args:
        make: what a worker is made of the order with.
    """

    order: Order
    way: Way
    make: Callable[[Order], Any]
    _crew: Crew | None = None

    def __call__(self, tasks: list[tuple[Shard, bool]] | None) -> Answer:
        """Hand out shards, whether rows of them may be committed said with each, and return within about a second."""
        if self._crew is None:
            if tasks is None:
                return Answer()
            _live_as_long_as_the_parent()
            connect(self.way)
            self._crew = Crew(self.order, self.way.cpus, self.way.workers, self.make)
        import ray

        try:
            if tasks is not None:
                return self._crew.step(tasks)
            answer = self._crew.stop()
            ray.shutdown()
            return answer
        except ray.exceptions.RayError as error:
            raise MattingError(f"Ray failed: {' '.join(str(error).split())[:500]}; {CURE}") from error


def _live_as_long_as_the_parent() -> None:
    """End this process, and all of Ray with it, when its parent is gone: then another run may hold the output."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT)
        groups.leave()

    threading.Thread(target=watch, daemon=True, name="parent").start()
    # The parent heeds Ctrl-C and SIGTERM. Here they are caught and not blocked: Ray's processes would inherit that.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT, signal.SIGTERM])


def _see_that_somebody_answers(address: str) -> None:
    """Ask for a connection, as Ray itself tries for minutes; `auto` has no port, and is Ray's to find."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        return
    import ray

    # What is loopback to people is the machine's own address to Ray.
    hosts = [host.strip("[]"), *([ray.util.get_node_ip_address()] if host in _LOOPBACK else [])]
    said: object = None
    for name in hosts:
        try:
            socket.create_connection((name, int(port)), _ANSWER).close()
            return
        except (OSError, OverflowError) as error:
            said = getattr(error, "strerror", None) or error
    raise MattingError(
        f"Ray cannot be reached at {address}: {said}; give HOST:PORT of the machine that leads it, or auto on one "
        "of its machines"
    )


def connect(way: Way) -> None:
    """Connect to a cluster, or to a Ray of this machine that is started for it and ends with this process.

    Raises:
        MattingError: there is no such cluster.
    """
    how: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it and the next are read when Ray is imported
    if way.address is None:
        # Without it Ray takes the address of the network even where 127.0.0.1 is asked for.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))  # workers find what this process finds
        how |= {"num_cpus": cpu.cores(), "object_store_memory": STORE, "include_dashboard": way.dashboard}
        how |= {"dashboard_host": "127.0.0.1", "_node_ip_address": "127.0.0.1", "_temp_dir": way.folder}
    else:
        _see_that_somebody_answers(way.address)
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(way.address or "local", **how)
    except (ConnectionError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())
        raise MattingError(f"Ray cannot be reached at {way.address or 'this machine'}: {said}") from None
    finally:
        signal.signal(signal.SIGTERM, handler)
