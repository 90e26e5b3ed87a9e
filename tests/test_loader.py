"""Batches: the same for any number of workers or ranks and after a resume; a failure in a worker names its file."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import drawn
from matting.datasets.loader import train_batches
from matting.datasets.matting_dataset import MattingDataset
from matting.datasets.sampler import BatchSampler
from matting.errors import MattingError
from matting.sample import Sample
from matting.transforms.crop import RandomCropByAlpha
from matting.transforms.geometry import RandomHorizontalFlip
from matting.transforms.photometric import Normalize, RandomBlur, RandomDistort, RandomNoise

CHAIN = [RandomCropByAlpha([32, 24]), RandomDistort(), RandomBlur(), RandomNoise(), RandomHorizontalFlip(), Normalize()]


LOCK = threading.Lock()


class TakesTheLock:
    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        assert LOCK.acquire(timeout=2), "it is held by a thread that a forked process has not"
        LOCK.release()
        return sample


class LooksForPaddle:
    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        assert "paddle" not in sys.modules
        return sample


class KillsItself:
    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        os.kill(os.getpid(), signal.SIGKILL)
        return sample


class Divides:
    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return sample if 1 / 0 else sample


@pytest.fixture
def dataset(tmp_path: Path) -> MattingDataset:
    return MattingDataset(str(drawn.dataset(tmp_path, 6, background=True)), CHAIN, train_file="train.txt", seed=3)


def read(dataset: MattingDataset, sampler: BatchSampler, workers: int = 0) -> list[dict]:
    return [
        {key: value if key == "name" else value.numpy() for key, value in batch.items()}
        for batch in train_batches(dataset, sampler, workers)
    ]


def same(one: list[dict], other: list[dict]) -> None:
    assert len(one) == len(other)
    for left, right in zip(one, other, strict=True):
        assert left.keys() == right.keys() and left["name"] == right["name"]
        for key in left.keys() - {"name"}:
            np.testing.assert_array_equal(left[key], right[key], err_msg=key)


def test_workers_change_nothing(dataset: MattingDataset) -> None:
    batches = [read(dataset, BatchSampler(6, 2, 0, 7, seed=3), workers) for workers in (0, 2, 4)]
    assert len(batches[0]) == 7
    same(batches[0], batches[1])
    same(batches[0], batches[2])


def test_a_resumed_run_reads_what_the_unbroken_one_would(dataset: MattingDataset) -> None:
    whole = read(dataset, BatchSampler(6, 2, 0, 8, seed=3))
    same(whole[5:], read(dataset, BatchSampler(6, 2, 5, 8, seed=3), 2))


def test_two_ranks_read_what_one_does(dataset: MattingDataset) -> None:
    one = read(dataset, BatchSampler(6, 4, 0, 3, seed=3))
    two = [read(dataset, BatchSampler(6, 2, 0, 3, seed=3, rank=rank, ranks=2)) for rank in (0, 1)]
    for whole, left, right in zip(one, *two, strict=True):
        halves = {name: part["image"][row] for part in (left, right) for row, name in enumerate(part["name"])}
        assert sorted(halves) == sorted(whole["name"])
        for row, name in enumerate(whole["name"]):
            np.testing.assert_array_equal(whole["image"][row], halves[name])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_file_is_named_from_a_worker_too(dataset: MattingDataset, workers: int) -> None:
    dataset.entries[4].image.write_bytes(b"no picture")
    with pytest.raises(MattingError, match=r"train\.txt:5: .*4\.png cannot be read"):
        read(dataset, BatchSampler(6, 2, 0, 3), workers)


def test_no_worker_waits_for_a_lock_that_a_thread_held_when_it_started(dataset: MattingDataset) -> None:
    dataset._rest.append(TakesTheLock())
    with LOCK:
        assert len(read(dataset, BatchSampler(6, 2, 0, 3), 2)) == 3


def test_workers_start_without_paddle_which_takes_seconds(dataset: MattingDataset) -> None:
    dataset._rest.append(LooksForPaddle())
    assert len(read(dataset, BatchSampler(6, 2, 0, 2), 1)) == 2


def test_a_killed_worker_ends_the_run_in_one_sentence(dataset: MattingDataset) -> None:
    dataset._rest.append(KillsItself())
    with pytest.raises(MattingError, match=r"^a worker process ended unexpectedly.*--num_workers 0 or fewer$"):
        read(dataset, BatchSampler(6, 2, 0, 3), 2)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_defect_keeps_its_kind_and_traceback(dataset: MattingDataset, workers: int) -> None:
    dataset._rest.append(Divides())
    with pytest.raises(ZeroDivisionError) as defect:
        read(dataset, BatchSampler(6, 2, 0, 3), workers)
    assert not workers or "return sample if 1 / 0" in str(defect.value.__cause__)
