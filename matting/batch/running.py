"""A batch from its beginning to its end: what is finished is passed over, the rest is done, and all of it summed up."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import logging
import signal
import time
from collections.abc import Callable, Iterator
from typing import Any

from matting.batch import rows
from matting.batch.driver import Crew, Driver
from matting.batch.lease import Lease
from matting.batch.plan import Plan, Report
from matting.batch.shards import Shard, is_told_by, shards, to_do
from matting.batch.sources import Source
from matting.batch.storage import Place
from matting.batch.summary import write_summary
from matting.batch.worker import COMMITS, Order
from matting.errors import MattingError, Stopped
from matting.pictures.listing import IMAGE_EXTENSIONS
from matting.prediction.outputs import Outputs
from matting.system.prefetching import in_a_thread, read_ahead
from matting.system.progress_meter import progress

logger = logging.getLogger(__name__)

OWN = "_matting"
"""The folder in the output that holds everything but results."""

_READERS = 16
"""Threads that read from another machine's storage: it takes long to answer, and answers many at once."""


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
    source = Source(input, place, plan.trimaps)
    _refuse_strangers(place, plan.overwrite)
    report = Report()
    settings = _settings(network.made_with(), outputs)
    readers = 1 if source.place.is_local and not source.is_manifest else _READERS
    has_trimaps = source.has_trimaps()
    order = Order(network, outputs, output, settings, readers, plan.num_workers, has_trimaps, plan.trusts_names)
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
            reached = report.seen + report.skipped + report.doubled
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

    def looked(shard: Shard) -> tuple[Shard, bool, list[int], int]:
        once, count = shard, len(shard.inputs)
        if shard.is_again:
            return Shard(shard.key, shard.inputs.slice(0, 0)), False, [], count
        if shard.key not in there or plan.overwrite:
            once = shard.once()
            return once, False, [0], count - len(once.inputs)
        content = (place / COMMITS / f"{shard.key}.parquet").read()
        own = rows.seal(shard.inputs, settings)
        if own is not None and own == rows.sealed(content):
            return shard, True, [], 0
        known = rows.from_bytes(content, columns)
        once = shard if is_told_by(shard, known) else shard.once()
        return once, True, to_do(once, known, settings, plan.trusts_names), count - len(once.inputs)

    divided = shards(in_a_thread(source.tables()), plan.shard_size)
    with contextlib.closing(read_ahead(looked, divided, threads)) as ahead:
        for shard, look, todo, doubled in ahead:
            report.doubled += doubled
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
