"""Parting a set by seed and proportion: the same parts for the same names, whatever order the disk lists them in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from matting.curation.preparation.plan import Item
from matting.errors import MattingError

PARTS = ("train", "val", "test")


def parse_shares(text: str) -> tuple[float, ...]:
    """Read `9:1` or `6:2:2` as the shares of train, val and test.

    Raises:
        MattingError: it is not one to three numbers of at least 0, or all are 0.
    """
    try:
        shares = tuple(float(share) for share in text.split(":"))
    except ValueError:
        shares = ()
    if not 1 <= len(shares) <= len(PARTS) or not all(0 <= share < 1e9 for share in shares) or sum(shares) == 0:
        raise MattingError(f"--split {text}; it must be the shares of train, val and test, as 9:1 or 6:2:2")
    return shares


def sizes(count: int, shares: Sequence[float]) -> list[int]:
    """Return how many of `count` each share gets: its proportion rounded down, the rest to the largest remainders."""
    exact = [count * share / sum(shares) for share in shares]
    whole = [int(number) for number in exact]
    by_remainder = sorted(range(len(shares)), key=lambda part: whole[part] - exact[part])
    for part in by_remainder[: count - sum(whole)]:
        whole[part] += 1
    return whole


def split(items: Sequence[Item], shares: Sequence[float], seed: int) -> list[Item]:
    """Give every item its part, by a draw over the sorted names.

    Returns:
        The items part by part, sorted by name in each.
    """
    ordered = sorted(items, key=lambda item: item.files.name)
    order = np.random.default_rng(seed).permutation(len(ordered))
    parted, start = [], 0
    for part, size in zip(PARTS, sizes(len(ordered), shares), strict=False):
        parted += [replace(ordered[index], part=part) for index in sorted(order[start : start + size])]
        start += size
    return parted


def draw_subset(lines: Sequence[str], count: int, seed: int) -> list[str]:
    """Draw `count` of some lines, or all if there are fewer, in their order."""
    chosen = np.random.default_rng(seed).permutation(len(lines))[:count]
    return [lines[index] for index in sorted(chosen)]
