"""Reading training batches ahead of the network, in processes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from matting.datasets.matting_dataset import MattingDataset, collate
from matting.datasets.sampler import BatchSampler
from matting.system import processes


@dataclass(frozen=True)
class _Reader:
    """What a worker does: it makes the batch of these samples."""

    dataset: MattingDataset

    def __call__(self, indices: list[tuple[int, int]]) -> dict[str, Any]:
        return collate([self.dataset[index] for index in indices])


def train_batches(dataset: MattingDataset, sampler: BatchSampler, num_workers: int = 0) -> Iterator[dict[str, Any]]:
    """Yield batches as dictionaries of float32 tensors (N, C, H, W), in the sampler's order.

    At most two batches a worker are held. A sample is a function of seed, epoch and index alone, so how many workers
    there are changes nothing but the time. With workers, data set and transforms must be such as can be pickled.

    Raises:
        MattingError: a sample cannot be used; the message is the data set's own, with any number of workers. Or a
            worker was killed.
    """
    import paddle  # here, because the workers import this file, and Paddle would cost each of them seconds

    batches = processes.run(_Reader(dataset), sampler, num_workers, "use --num_workers 0 or fewer")
    with contextlib.closing(batches):
        for batch in batches:
            yield {key: value if key == "name" else paddle.to_tensor(value) for key, value in batch.items()}
