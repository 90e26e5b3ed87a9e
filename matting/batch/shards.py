"""Inputs in shards that stay the same ones when a list grows, and what of a shard is still to be done."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from matting.batch.names import digest, whole
from matting.batch.rows import are_done

_MOST = 4
"""A shard has at most so many times the usual number of inputs."""


@dataclass(frozen=True)
class Shard:
    """Inputs that one worker does in turn, and that are committed together.

    Attributes:
        key: what its file of rows is called.
        inputs: of `rows.INPUTS`.
        is_again: the very same names stood together in the list before.
    """

    key: str
    inputs: pa.Table
    is_again: bool = False

    def once(self) -> Shard:
        """Return the same with each name once, the first time that it stands there."""
        names = self.inputs["name"]
        if pc.count_distinct(names).as_py() == len(names):
            return self
        first = {name: index for index, name in reversed(list(enumerate(names.to_pylist())))}
        return Shard(self.key, self.inputs.take(sorted(first.values())), self.is_again)


def shards(tables: Iterable[pa.Table], size: int) -> Iterator[Shard]:
    """Yield the inputs in shards of about `size`.

    A shard begins at every name whose checksum says so, and is called after it. So one name more or less changes the
    shard that it falls into, and no other one, wherever in the list it stands. Where a name stands far behind itself
    again, the second shard that begins with it is called so; where it stands directly behind itself, none begins.
    """
    held: list[pa.Table] = []
    keys: dict[str, set[bytes]] = {}
    last = None
    for table in tables:
        names = table["name"].cast(pa.binary()).to_pylist()
        sums = np.fromiter(map(crc32, names), np.uint32, len(names))
        found = map(int, np.flatnonzero(sums % np.uint32(max(size, 1)) == 0))
        cuts = [cut for cut in found if names[cut] != (names[cut - 1] if cut else last)]
        last = names[-1] if names else last
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


def _shard(held: list[pa.Table], keys: dict[str, set[bytes]]) -> Shard:
    inputs = held[0] if len(held) == 1 else pa.concat_tables(held).combine_chunks()
    key = hashlib.sha256(inputs["name"][0].as_py().encode()).hexdigest()[:20]
    told, before = digest(whole(inputs["name"])), keys.setdefault(key, set())
    is_again = told in before
    before.add(told)
    return Shard(key + (f"-{len(before)}" if len(before) > 1 else ""), inputs, is_again)


def is_told_by(shard: Shard, known: pa.Table) -> bool:
    """Return whether committed rows are of just these inputs, in their order; then each stands there once."""
    return len(known) == len(shard.inputs) and known["name"].equals(shard.inputs["name"])


def to_do(shard: Shard, known: pa.Table | None, settings: str, trusts_names: bool = False) -> list[int]:
    """Return the indices of the inputs that are still to be done, of a shard in which each name stands once.

    Done is what a committed row says was made of this very input by these settings, and what was no picture then and is
    unchanged. An input of which nobody said how it is now (its stamp is null) is to be looked at.

    Args:
        known: committed rows, or None.
        settings: the sha256 of now.
        trusts_names: an input without stamp is taken to be as it was.
    """
    if known is None or not len(known):
        return list(range(len(shard.inputs)))
    fine = are_done(known, settings)
    stamps, inputs = shard.inputs["stamp"], shard.inputs
    if is_told_by(shard, known):
        same = pc.and_(fine, pc.fill_null(pc.equal(known["stamp"], stamps), trusts_names))
        return np.flatnonzero(~same.to_numpy().astype(bool)).tolist()
    good = known.filter(fine)
    made = dict(zip(good["name"].to_pylist(), good["stamp"].to_pylist(), strict=True))
    pairs = enumerate(zip(inputs["name"].to_pylist(), stamps.to_pylist(), strict=True))
    return [
        index for index, (name, stamp) in pairs
        if name not in made or (stamp is None and not trusts_names) or (stamp is not None and made[name] != stamp)
    ]  # fmt: skip
