"""Connecting the ranks of one job, and exchanging plain values among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import paddle

from matting.system.ranks import rank, ranks

__all__ = ["gather", "mean", "rank", "ranks", "share_statistics", "start", "wait_for_all"]


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


def mean(numbers: Mapping[str, float]) -> dict[str, float]:
    """Return the means over all ranks of what each calls by the same name."""
    gathered = gather(dict(numbers))
    return {name: sum(own[name] for own in gathered) / len(gathered) for name in numbers}


def share_statistics(network: paddle.nn.Layer) -> None:
    """Give every rank the first one's statistics of norms, which each rank gathers of its own samples.

    Paddle keeps them as parameters that do not learn; a step keeps equal those that do.
    """
    if ranks() > 1:
        for tensor in (*network.buffers(), *(own for own in network.parameters() if own.stop_gradient)):
            paddle.distributed.broadcast(tensor, src=0)


def wait_for_all() -> None:
    """Return when every rank has come here."""
    if ranks() > 1:
        paddle.distributed.barrier()
