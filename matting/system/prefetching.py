"""Reading files in threads before they are needed, with a bound on how many are held."""

from __future__ import annotations

import collections
import contextlib
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Middle = TypeVar("Middle")
Raw = TypeVar("Raw")


def read_ahead(
    read: Callable[[Item], Result], items: Iterable[Item], num_workers: int = 0
) -> Generator[Result, None, None]:
    """Yield `read(item)` for each item in order, reading up to `num_workers + 1` of them ahead in threads.

    With 0 workers everything happens in the caller's thread. Never more results are held than are read ahead. What
    `read` raises is raised when its item is due.
    """
    if num_workers == 0:
        yield from map(read, items)
        return
    waiting: collections.deque[Future[Result]] = collections.deque()
    with ThreadPoolExecutor(num_workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(read, item))
                if len(waiting) > num_workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def in_a_thread(items: Iterator[Item]) -> Generator[Item, None, None]:
    """Yield what an iterator does, which is asked in a thread of its own, two ahead."""
    end = object()
    ahead = read_ahead(lambda _: next(items, end), itertools.repeat(None), 1)
    with contextlib.closing(ahead):
        for item in ahead:
            if item is end:
                return
            yield item  # type: ignore[misc]


def in_three_stages(
    begin: Callable[[Item], Raw],
    compute: Callable[[Raw], Middle],
    finish: Callable[[Middle], Result],
    items: Iterable[Item],
    num_workers: int = 0,
) -> Generator[Result, None, None]:
    """Yield `finish(compute(begin(item)))` for each item in order, the three stages at the same time.

    `compute` runs in the caller's thread, the others in `num_workers` threads each, as by `read_ahead`. When it is
    closed early, what is being finished is finished first.
    """

    def computed() -> Iterator[Middle]:
        for item in read_ahead(begin, items, num_workers):
            yield compute(item)

    with contextlib.closing(read_ahead(finish, computed(), num_workers)) as finished:
        yield from finished
