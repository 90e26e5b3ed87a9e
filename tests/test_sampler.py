"""The batch of an iteration depends on seed, iteration and rank, and on nothing else."""

from __future__ import annotations

import pytest

from matting.datasets.sampler import BatchSampler
from matting.errors import MattingError


def test_an_epoch_holds_every_sample_at_most_once() -> None:
    batches = list(BatchSampler(10, 3, 0, 3))
    members = [index for batch in batches for _, index in batch]
    assert len(members) == 9 and len(set(members)) == 9
    assert {epoch for batch in batches for epoch, _ in batch} == {0}


def test_epochs_differ_and_seeds_differ() -> None:
    first, second = list(BatchSampler(64, 64, 0, 2))
    assert [index for _, index in first] != [index for _, index in second]
    assert list(BatchSampler(64, 64, 0, 1, seed=1)) != list(BatchSampler(64, 64, 0, 1, seed=2))


def test_a_resumed_run_reads_on_where_the_unbroken_one_would() -> None:
    assert list(BatchSampler(10, 3, 0, 12))[5:] == list(BatchSampler(10, 3, 5, 12))


def test_the_ranks_share_one_order() -> None:
    whole = list(BatchSampler(20, 6, 0, 7))
    parts = [list(BatchSampler(20, 3, 0, 7, rank=rank, ranks=2)) for rank in range(2)]
    for batch, left, right in zip(whole, *parts, strict=True):
        assert sorted(batch) == sorted(left + right)
        assert not set(left) & set(right)


def test_a_set_smaller_than_a_batch_is_an_error() -> None:
    with pytest.raises(MattingError, match="3 samples, fewer than one batch of 4"):
        BatchSampler(3, 4, 0, 1)
    with pytest.raises(MattingError, match="each of 2 ranks"):
        BatchSampler(7, 4, 0, 1, ranks=2)
