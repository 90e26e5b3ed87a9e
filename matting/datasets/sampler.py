"""Which samples make up the batch of each iteration: a pure function of seed, iteration and rank."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from matting.errors import MattingError


class BatchSampler:
    """Batches of (epoch, index) pairs for the iterations `start` to `stop`, to be read in this order.

    Every epoch is one permutation, drawn from (seed, epoch) and shared by all ranks, cut into global batches whose
    members the ranks take in turn; what does not fill a global batch waits for the next epoch's draw. So the batch of
    an iteration does not depend on where a run was resumed, and the global batch not on how many ranks share it.

    Args:
        size: how many samples the data set holds.
        batch_size: samples a rank takes an iteration.
        start, stop: the first iteration to read, counted from 0, and the one to stop before.
        seed: of the permutations.
        rank, ranks: which process this is, of how many.

    Raises:
        MattingError: the set is smaller than one global batch.
    """

    def __init__(
        self, size: int, batch_size: int, start: int, stop: int, seed: int = 0, rank: int = 0, ranks: int = 1
    ) -> None:
        if size < batch_size * ranks:
            over = f" on each of {ranks} ranks" if ranks > 1 else ""
            raise MattingError(
                f"the training set has {size} samples, fewer than one batch of {batch_size}{over}; "
                "lower --batch_size or add samples"
            )
        self.iterations = range(start, stop)
        self.batches_per_epoch = size // (batch_size * ranks)
        self._size, self._batch_size, self._seed, self._rank, self._ranks = size, batch_size, seed, rank, ranks

    def __len__(self) -> int:
        return len(self.iterations)

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        drawn, order = -1, np.empty(0, int)
        for iteration in self.iterations:
            epoch, batch = divmod(iteration, self.batches_per_epoch)
            if epoch != drawn:
                drawn, order = epoch, np.random.default_rng((self._seed, epoch)).permutation(self._size)
            first = batch * self._batch_size * self._ranks
            members = order[first : first + self._batch_size * self._ranks][self._rank :: self._ranks]
            yield [(epoch, int(index)) for index in members]
