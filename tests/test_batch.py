"""Batches: lazy sources, shards that stay, going on by committed rows, one run at a time, the results of cut."""

from __future__ import annotations

import contextlib
import datetime
import io
import json
import os
import re
import socket
import subprocess
import sys
import tarfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from matting.batch import pattern_of, rows
from matting.batch.driver import Driver
from matting.batch.lease import Lease
from matting.batch.opening import Opening
from matting.batch.plan import Plan, Report
from matting.batch.running import OWN, cut_out
from matting.batch.shards import Shard, shards, to_do
from matting.batch.sources import Source
from matting.batch.storage import Place
from matting.batch.summary import write_summary
from matting.batch.worker import COMMITS, Done, Order, Worker
from matting.errors import MattingError
from matting.pictures.files import write_png
from matting.prediction.jobs import find_jobs
from matting.prediction.outputs import Outputs
from matting.prediction.pipeline import predict
from matting.text import restored
from stub_network import Stub

KINDS = ("rgba", "alpha")
STUB = Stub()
OUTPUTS = Outputs(KINDS, pattern=pattern_of(KINDS))


def write_pictures(folder: Path, count: int, seed: int = 0) -> list[Path]:
    numbers = np.random.default_rng(seed)
    paths = [folder / f"{number % 3}" / f"{number:03d}.png" for number in range(count)]
    for path in paths:
        write_png(path, numbers.integers(0, 256, (8, 9, 3)).astype(np.uint8))
    return paths


class Here(contextlib.nullcontext):
    """Does shards in this process, without Ray."""

    def __init__(self, order: Order, plan: Plan) -> None:
        super().__init__(self)
        self.worker = Worker(order)

    def do(self, tasks: Iterator[tuple[Shard, bool]], check: Callable[[], None]) -> Iterator[Done]:
        for shard, look in tasks:
            check()
            yield self.worker.do(shard, look)

    def stop(self) -> list[Done]:
        return []


def run(source: Path | str, output: Path | str, network: Stub = STUB, hire: Any = Here, **plan: object) -> Report:
    plan = {"shard_size": 7, "max_failures": None, **plan}
    return cut_out(str(source), str(output), OUTPUTS, network, Plan(**plan), hire)


def committed(output: Path) -> list[dict]:
    return [row for file in sorted((output / COMMITS).glob("*.parquet")) for row in pq.read_table(file).to_pylist()]


def contents(output: Path) -> dict[str, bytes]:
    files = (path for path in output.rglob("*") if path.is_file() and OWN not in path.parts)
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in files}


def test_a_folder_becomes_what_cut_makes_of_it_bit_for_bit(tmp_path: Path) -> None:
    odd = os.fsdecode(b"a::b #?%20\n'\\udcff\\n\xc3\xbc\xff\".png")
    write_pictures(tmp_path / "in", 29)[0].rename(tmp_path / "in" / odd)
    write_png(tmp_path / "in/0/000.png", np.full((8, 9, 3), 7, np.uint8))
    (tmp_path / "in/0/broken.jpg").write_bytes(b"no picture")
    (tmp_path / "in/0/empty.png").touch()
    report = run(tmp_path / "in", tmp_path / "out")
    assert report.written == 30 and report.failed == {"picture": 2} and report.skipped == 0
    jobs = find_jobs(tmp_path / "in")
    predict(Stub().open(False).predictor, jobs, tmp_path / "cut", outputs=OUTPUTS, tell=lambda _: None)
    of_cut = {name: content for name, content in contents(tmp_path / "cut").items() if name != "results.jsonl"}
    assert len(of_cut) == 60
    assert {name.replace(".png_", "_"): content for name, content in contents(tmp_path / "out").items()} == of_cut
    told = committed(tmp_path / "out")
    assert Counter(restored(row["input"]) for row in told) == Counter(str(job.image) for job in jobs)
    assert {row["kind"] for row in told if row["error"]} == {"picture"}
    one = next(row for row in told if row["input"].endswith("001.png"))
    assert (one["width"], one["height"]) == (9, 8) and len(one["outputs"]) == 2
    page = (tmp_path / "out/_matting/summary.html").read_text(encoding="utf-8")
    assert "broken.jpg" in page and "data:image/jpeg;base64," in page
    assert sum(row["inputs"] for row in pq.read_table(tmp_path / "out/_matting/summary.parquet").to_pylist()) == 32


