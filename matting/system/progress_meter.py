"""How far long work has come: a bar on a terminal, elsewhere a line in the log now and then."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

logger = logging.getLogger(__name__)

Item = TypeVar("Item")

EVERY = 30.0
"""Seconds between two lines where there is no terminal."""


def progress(
    items: Iterable[Item],
    total: int | None,
    unit: str,
    doing: str | None = None,
    leave: bool = False,
    clock: Callable[[], float] = time.monotonic,
    counts: Callable[[Item], int] | None = None,
) -> Iterator[Item]:
    """Yield the items as they come, and tell how many of `total` are done.

    Args:
        total: None where nobody knows; then what is left is not told.
        unit: what is counted, in the singular.
        doing: what stands before the bar.
        leave: keep the full bar in the terminal.
        clock: seconds since any moment.
        counts: how many an item counts for; one if not given.
    """
    if sys.stderr.isatty():
        with tqdm(desc=doing, total=total, unit=unit, leave=leave) as bar:
            for item in items:
                yield item
                bar.update(counts(item) if counts else 1)
        return
    started = reported = clock()
    done = 0
    for item in items:
        yield item
        done += counts(item) if counts else 1
        now = clock()
        if now - reported >= EVERY and done and (total is None or done < total):
            reported, each = now, (now - started) / done
            if total is None:
                logger.info("%d %ss, %.2f s each", done, unit, each)
                continue
            logger.info(
                "%d of %d %ss, %.2f s each, about %s left", done, total, unit, each, _duration(each * (total - done))
            )


def progress_to(
    items: Iterable[Item],
    total: float | None,
    reached: Callable[[Item], float],
    more: Callable[[], str] = str,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Item]:
    """Yield the items as they come, and tell how far along a clip they lie.

    Args:
        total: seconds of the clip; None where nobody knows.
        reached: tells the seconds at which an item lies.
        more: what else there is to say.
    """
    length = f" of {_duration(total)}" if total is not None else ""
    bar = (
        tqdm(total=total, unit="s", bar_format=None if total else "{n:.1f} s {postfix}")
        if sys.stderr.isatty()
        else None
    )
    started = reported = clock()
    try:
        for item in items:
            yield item
            now, done = clock(), reached(item)
            if bar is not None:
                bar.set_postfix_str(more(), refresh=False)
                bar.update(round(done, 2) - bar.n)
            elif now - reported >= EVERY:
                reported, left = now, ""
                if total is not None and done > 0:
                    left = f", about {_duration((now - started) / done * max(total - done, 0))} left"
                logger.info("%s%s%s%s", _duration(done), length, left, f", {more()}" if more() else "")
    finally:
        if bar is not None:
            bar.close()


def _duration(seconds: float) -> str:
    hours, minutes = int(seconds) // 3600, int(seconds) // 60 % 60
    return f"{hours}:{minutes:02d}:{int(seconds) % 60:02d}"
