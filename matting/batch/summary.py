"""What a batch came to, of all its runs: a table of its shards, and a page with rate, failures and doubtful mattes."""

from __future__ import annotations

import heapq
import itertools
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from matting.batch import rows
from matting.batch.storage import Place
from matting.batch.worker import COMMITS
from matting.pages.page import picture, plot, relative, write_page
from matting.pages.plots import curve
from matting.prediction.overview import RULE, SHEET, Measure, doubt, failed
from matting.system.prefetching import read_ahead
from matting.text import restored, visible

PAGE, TABLE = "_matting/summary.html", "_matting/summary.parquet"
"""Where they lie below the output."""

_SHOWN = 120
"""Pictures on the page."""

_TOLD = 100
"""Failures that the page names; the files of rows hold all."""

_POINTS = 120
"""Of the curve of the rate, about."""

_COLUMNS = [
    "input",
    "outputs",
    "width",
    "height",
    "undecided",
    "subject",
    "seconds",
    "error",
    "kind",
    "finished",
    "thumbnail",
]


@dataclass
class _Sum:
    """What is kept of all rows."""

    shards: list[dict[str, Any]] = field(default_factory=list)
    minutes: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    said: list[str] = field(default_factory=list)
    shown: list[tuple[float, int, dict[str, Any]]] = field(default_factory=list)
    order: Iterator[int] = field(default_factory=itertools.count)

    def add(self, key: str, table: pa.Table) -> None:
        failures = table.filter(pc.is_valid(table["error"]))
        self.kinds.update(failures["kind"].to_pylist())
        for row in failures.slice(0, max(_TOLD - len(self.said), 0)).to_pylist():
            self.said.append(rows.complaint(row))
        minutes = pc.divide(table["finished"].cast(pa.int64()), 60_000)
        for pair in pc.value_counts(minutes).to_pylist():
            self.minutes[pair["values"]] += pair["counts"]
        span = pc.min_max(table["finished"]).as_py()
        self.shards.append(
            {
                "shard": key, "inputs": len(table), "failed": len(failures),
                "seconds": pc.sum(table["seconds"]).as_py(), "first": span["min"], "last": span["max"],
            }
        )  # fmt: skip
        for row in table.filter(pc.is_valid(table["thumbnail"])).to_pylist():
            measured = Measure(row["undecided"], row["subject"], row["height"], row["width"])
            heapq.heappush(self.shown, (doubt(measured), next(self.order), row))
            if len(self.shown) > _SHOWN:
                heapq.heappop(self.shown)


def write_summary(output: Place) -> str:
    """Write the table and the page of all that is committed below an output, and return the page's address."""
    whole = _Sum()
    folder = output / COMMITS
    names = [name for name in folder.names() if name.endswith(".parquet")]
    for key, table in _read(folder, names):
        whole.add(key, table)
    (output / TABLE).write(rows.to_bytes(pa.Table.from_pylist(whole.shards, schema=_SHARDS)))
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "summary.html"
        _write_page(path, output, whole)
        (output / PAGE).write(path.read_bytes())
    return (output / PAGE).url


_SHARDS = pa.schema(
    [
        ("shard", pa.string()), ("inputs", pa.int64()), ("failed", pa.int64()), ("seconds", pa.float64()),
        ("first", pa.timestamp("ms", tz="UTC")), ("last", pa.timestamp("ms", tz="UTC")),
    ]
)  # fmt: skip


def _read(folder: Place, names: list[str]) -> Iterator[tuple[str, pa.Table]]:
    def read(name: str) -> tuple[str, pa.Table]:
        return name.removesuffix(".parquet"), rows.from_bytes((folder / name).read(), _COLUMNS)

    yield from read_ahead(read, names, 4)


def _write_page(path: Path, output: Place, whole: _Sum) -> None:
    inputs, bad = sum(shard["inputs"] for shard in whole.shards), sum(whole.kinds.values())
    facts = [
        ("pictures", f"{inputs - bad:,}"),
        ("could not be cut out", f"{bad:,}"),
        ("shards", str(len(whole.shards))),
    ]
    facts += [(f"failures: {kind}", f"{count:,}") for kind, count in whole.kinds.most_common()]
    sections = []
    if len(points := _rate(whole.minutes)) > 1:
        below = f"pictures a second, over {len(whole.minutes)} minutes; pauses between runs are left out"
        rate = plot("Rate", below, curve(points, "pictures a second", along="minute"))
        sections.append(f'<h2>Pace</h2>\n<div class="plots">{rate}</div>')
    sections += [failed(whole.said)] if whole.said else []
    shown = [_shown(row, output) for _, _, row in sorted(whole.shown, key=lambda item: -item[0])]
    write_page(path, f"Cutouts in {visible(output.url)}", RULE, facts, [*sections, SHEET], {"rows": shown}, "sheet.js")


def _rate(minutes: Counter[int]) -> list[tuple[int, float]]:
    """Return points of working minute and pictures a second, minutes taken together where there are many."""
    counts = [minutes[minute] for minute in sorted(minutes)]
    step = -(-len(counts) // _POINTS)
    parts = [counts[begin : begin + step] for begin in range(0, len(counts), step or 1)]
    return [(number * step + 1, sum(part) / len(part) / 60) for number, part in enumerate(parts)]


def _shown(row: dict[str, Any], output: Place) -> dict[str, Any]:
    result = output / restored(row["outputs"][0])
    photo, full = restored(row["input"]), result.url
    if output.is_local:
        folder = Path((output / PAGE).path).parent
        full = relative(Path(result.path), folder)
        photo = photo if "://" in photo else relative(Path(os.path.abspath(photo)), folder)
    return {
        "name": row["input"].rpartition("/")[2],
        "small": picture(row["thumbnail"]), "full": full, "photo": photo,
        **{key: row[key] for key in ("undecided", "subject", "height", "width")},
    }  # fmt: skip