def test_a_run_goes_on_and_does_again_what_changed_alone(tmp_path: Path) -> None:
    paths = write_pictures(tmp_path / "in", 30)
    (tmp_path / "in/0/broken.jpg").write_bytes(b"no picture")
    run(tmp_path / "in", tmp_path / "out")
    again = run(tmp_path / "in", tmp_path / "out")
    assert (again.written, again.skipped, again.failed) == (0, 31, {})
    sealed = [rows.sealed(file.read_bytes()) for file in (tmp_path / "out" / COMMITS).glob("*.parquet")]
    assert all(sealed) and len(set(sealed)) == len(sealed)
    write_png(paths[4], np.full((3, 3, 3), 200, np.uint8))
    write_png(tmp_path / "in/0/0.png", np.full((3, 3, 3), 100, np.uint8))  # the first of all names: nothing shifts
    (tmp_path / "in/0/broken.jpg").write_bytes(b"no picture either")
    changed = run(tmp_path / "in", tmp_path / "out")
    assert (changed.written, changed.skipped, changed.failed) == (2, 29, {"picture": 1})
    others = run(tmp_path / "in", tmp_path / "out", Stub("other weights"))
    assert (others.written, others.skipped) == (31, 0)
    told = committed(tmp_path / "out")
    assert len(told) == len({row["name"] for row in told}) == 32 and len({row["settings"] for row in told}) == 1


def test_a_manifest_is_followed_and_its_stamps_are_believed(tmp_path: Path) -> None:
    paths = write_pictures(tmp_path / "in", 12)
    paths[5] = paths[5].rename(tmp_path / "in/a\\udcff\u2028.png")
    names = [path.relative_to(tmp_path).as_posix() for path in paths]
    names += [
        names[0],
        f"./{names[1]}",
        str(paths[2]),
        "in/missing.png",
        f"{tmp_path}/in/../in/{paths[3].parent.name}/003.png",
    ]
    table = pa.table({"path": names, "etag": [f"v{index}" for index in range(len(names))], "else": [1] * len(names)})
    pq.write_table(table, tmp_path / "list.parquet")
    pa.csv.write_csv(table.drop_columns(["etag"]), tmp_path / "list.csv")
    (tmp_path / "list.txt").write_text("\n".join(["", *names]), encoding="utf-8")
    one, *others = (
        run(tmp_path / f"list.{kind}", tmp_path / kind, shard_size=1000) for kind in ("parquet", "csv", "txt")
    )
    assert one.written == 14 and one.failed == {"storage": 1}
    assert [(other.written, other.failed) for other in others] == [(14, {"storage": 1})] * 2
    assert contents(tmp_path / "csv") == contents(tmp_path / "txt") == contents(tmp_path / "parquet")
    assert all(".." not in Path(name).parts for name in contents(tmp_path / "txt"))
    write_png(paths[0], np.zeros((2, 2, 3), np.uint8))
    assert (
        run(tmp_path / "list.parquet", tmp_path / "parquet", shard_size=1000).written == 0
    )  # by its etag it is the same
    looked = run(tmp_path / "list.txt", tmp_path / "txt", shard_size=1000)
    assert (looked.written, looked.skipped, looked.failed) == (1, 13, {"storage": 1})
    trusted = run(tmp_path / "list.csv", tmp_path / "csv", shard_size=1000, trusts_names=True)
    assert (trusted.written, trusted.skipped) == (0, 14)


