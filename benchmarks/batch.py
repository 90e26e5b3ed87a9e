"""Batches measured: the rate beside `matting cut`, a manifest of 10^7 rows, and going on behind 10^6 finished ones.

python benchmarks/batch.py rate [--count 1000] [--side 256]
python benchmarks/batch.py rows [--rows 10000000] [--distinct 1000]
python benchmarks/batch.py resume [--rows 1000000]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from demo.drawn_people import draw_portrait  # noqa: E402
from matting.batch import rows  # noqa: E402
from matting.batch.driver import Driver  # noqa: E402
from matting.batch.plan import Plan, Report  # noqa: E402
from matting.batch.running import cut_out  # noqa: E402
from matting.batch.shards import Shard  # noqa: E402
from matting.batch.storage import Place  # noqa: E402
from matting.batch.worker import COMMITS, Done, Order  # noqa: E402
from matting.pictures.files import write_image  # noqa: E402
from matting.prediction.outputs import Outputs  # noqa: E402


class Unread:
    """Commits shards as if all had been cut out: what is left is lists, shards, Ray and files of rows."""

    def __init__(self, order: Order) -> None:
        self._order = order

    def stop(self) -> None:
        """Nothing takes long."""

    def do(self, shard: Shard, look: bool) -> Done:
        told = {"settings": self._order.settings, "finished": int(time.time() * 1000), "undecided": 0.1}
        columns = [
            shard.inputs[field.name] if field.name in rows.INPUTS.names
            else pa.repeat(pa.scalar(told.get(field.name), field.type), len(shard.inputs))
            for field in rows.RESULTS
        ]  # fmt: skip
        file = Place(self._order.output) / COMMITS / f"{shard.key}.parquet"
        file.write(rows.to_bytes(pa.Table.from_arrays(columns, schema=rows.RESULTS)))
        return Done(shard.key, written=len(shard.inputs))


class Nothing:
    """A network of which nothing but a name is asked."""

    def made_with(self) -> dict[str, Any]:
        return {"weights": "none"}


def manifest(path: Path, count: int, distinct: int | None = None) -> None:
    """Write a list as an inventory of a bucket gives it: names and etags; the same again after so many."""
    with pq.ParquetWriter(path, pa.schema([("key", pa.string()), ("etag", pa.string())])) as writer:
        for begin in range(0, count, 100_000):
            numbers = [number % (distinct or count) for number in range(begin, min(begin + 100_000, count))]
            names = [f"photos/2026/{number // 1000:06d}/{number:09d}.jpg" for number in numbers]
            writer.write_table(pa.table({"key": names, "etag": [f"{number:032x}" for number in numbers]}))


def resident() -> float:
    """Return the memory of this process and of the one of Ray's driver, in MB."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split()
    texts = [Path(f"/proc/{process}/status").read_text(encoding="ascii") for process in ("self", *children)]
    return sum(int(line.split()[1]) for text in texts for line in text.split("\n") if line.startswith("VmRSS")) / 1024


def watched(seen: list[tuple[float, float]], end: threading.Event) -> None:
    started = time.monotonic()
    while not end.wait(1.0):
        seen.append((time.monotonic() - started, resident()))


def through(folder: Path, count: int) -> Report:
    plan = Plan(shard_size=1000)
    return cut_out(str(folder / "list.parquet"), str(folder / "out"), Outputs(("rgba",)), Nothing(), plan, on_ray)


def on_ray(order: Order, _: Plan) -> Driver:
    return Driver(order, make=Unread, cpus=1)


def all_rows(count: int, distinct: int | None) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder, seen, end = Path(place), list[tuple[float, float]](), threading.Event()
        manifest(folder / "list.parquet", count, distinct)
        threading.Thread(target=watched, args=(seen, end), daemon=True).start()
        started = time.perf_counter()
        report = through(folder, count)
        seconds = time.perf_counter() - started
        end.set()
        rate = (report.written + report.doubled) / seconds
        print(f"{report.written:,} rows and {report.doubled:,} again in {seconds:.1f} s: {rate:,.0f} a second")
        for part in range(0, 11):
            at, memory = seen[min(part * len(seen) // 10, len(seen) - 1)]
            print(f"  {at:6.0f} s  {memory:6.0f} MB")


def resume(count: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        manifest(folder / "list.parquet", count)
        through(folder, count)
        for _ in range(3):
            before = time.process_time()
            report = through(folder, count)
            spent = time.process_time() - before
            print(
                f"{report.skipped:,} finished rows in {report.passed:.2f} s, with the summary {report.total:.2f} s, "
                f"{spent:.2f} s of processors"
            )


def drawn(folder: Path, count: int, side: int) -> Iterator[Path]:
    numbers = np.random.default_rng(0)
    own = [draw_portrait(numbers, side, side)[0] for _ in range(min(count, 50))]
    for number in range(count):
        path = folder / f"{number:05d}.jpg"
        write_image(path, own[number % len(own)])
        yield path


def rate(count: int, side: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "in").mkdir()
        list(drawn(folder / "in", count, side))
        for name, flags in (("cut", ["in", "-o", "a"]), ("batch", ["--input", "in", "--output", "b"])):
            command = [sys.executable, str(ROOT / "tools" / f"{name}.py"), *flags]
            started = time.perf_counter()
            told = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
            seconds = time.perf_counter() - started
            print(f"{name:6} {count / seconds:6.2f} pictures a second, {seconds:.1f} s in all\n{told}")
        same = [path.read_bytes() == (folder / "b" / path.name.replace("_", ".jpg_")).read_bytes()
                for path in (folder / "a").glob("*.png")]  # fmt: skip
        print(f"{sum(same)} of {len(same)} the same, bit for bit")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("rate", "rows", "resume"))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--distinct", type=int, help="names in the manifest, which holds them again and again")
    args = parser.parse_args()
    if args.what == "rate":
        rate(args.count, args.side)
    elif args.what == "rows":
        all_rows(args.rows or 10_000_000, args.distinct)
    else:
        resume(args.rows or 1_000_000)


if __name__ == "__main__":
    import batch  # by its name, by which workers find what it holds

    batch.main()
