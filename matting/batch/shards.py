"""Inputs in shards that stay the same ones when a list grows, and what of a shard is still to be done."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from matting.batch.rows import FINAL

_MOST = 4
"""A shard has at most so many times the usual number of inputs."""


@dataclass(frozen=True)
class Shard:
    """Inputs that one worker does in turn, and that are committed together.

    Attributes:
        key: what its file of rows is called.
        inputs: of `rows.INPUTS`, each name once.
    """

    key: str
    inputs: pa.Table


def shards(tables: Iterable[pa.Table], size: int) -> Iterator[Shard]:
    """Yield the inputs in shards of about `size`.

    A shard begins at every name whose checksum says so, and is called after it. So one name more or less changes the
    shard that it falls into, and no other one, wherever in the list it stands. Where a name stands far behind itself
    again, the second shard that begins with it is called so.
    """
    held: list[pa.Table] = []
    keys: Counter[str] = Counter()
    for table in tables:
        names = table["name"].cast(pa.binary()).to_pylist()
        sums = np.fromiter(map(crc32, names), np.uint32, len(names))
        cuts = [int(cut) for cut in np.flatnonzero(sums % np.uint32(max(size, 1)) == 0)]
        for number, (begin, end) in enumerate(zip([0, *cuts], [*cuts, len(names)], strict=True)):
            if number and held:
                yield _shard(held, keys)
                held = []
            part = table.slice(begin, end - begin)
            while len(part):
                room = _MOST * size - sum(map(len, held))
                held.append(part.slice(0, room))
                part = part.slice(room)
                if len(part):
                    yield _shard(held, keys)
                    held = []
    if held:
        yield _shard(held, keys)


def _shard(held: list[pa.Table], keys: Counter[str]) -> Shard:
    inputs = held[0] if len(held) == 1 else pa.concat_tables(held).combine_chunks()
    key = hashlib.sha256(inputs["name"][0].as_py().encode()).hexdigest()[:20]
    keys[key] += 1
    key += f"-{keys[key]}" if keys[key] > 1 else ""
    if pc.count_distinct(inputs["name"]).as_py() < len(inputs):
        names = inputs["name"].to_pylist()
        first = {name: index for index, name in reversed(list(enumerate(names)))}
        inputs = inputs.take(sorted(first.values()))
    return Shard(key, inputs)


def to_do(shard: Shard, known: pa.Table | None, settings: str, trusts_names: bool = False) -> list[int]:
    """Return the indices of the inputs that are still to be done.

    Done is what a committed row says was made of this very input by these settings, and what was no picture then and is
    unchanged. An input of which nobody said how it is now (its stamp is null) is to be looked at.

    Args:
        known: committed rows, or None.
        settings: the sha256 of now.
        trusts_names: an input without stamp is taken to be as it was.
    """
    if known is None or not len(known):
        return list(range(len(shard.inputs)))
    finished = pc.or_kleene(pc.is_null(known["error"]), pc.fill_null(pc.equal(known["kind"], FINAL), False))
    fine = pc.and_(pc.equal(known["settings"], settings), finished)
    stamps, inputs = shard.inputs["stamp"], shard.inputs
    if len(known) == len(inputs) and known["name"].equals(inputs["name"]):
        same = pc.and_(fine, pc.fill_null(pc.equal(known["stamp"], stamps), trusts_names))
        return np.flatnonzero(~same.to_numpy().astype(bool)).tolist()
    good = known.filter(fine)
    made = dict(zip(good["name"].to_pylist(), good["stamp"].to_pylist(), strict=True))
    pairs = enumerate(zip(inputs["name"].to_pylist(), stamps.to_pylist(), strict=True))
    return [
        index for index, (name, stamp) in pairs
        if name not in made or (stamp is None and not trusts_names) or (stamp is not None and made[name] != stamp)
    ]  # fmt: skip
