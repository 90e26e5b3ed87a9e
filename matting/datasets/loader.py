"""Reading training batches ahead of the network, in processes."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from matting.datasets.matting_dataset import MattingDataset, collate
from matting.datasets.sampler import BatchSampler
from matting.errors import MattingError


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
