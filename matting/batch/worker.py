"""What a worker does with a shard: read, decode, matte, encode, write, and commit its rows in one small file."""

from __future__ import annotations

import datetime
import heapq
import os
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import pyarrow as pa

from matting.batch import rows
from matting.batch.opening import Opened
from matting.batch.shards import Shard, to_do
from matting.batch.stage import Work, stage
from matting.batch.storage import Place
from matting.errors import MattingError
from matting.pictures.files import read_photograph, read_trimap
from matting.prediction.outputs import Outputs
from matting.prediction.overview import doubt, measure, thumbnail
from matting.system.prefetching import in_three_stages, read_ahead
from matting.text import restored, written

COMMITS = "_matting/shards"
"""Where the files of rows lie below the output."""

OFTEN = 60.0
"""Seconds after which what is done of a shard is committed before it is all done: no kill costs more."""

_SHOWN = 3
"""Pictures of a shard whose thumbnails are kept."""


class Network(Protocol):
    """What opens a network in a worker."""

    def open(self, has_trimaps: bool) -> Opened:
        """Load it; raise MattingError if it takes trimaps, and nobody has or draws them."""


@dataclass(frozen=True)
class Order:
    """What is done with every shard.

    Attributes:
        output: the URL below which results go.
        settings: the sha256 of all that results depend on besides their inputs.
        has_trimaps: inputs have trimaps, all or some of them.
        readers, num_workers: threads that read bytes; that decode, and as many that write.
    """

    network: Network
    outputs: Outputs
    output: str
    settings: str
    readers: int = 1
    num_workers: int = 1
    has_trimaps: bool = False
    trusts_names: bool = False


@dataclass
class Done:
    """What became of a shard; `fatal` says why the run cannot go on."""

    key: str
    written: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    skipped: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    fatal: str | None = None


