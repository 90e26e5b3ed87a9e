"""One process or many: who this one is, and how the ranks exchange plain values."""

from __future__ import annotations

import os
from typing import Any

import paddle


def ranks() -> int:
    """Return how many processes `paddle.distributed.launch` started; 1 without it."""
    return int(os.environ.get("PADDLE_TRAINERS_NUM", "1"))


def rank() -> int:
    """Return which of them this is, from 0."""
    return int(os.environ.get("PADDLE_TRAINER_ID", "0"))


def start() -> None:
    """Connect the ranks; nothing to do for one process."""
    if ranks() > 1 and not paddle.distributed.is_initialized():
        paddle.distributed.init_parallel_env()


def gather(value: Any) -> list[Any]:
    """Return every rank's `value`, by rank, on every rank."""
    if ranks() == 1:
        return [value]
    values: list[Any] = []
    paddle.distributed.all_gather_object(values, value)
    return values


def wait_for_all() -> None:
    """Return when every rank has come here."""
    if ranks() > 1:
        paddle.distributed.barrier()
