"""Reading training batches ahead of the network, in processes."""

from __future__ import annotations

import signal
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import paddle

from matting.datasets.matting_dataset import MattingDataset, collate
from matting.datasets.sampler import BatchSampler
from matting.errors import MattingError

_AHEAD = 2
"""Batches that a worker may have finished or begun before they are asked for: what bounds the shared memory."""


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
        except Exception:  # a defect of ours: it too would hang the reader instead of showing its traceback
            return _Failure(f"sample {index} cannot be made, by a defect:\n{traceback.format_exc()}")


def _collate(samples: list[Any]) -> Any:
    failure = next((sample for sample in samples if isinstance(sample, _Failure)), None)
    if failure is None:
        try:
            return collate(samples)
        except MattingError as error:
            failure = _Failure(str(error))
        except Exception:  # as above
            failure = _Failure(f"samples cannot be stacked, by a defect:\n{traceback.format_exc()}")
    return {"failure": failure.message, "nothing": np.zeros(1)}  # Paddle's reader insists on an array


def _fork(loader: paddle.io.DataLoader) -> Iterator[Any]:
    """Start the workers while OpenCV has no threads in this process.

    A forked worker inherits the belief in threads that it does not have, and may wait for them for ever. And the
    threads of all workers would take turns on the same cores.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return iter(loader)
    finally:
        cv2.setNumThreads(threads)


def _leave_stopping_to_the_parent(_: int) -> None:
    """Let Ctrl-C, which a terminal sends to every process, pass by a worker; the parent ends it by SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def train_batches(dataset: MattingDataset, sampler: BatchSampler, num_workers: int = 0) -> Iterator[dict[str, Any]]:
    """Yield batches as dictionaries of float32 tensors (N, C, H, W), in the sampler's order.

    The workers hold at most two batches each, in shared memory. A sample is a function of seed, epoch and index alone,
    so how many workers there are changes nothing but the time.

    Raises:
        MattingError: a sample cannot be used; the message is the data set's own, with any number of workers.
    """
    loader = paddle.io.DataLoader(
        _Reporting(dataset),
        batch_sampler=sampler,
        collate_fn=_collate,
        num_workers=num_workers,
        prefetch_factor=_AHEAD,
        return_list=True,
        worker_init_fn=_leave_stopping_to_the_parent,
    )
    batches = _fork(loader) if num_workers else iter(loader)
    try:
        for batch in batches:
            if "failure" in batch:
                # The traceback of a defect, and some errors, have lines of their own.
                raise MattingError(*batch["failure"].split("\n"))
            # Tensors come from workers, arrays from this process; to_tensor would copy a tensor once more.
            yield {
                key: value if key == "name" or isinstance(value, paddle.Tensor) else paddle.to_tensor(value)
                for key, value in batch.items()
            }
    finally:
        # Its threads keep a reader alive that was left early, and a later fork may inherit a lock that they hold.
        getattr(batches, "_try_shutdown_all", lambda: None)()
