"""A batch from its beginning to its end: what is finished is passed over, the rest is done, and all of it summed up."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import logging
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from matting.batch import rows
from matting.batch.driver import Crew, Driver
from matting.batch.lease import Lease
from matting.batch.shards import Shard, shards, to_do
from matting.batch.sources import Source
from matting.batch.storage import Place
from matting.batch.summary import write_summary
from matting.batch.worker import COMMITS, Done, Order, add_seconds
from matting.errors import MattingError, Stopped
from matting.pictures.listing import IMAGE_EXTENSIONS
from matting.prediction.outputs import Outputs
from matting.system.prefetching import read_ahead
from matting.system.progress_meter import progress

logger = logging.getLogger(__name__)

OWN = "_matting"
"""The folder in the output that holds everything but results."""

_ENOUGH = 100
"""Inputs before a share of failures says anything."""

_READERS = 16
"""Threads that read from another machine's storage: it takes long to answer, and answers many at once."""


@dataclass(frozen=True)
class Plan:
    """How the work is shared, and when it ends.

    Attributes:
        address: of a Ray cluster; None starts one on this machine.
        shard_size: inputs that are committed together.
        max_failures: a number, or a share such as "1%" (from 100 inputs on); None goes on past any.
        cpus: processors of a worker.
        workers: at most so many.
        num_workers: threads of a worker that decode, and as many that write.
        overwrite: do again what is done, and write into a folder that holds other files.
        trusts_names: an input of which the manifest says neither etag nor size is taken to be as it was.
        dashboard: show Ray's, on this machine's loopback.
    """

    address: str | None = None
    shard_size: int = 1000
    max_failures: str | None = "10%"
    cpus: int | None = None
    workers: int | None = None
    num_workers: int = 1
    overwrite: bool = False
    trusts_names: bool = False
    dashboard: bool = False

    def __post_init__(self) -> None:
        self.most_failures(_ENOUGH)

    def most_failures(self, inputs: int) -> float:
        """Return how many failures among so many inputs are borne.

        Raises:
            MattingError: `max_failures` is neither a number nor a share.
        """
        if self.max_failures is None:
            return float("inf")
        number, percent, rest = self.max_failures.partition("%")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf") or rest or (percent and value > 100):
            raise MattingError(f"--max_failures {self.max_failures}: give a number of pictures, or a share such as 1%")
        if not percent:
            return value
        return value / 100 * inputs if inputs >= _ENOUGH else float("inf")


@dataclass
class Report:
    """What a run did.

    Attributes:
        seconds: by stage, of all workers together.
        total: seconds from first to last; `passed` those before the summary was begun.
    """

    written: int = 0
    skipped: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    total: float = 0.0
    passed: float = 0.0
    page: str = ""

    def add(self, done: Done) -> None:
        """Take in what became of a shard."""
        self.written += done.written
        self.skipped += done.skipped
        self.failed.update(done.failed)
        add_seconds(self.seconds, done.seconds)
        self.said = [*self.said, *done.said][:10]

    @property
    def seen(self) -> int:
        """How many inputs this run did something with."""
        return self.written + sum(self.failed.values())

    def timing(self) -> str:
        """Return a line on the rate, and on where the workers' time went, in milliseconds a picture."""
        if not self.seen:
            return f"{self.total:.1f} s in all"
        stages = ", ".join(f"{stage} {1000 * spent / self.seen:.0f}" for stage, spent in self.seconds.items())
        return f"{self.seen / self.total:.1f} pictures a second ({stages} ms each), {self.total:.1f} s in all"