def test_archives_are_read_where_they_lie(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", 6)
    (tmp_path / "tars").mkdir()
    with tarfile.open(tmp_path / "tars/a.tar", "w") as archive:
        archive.add(tmp_path / "in", "../x")
        archive.addfile(tarfile.TarInfo("x/notes.json"), io.BytesIO())
    assert run(tmp_path / "tars", tmp_path / "out").written == 6
    assert run(tmp_path / "in", tmp_path / "plain").written == 6
    plain = {f"a.tar/_/x/{name}": content for name, content in contents(tmp_path / "plain").items()}
    assert contents(tmp_path / "out") == plain
    assert run(tmp_path / "tars", tmp_path / "out").skipped == 6


def test_trimaps_come_from_a_folder_or_a_column(tmp_path: Path) -> None:
    paths = write_pictures(tmp_path / "in", 6)
    numbers = np.random.default_rng(1)
    for path in paths:
        own = tmp_path / "trimaps" / path.relative_to(tmp_path / "in")
        write_png(own, numbers.choice(np.array([0, 128, 255], np.uint8), (8, 9)))
    assert run(tmp_path / "in", tmp_path / "out", trimaps=str(tmp_path / "trimaps")).written == 6
    jobs = find_jobs(tmp_path / "in", tmp_path / "trimaps")
    predict(Stub().open(True).predictor, jobs, tmp_path / "cut", outputs=OUTPUTS, tell=lambda _: None)
    of_cut = {name: content for name, content in contents(tmp_path / "cut").items() if name != "results.jsonl"}
    assert {name.replace(".png_", "_"): content for name, content in contents(tmp_path / "out").items()} == of_cut
    names = [path.relative_to(tmp_path).as_posix() for path in paths]
    trimaps = [name.replace("in/", "trimaps/") for name in names]
    table = pa.table({"path": names, "trimap": [*trimaps[:4], "", "trimaps/none.png"], "etag": ["v"] * 6})
    pq.write_table(table, tmp_path / "list.parquet")
    pa.csv.write_csv(table, tmp_path / "list.csv")
    for kind in ("parquet", "csv"):
        report = run(tmp_path / f"list.{kind}", tmp_path / kind)
        assert report.written == 5 and report.failed == {"storage": 1} and "none.png" in report.said[0]
        made = {name.removeprefix("in/"): content for name, content in contents(tmp_path / kind).items()}
        same = {name for name, content in contents(tmp_path / "out").items() if made.get(name) == content}
        assert {f"{path.parent.name}/{path.name}_alpha.png" for path in paths[:4]} <= same
        assert f"{paths[4].parent.name}/{paths[4].name}_alpha.png" not in same  # it has none of its own there
    write_png(tmp_path / trimaps[0], np.zeros((8, 9), np.uint8))
    write_png(tmp_path / trimaps[1], np.zeros((5, 5), np.uint8))
    changed = run(tmp_path / "in", tmp_path / "out", trimaps=str(tmp_path / "trimaps"))
    assert (changed.written, changed.skipped, changed.failed) == (1, 4, {"picture": 1}) and "(5, 5)" in changed.said[0]
    with pytest.raises(MattingError, match="--trimap_path .*nowhere does not exist"):
        run(tmp_path / "in", tmp_path / "out", trimaps=str(tmp_path / "nowhere"))


def test_a_network_that_needs_trimaps_is_refused_where_nobody_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matting.deployment.loading.load", lambda *_: SimpleNamespace(takes_trimap=True))
    assert Opening("dim").open(has_trimaps=True).drawer is None
    with pytest.raises(MattingError, match="dim needs a trimap of every picture; give --trimap_path"):
        Opening("dim").open(has_trimaps=False)


def test_too_many_failures_end_the_run_and_name_some(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", 20)
    for path in sorted(tmp_path.rglob("*.png"))[:4]:
        path.write_bytes(b"GIF89a")
    with pytest.raises(MattingError, match=r"of \d+ pictures failed, more than --max_failures 3: .*in/0/0"):
        run(tmp_path / "in", tmp_path / "out", max_failures="3")
    assert run(tmp_path / "in", tmp_path / "out", max_failures="1%").written + len(committed(tmp_path / "out")) >= 20
    assert [Plan(max_failures=text).most_failures(1000) for text in ("1%", "5", "2.5%")] == [10, 5, 25]
    for text in ("-1", "1%%", "x", "101%", "nan"):
        with pytest.raises(MattingError, match="give a number"):
            Plan(max_failures=text)


def test_what_cannot_begin_says_why(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", 1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/somebody's.txt").touch()
    pq.write_table(pa.table({"picture": ["a.png"]}), tmp_path / "list.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    (tmp_path / "empty").mkdir()
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    for source, output, said in (
        ("nothing", "out", "does not exist"),
        ("in", "in/out", "lies in the input"),
        ("empty", "nothing", "names no picture"),
        ("in", "full", "somebody's.txt"),
        ("list.parquet", "out", "columns picture"),
        ("clip.mp4", "out", "is one file; .*a clip by matting video"),
        ("torn.parquet", "torn", "no parquet file"),
    ):
        with pytest.raises(MattingError, match=said):
            run(tmp_path / source, tmp_path / output)
    with pytest.raises(MattingError, match="s3fs|gcsfs"):
        run("nosuch://bucket/photos", tmp_path / "out")


def test_a_cluster_that_is_not_there_is_said_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # without listening
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        order = Order(STUB, OUTPUTS, "nowhere", "settings")
        with Driver(order, address) as crew, pytest.raises(MattingError, match=f"at {address}: .*; give HOST:PORT"):
            list(crew.do(iter([]), lambda: None))


def test_one_output_has_one_run(tmp_path: Path) -> None:
    folder = Place(str(tmp_path / "out" / OWN))
    with (
        Lease(folder),
        pytest.raises(MattingError, match=rf"out is written by process {os.getpid()} on .* since 20"),
    ):
        Lease(folder).__enter__()
    with Lease(folder, beat=0.01) as lease:  # the one before was given back
        time.sleep(0.1)
        lease.check()
        (Path(folder.path) / "lease-7").write_text("{}", encoding="utf-8")
        time.sleep(0.1)
        with pytest.raises(MattingError, match="taken over"):
            lease.check()
    holder = {"host": "far", "process": 1, "machine": "another", "since": 0.0}
    for age, is_free in ((10, False), (1000, True)):
        (Path(folder.path) / "lease-7").write_text(json.dumps({**holder, "beat": time.time() - age}), encoding="utf-8")
        if is_free:
            with Lease(folder):
                assert [path.name for path in Path(folder.path).iterdir()] == ["lease-8"]
        else:
            with pytest.raises(MattingError, match="process 1 on far"):
                Lease(folder).__enter__()
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    with Lease(folder) as own:
        about = own._about
    (Path(folder.path) / "lease-9").write_text(json.dumps({**about, "process": int(dead.stdout), "beat": time.time()}))
    with Lease(folder):  # of this machine, and gone: at once
        pass


def test_shards_keep_their_inputs_when_a_list_grows() -> None:
    names = [f"{number:05d}.jpg" for number in range(5000)]

    def cut(names: list[str]) -> dict[str, list[str]]:
        columns = {"name": names, **{name: [None] * len(names) for name in rows.INPUTS.names if name != "name"}}
        whole = pa.table(columns).select(rows.INPUTS.names).cast(rows.INPUTS)
        parts = (whole.slice(begin, 700) for begin in range(0, len(whole), 700))
        kept = (shard.once() for shard in shards(parts, 100) if not shard.is_again)
        return {shard.key: shard.inputs["name"].to_pylist() for shard in kept}

    before, after = cut(names), cut(["00000a.jpg", *names[:3000], "02999x.jpg", *names[3000:]])
    assert sum(before.values(), []) == names and max(map(len, before.values())) <= 400 and len(before) > 20
    assert sum(before[key] != after.get(key) for key in before) <= 3
    doubled = cut([*names, *names])
    assert sum(map(len, doubled.values())) <= 5000 + 400  # what stands where the two lists meet
    assert len(cut(["a.jpg"] * 1000)) == 1 + 1 and all(len(names) == 1 for names in cut(["a.jpg"] * 1000).values())
    first = next(name for name in names if zlib.crc32(name.encode()) % 100 == 0)
    assert cut([first] * 350) == {min(cut([first])): [first]}
    assert set(cut([*names[1000:1400], *reversed(names[1000:1400])])) > set(cut(names[1000:1400]))


def test_a_storage_is_asked_twice_and_then_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matting.batch.storage.PAUSE", 0)
    place = Place("memory://bucket/a b #?.txt")
    assert place.create(b"one") and not place.create(b"two") and place.read() == b"one"
    place.write(b"three")
    assert Place("memory://bucket").names() == ["a b #?.txt"] and place.read(1, 3) == b"hr"
    answers = [OSError("SlowDown"), b"content"]

    def answer(*_: object, **__: object) -> bytes:
        said = answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    monkeypatch.setattr(type(place.fs), "cat_file", answer)
    assert place.read() == b"content"
    answers[:] = [OSError("SlowDown"), OSError("SlowDown"), b"content"]
    with pytest.raises(MattingError, match="cannot be read: SlowDown; check credentials"):
        place.read()
    place.remove()
    place.remove()
    assert not place.exists()


def test_the_whole_of_a_batch_through_another_storage(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", 5)
    place = Place("memory://results/out")
    order = Order(Stub(), OUTPUTS, place.url, "settings")
    (shard,) = shards(Source(str(tmp_path / "in"), place).tables(), 1000)
    done = Worker(order).do(shard, look=False)
    assert (done.written, done.fatal) == (5, None)
    known = rows.from_bytes((place / COMMITS / f"{shard.key}.parquet").read())
    assert to_do(shard, known, "settings") == [] and len(to_do(shard, known, "others")) == 5
    assert Worker(order).do(shard, look=True).skipped == 5
    partial = Shard(shard.key, shard.inputs.take([4, 1]))
    assert to_do(partial, known, "settings") == []


def test_the_page_of_hours_has_a_rate_and_the_least_decided_first(tmp_path: Path) -> None:
    began = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    for number in range(3):
        told = [
            {
                "input": f"s3://b/{number}{index}.jpg", "name": f"{number}{index}", "outputs": ["a.png"], "height": 4,
                "width": 5, "undecided": number / 10, "subject": 0.5, "seconds": 1.0, "thumbnail": b"jpeg",
                "finished": began + datetime.timedelta(hours=number, seconds=index // 2),
            }
            for index in range(30 * (number + 1))
        ]  # fmt: skip
        file = tmp_path / COMMITS / f"{number}.parquet"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(rows.to_bytes(rows.table(told)))
    page = Path(write_summary(Place(str(tmp_path)))).read_text(encoding="utf-8")
    assert '<polyline class="curve"' in page and ">1.5<" in page and ">0.5<" in page and "over 3 minutes" in page
    shown = json.loads(re.findall(r'id="data">(.*?)</script>', page, re.S)[0])["rows"]
    assert (
        len(shown) == 120 and shown[0]["undecided"] == pytest.approx(0.2) and shown[0]["photo"].startswith("s3://b/2")
    )
    told = pq.read_table(tmp_path / "_matting/summary.parquet").to_pylist()
    assert [row["inputs"] for row in told] == [30, 60, 90]