class Worker:
    """Does one shard after the other with a network that it loads once."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self._output = Place(order.output)
        self._opened: Opened | None = None
        self._parent = os.getppid()
        self._stop = threading.Event()
        self._bar = -1.0

    def stop(self) -> None:
        """Let the shard that is being done end early, with what is done of it committed."""
        self._stop.set()

    def do(self, shard: Shard, look: bool) -> Done:
        """Do what is not done of a shard.

        Args:
            look: rows of it may be committed.
        """
        done = Done(shard.key)
        try:
            self._opened = self._opened or self.order.network.open(self.order.has_trimaps)
            self._do(shard, look, done)
        except MattingError as error:
            done.fatal = str(error)
        return done

    def _do(self, shard: Shard, look: bool, done: Done) -> None:
        file = self._output / COMMITS / f"{shard.key}.parquet"
        known = rows.from_bytes(file.read()) if look and file.exists() else None
        todo = to_do(shard, known, self.order.settings, self.order.trusts_names)
        inputs = self._stamped(_taken(shard.inputs, todo))
        inputs = _taken(inputs, to_do(Shard(shard.key, inputs), known, self.order.settings))
        done.skipped = len(shard.inputs) - len(inputs)
        if not len(inputs):
            return
        finished: list[dict[str, Any]] = []
        self._bar = -1.0
        shown: list[tuple[float, int, dict[str, Any]]] = []
        works = (Work(row) for row in inputs.to_pylist())
        stages = in_three_stages(
            self._decode, self._matte, self._write, read_ahead(self._read, works, self.order.readers),
            self.order.num_workers,
        )  # fmt: skip
        committed = time.monotonic()
        try:
            for work in stages:
                self._note(work, finished, shown, done)
                if self._stop.is_set():
                    raise MattingError("stopped")
                if time.monotonic() - committed > OFTEN:
                    file.write(rows.to_bytes(rows.merged(shard.inputs, known, finished)))
                    committed = time.monotonic()
        finally:
            stages.close()
            if finished:
                file.write(rows.to_bytes(rows.merged(shard.inputs, known, finished)))

    def _note(self, work: Work, finished: list[dict[str, Any]], shown: list[Any], done: Done) -> None:
        row, now = work.row, datetime.datetime.now(datetime.UTC)
        row.update(settings=self.order.settings, seconds=sum(work.seconds.values()), finished=now)
        finished.append(row)
        add_seconds(done.seconds, work.seconds)
        if row.get("error") is not None:
            done.failed[row["kind"]] += 1
            done.said += [rows.complaint(row)] if len(done.said) < _SHOWN else []
            return
        done.written += 1
        heapq.heappush(shown, (row.pop("doubt"), len(finished), row))
        if len(shown) > _SHOWN:
            heapq.heappop(shown)[2].pop("thumbnail", None)
        self._bar = shown[0][0] if len(shown) == _SHOWN else -1.0

    def _stamped(self, inputs: pa.Table) -> pa.Table:
        """Return inputs with what tells their contents, looked up where the list did not say it."""
        column = inputs["stamp"]
        if not column.null_count:
            return inputs

        def stamp(url: str, trimap: str | None, known: str | None) -> str | None:
            if known is not None:
                return known
            try:
                own = [Place(restored(name)).stamp() for name in (url, trimap) if name is not None]
                return " ".join(own)
            except MattingError:
                return None  # reading it says what is wrong

        with ThreadPoolExecutor(max(self.order.readers, 1)) as pool:
            told = (inputs[name].to_pylist() for name in ("input", "trimap", "stamp"))
            stamps = list(pool.map(stamp, *told))
        return inputs.set_column(inputs.schema.get_field_index("stamp"), "stamp", pa.array(stamps, pa.string()))

    @stage("read", "storage")
    def _read(self, work: Work) -> None:
        work.content = Place(restored(work.row["input"])).read(work.row["start"], work.row["end"])
        if work.row["trimap"] is not None:
            work.trimap = Place(restored(work.row["trimap"])).read()

    @stage("decode", rows.FINAL)
    def _decode(self, work: Work) -> None:
        work.content = read_photograph(work.row["input"], data=work.content)
        if work.trimap is not None:
            work.trimap = read_trimap(work.row["trimap"], data=work.trimap)

    @stage("network", rows.FINAL)
    def _matte(self, work: Work) -> None:
        assert self._opened
        photograph, with_trimap = work.content, "trimap" in self.order.outputs.kinds
        if work.trimap is None and self._opened.drawer:
            work.trimap = self._opened.drawer(photograph.srgb)
        work.alpha, inner = self._opened.predictor.run(photograph.srgb, work.trimap, with_trimap)
        work.trimap = inner if with_trimap else work.trimap

    @stage("encode and write", rows.FINAL)
    def _write(self, work: Work) -> None:
        outputs, row, photograph = self.order.outputs, work.row, work.content
        name = PurePosixPath(restored(row["name"]))
        measured = measure(work.alpha)
        doubted = doubt(measured)
        contents = outputs.encode(photograph, work.alpha, work.trimap, name.with_suffix("").as_posix())
        paths = {kind: path.as_posix() for kind, path in outputs.paths(Path(name)).items()}
        if os.getppid() != self._parent:  # the run has ended; who holds the output now may have other settings
            os._exit(1)
        for kind, content in contents.items():
            (self._output / paths[kind]).write(content)
        row.update(
            outputs=list(map(written, paths.values())), width=measured.width, height=measured.height, doubt=doubted,
            undecided=measured.undecided, subject=measured.subject,
            thumbnail=thumbnail(photograph, work.alpha) if doubted > self._bar else None,
        )  # fmt: skip
        work.content = work.alpha = work.trimap = None


def _taken(inputs: pa.Table, indices: Sequence[int]) -> pa.Table:
    return inputs.take(pa.array(indices, pa.int64()))


def add_seconds(sums: dict[str, float], more: Mapping[str, float]) -> None:
    """Add seconds by stage."""
    for name, spent in more.items():
        sums[name] = sums.get(name, 0.0) + spent