def cut_out(
    input: str,
    output: str,
    outputs: Outputs,
    network: Any,
    plan: Plan,
    hire: Callable[[Order, Plan], contextlib.AbstractContextManager[Crew]] | None = None,
) -> Report:
    """Cut out all inputs; arguments as for `matting.batch.run`.

    Args:
        network: what opens it in a worker, and says what mattes depend on: an `Opening`.
        hire: what does the shards; Ray's workers, if None.

    Raises:
        MattingError: something cannot be used, the limit of failures is passed, or another run holds the output.
        Stopped: the user asked to stop; what was done is committed.
    """
    place = Place(output)
    source = Source(input, place)
    _refuse_strangers(place, plan.overwrite)
    report = Report()
    settings = _settings(network.made_with(), outputs)
    readers = 1 if source.place.is_local and not source.is_manifest else _READERS
    order = Order(network, outputs, output, settings, readers, plan.num_workers, plan.trusts_names)
    started = time.perf_counter()
    with Lease(place / OWN) as lease:
        try:
            tasks = _unfinished(source, place, settings, plan, report)
            for first in tasks:  # Ray is started if there is anything to do
                with (hire or _on_ray)(order, plan) as crew:
                    try:
                        _run(itertools.chain([first], tasks), source.total(), plan, crew, lease, report)
                    finally:
                        for done in crew.stop():
                            report.add(done)
        except KeyboardInterrupt as stop:
            raise Stopped(
                f"stopped: {report.written} pictures cut out; the same command goes on",
                getattr(stop, "signal", signal.SIGINT),
            ) from None
        finally:
            report.passed = time.perf_counter() - started
            if lease.lost is None:
                report.page = write_summary(place)
            report.total = time.perf_counter() - started
    if not report.seen and not report.skipped:
        raise MattingError(f"--input {input} names no picture; known endings are {' '.join(sorted(IMAGE_EXTENSIONS))}")
    return report


def _on_ray(order: Order, plan: Plan) -> Driver:
    return Driver(order, plan.address, cpus=plan.cpus, workers=plan.workers, dashboard=plan.dashboard)


def _run(
    tasks: Iterator[tuple[Shard, bool]], total: int | None, plan: Plan, crew: Crew, lease: Lease, report: Report
) -> None:
    """Have shards done; what became of each goes into the report."""

    def counted() -> Iterator[int]:
        counts = 0
        for done in crew.do(tasks, lease.check):
            report.add(done)
            if done.fatal is not None:
                raise MattingError(done.fatal)
            failed = sum(report.failed.values())
            if failed > plan.most_failures(report.seen):
                raise MattingError(
                    f"{failed} of {report.seen} pictures failed, more than --max_failures {plan.max_failures}: "
                    f"{'; '.join(report.said[:3])}; mend that, or allow more"
                )
            reached = report.seen + report.skipped
            yield reached - counts
            counts = reached

    for _ in progress(counted(), total, "picture", leave=True, counts=int):
        pass


def _unfinished(
    source: Source, place: Place, settings: str, plan: Plan, report: Report
) -> Iterator[tuple[Shard, bool]]:
    """Yield the shards of which something is to be done, and whether rows of them are committed."""
    there = {name.removesuffix(".parquet") for name in (place / COMMITS).names()}
    columns = ["name", "stamp", "settings", "error", "kind"]
    threads = 4 if place.is_local else _READERS

    def looked(shard: Shard) -> tuple[Shard, bool, list[int]]:
        if shard.key not in there or plan.overwrite:
            return shard, False, [0]
        known = rows.from_bytes((place / COMMITS / f"{shard.key}.parquet").read(), columns)
        return shard, True, to_do(shard, known, settings, plan.trusts_names)

    with contextlib.closing(read_ahead(looked, shards(source.tables(), plan.shard_size), threads)) as ahead:
        for shard, look, todo in ahead:
            if todo:
                yield shard, look
            else:
                report.skipped += len(shard.inputs)


def _settings(made_with: dict[str, Any], outputs: Outputs) -> str:
    kinds = {kind: outputs.settings(kind) for kind in outputs.kinds}
    text = json.dumps([made_with, kinds, outputs.pattern], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse_strangers(place: Place, overwrite: bool) -> None:
    """Refuse a folder that holds files and was never a batch's: nobody could tell its files from results later on."""
    if overwrite or not place.exists() or (place / OWN).exists():
        return
    if place.is_local and not place.is_folder():
        raise MattingError(f"--output {place.url} is a file; name a folder")
    for entry in place.entries():
        raise MattingError(
            f"--output {place.url} holds {entry.url.rpartition('/')[2]!r} and other files that no batch wrote; name an "
            "empty folder, or write among them with --overwrite"
        )
