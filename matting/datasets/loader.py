"""Reading samples ahead of the network: batches for training in processes, whole samples for evaluation in threads."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import paddle

from matting.datasets.matting_dataset import MattingDataset, collate
from matting.datasets.sampler import BatchSampler
from matting.errors import MattingError

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Failure:
    """What a worker sends instead of a batch: an exception there would hang the reader or lose its message."""

    message: str


class _Reporting:
    """A data set that hands its errors on as values."""

    def __init__(self, dataset: MattingDataset) -> None:
        self._dataset = dataset

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: tuple[int, int]) -> Any:
        try:
            return self._dataset[index]
        except MattingError as error:
            return _Failure(str(error))


def _collate(samples: list[Any]) -> Any:
    failure = next((sample for sample in samples if isinstance(sample, _Failure)), None)
    if failure is None:
        try:
            return collate(samples)
        except MattingError as error:
            failure = _Failure(str(error))
    return {"failure": failure.message, "nothing": np.zeros(1)}  # Paddle's reader insists on an array


def train_batches(dataset: MattingDataset, sampler: BatchSampler, num_workers: int = 0) -> Iterator[dict[str, Any]]:
    """Yield batches as dictionaries of float32 tensors (N, C, H, W), in the sampler's order.

    Raises:
        MattingError: a sample cannot be used; the message is the data set's own, with any number of workers.
    """
    loader = paddle.io.DataLoader(
        _Reporting(dataset), batch_sampler=sampler, collate_fn=_collate, num_workers=num_workers, return_list=True
    )
    for batch in loader:
        if "failure" in batch:
            raise MattingError(batch["failure"])
        yield {key: paddle.to_tensor(value) if key != "name" else value for key, value in batch.items()}


def read_ahead(read: Callable[[Item], Result], items: Iterable[Item], num_workers: int = 0) -> Iterator[Result]:
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
