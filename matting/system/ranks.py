"""Which of several processes this one is, as Paddle's launcher says it in the environment; Paddle is not imported."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypeVar

from matting.errors import MattingError

Item = TypeVar("Item")


_NUMBER, _ID = "PADDLE_TRAINERS_NUM", "PADDLE_TRAINER_ID"


def ranks() -> int:
    """Return how many processes work together; 1 without a launcher.

    Raises:
        MattingError: the environment does not say a number of at least 1.
    """
    text = os.environ.get(_NUMBER, "1")
    if not text.isdecimal() or int(text) < 1:
        raise MattingError(f"{_NUMBER} is {text!r}; it must be a whole number of at least 1: mend it in the launcher")
    return int(text)


def rank() -> int:
    """Return which of them this is, from 0.

    Raises:
        MattingError: the environment does not say one of their numbers.
    """
    text, last = os.environ.get(_ID, "0"), ranks() - 1
    if not text.isdecimal() or int(text) > last:
        raise MattingError(
            f"{_ID} is {text!r}; it must be a whole number from 0 to {last}, as {_NUMBER} is {last + 1}: mend it in "
            "the launcher"
        )
    return int(text)


def share(items: Sequence[Item]) -> Sequence[Item]:
    """Return this process's part: every item belongs to exactly one process, whatever order they finish in."""
    return items[rank() :: ranks()]
