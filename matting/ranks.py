"""Which of several processes this one is, as Paddle's launcher says it in the environment; Paddle is not imported."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


def ranks() -> int:
    """Return how many processes work together; 1 without a launcher."""
    return int(os.environ.get("PADDLE_TRAINERS_NUM", "1"))


def rank() -> int:
    """Return which of them this is, from 0."""
    return int(os.environ.get("PADDLE_TRAINER_ID", "0"))


def share(items: Sequence[Item]) -> Sequence[Item]:
    """Return this process's part: every item belongs to exactly one process, whatever order they finish in."""
    return items[rank() :: ranks()]
