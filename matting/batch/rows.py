"""The table that all of a batch is told in: which input has become what, and what was wrong with it.

Names stand in it as `text.written` has them: a table takes no bytes that are not UTF-8, which names of files may hold.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from matting.batch.names import digest, whole

INPUTS = pa.schema(
    [
        ("input", pa.string()),  # its URL
        ("name", pa.string()),  # what its results are called after, below the output
        ("stamp", pa.string()),  # what changes with its content: etag, or size and time; null if nobody looked yet
        ("trimap", pa.string()),  # the URL of its trimap, null if it has none; then the stamp holds that of both
        ("start", pa.int64()),  # of a member of a .tar its first byte, else null
        ("end", pa.int64()),  # and the byte behind its last
    ]
)

RESULTS = pa.schema(
    [
        *INPUTS,
        ("outputs", pa.list_(pa.string())),  # below the output's folder
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("undecided", pa.float32()),  # as `overview.Measure` says
        ("subject", pa.float32()),
        ("seconds", pa.float32()),  # of the processor's, read to written
        ("settings", pa.string()),  # sha256 of weights, network and all that results depend on
        ("error", pa.string()),  # null where all is well
        ("kind", pa.string()),  # of the error: picture, storage or worker
        ("finished", pa.timestamp("ms", tz="UTC")),
        ("thumbnail", pa.binary()),  # JPEG, of the least decided ones of a shard
    ]
)

_SEAL = b"matting.done"

FINAL = "picture"
"""The kind of error that the same picture would have again; storage and workers may do better the next time."""


def complaint(row: Mapping[str, Any]) -> str:
    """Return what is wrong with an input, by its name, which most errors give already."""
    return row["error"] if row["input"] in row["error"] else f"{row['input']}: {row['error']}"


def table(rows: Sequence[dict[str, Any]], schema: pa.Schema = RESULTS) -> pa.Table:
    """Return rows as a table; what a row does not say is null."""
    return pa.Table.from_pylist(list(rows), schema=schema)


def are_done(told: pa.Table, settings: str) -> pa.ChunkedArray:
    """Return of each row whether it tells of a result made by these settings, or of what was no picture to them."""
    finished = pc.or_kleene(pc.is_null(told["error"]), pc.fill_null(pc.equal(told["kind"], FINAL), False))
    return pc.and_(pc.equal(told["settings"], settings), finished)


def seal(inputs: pa.Table, settings: str) -> bytes | None:
    """Return what a file of rows is sealed with that tells of these inputs, all of them done by these settings.

    None of inputs of which nobody said how they are: these are to be looked at.
    """
    if inputs["stamp"].null_count or not len(inputs):
        return None
    return b" ".join([digest(whole(inputs["name"])), digest(whole(inputs["stamp"])), settings.encode()])


def sealed(content: bytes) -> bytes | None:
    """Return what a file of rows is sealed with; none of its columns are read."""
    return (pq.read_metadata(pa.BufferReader(content)).metadata or {}).get(_SEAL)


def to_bytes(committed: pa.Table) -> bytes:
    """Return the content of a file of rows, sealed if all of them are done."""
    if "settings" in committed.column_names and len(committed):
        settings = committed["settings"][0].as_py()
        own = seal(committed, settings) if settings and pc.all(are_done(committed, settings)).as_py() else None
        committed = committed.replace_schema_metadata({_SEAL: own} if own else None)
    file = io.BytesIO()
    pq.write_table(committed, file, compression="zstd")
    return file.getvalue()


def from_bytes(content: bytes, columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a file, some of their columns if these are named."""
    return pq.ParquetFile(pa.BufferReader(content)).read(columns, use_threads=False)


def merged(inputs: pa.Table, known: pa.Table | None, finished: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return the rows of a shard, in its order, of what was known and what is finished now; the latter counts."""
    by_name = {row["name"]: row for row in (known.to_pylist() if known is not None else [])}
    by_name |= {row["name"]: dict(row) for row in finished}
    ordered = [by_name.pop(name) for name in inputs["name"].to_pylist() if name in by_name]
    return table([*ordered, *by_name.values()])
