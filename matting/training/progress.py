"""Telling how a training run goes: averages since the last report, speed, reader share, time left."""

from __future__ import annotations

import time
from collections.abc import Mapping

from matting.training.history import Row


class Meter:
    """Averages what happened since the last report.

    Args:
        samples: samples an iteration, over all ranks.
        iters: the iteration at which the run ends.
    """

    def __init__(self, samples: int, iters: int) -> None:
        self._samples, self._iters = samples, iters
        self._reset()

    def _reset(self) -> None:
        self._terms: dict[str, float] = {}
        self._count, self._waited = 0, 0.0
        self._since = self._last = time.perf_counter()

    def batch_came(self) -> None:
        """Note that the reader delivered: the time since the last step ended was spent waiting for it."""
        self._waited += time.perf_counter() - self._last

    def step_done(self, terms: Mapping[str, float]) -> None:
        """Note the loss terms of a finished iteration."""
        self._count += 1
        self._last = time.perf_counter()
        for name, value in terms.items():
            self._terms[name] = self._terms.get(name, 0.0) + value

    def skip(self) -> None:
        """Leave out the time since the last step, which something other than training took."""
        now = time.perf_counter()
        self._since += now - self._last
        self._last = now

    def report(self, iteration: int) -> tuple[dict[str, float], dict[str, float]]:
        """Return the averages since the last report, and start anew.

        Returns:
            The losses: `loss`, which is the sum of the terms, and these. And the speed: `batch_cost` and `reader_cost`
            in seconds an iteration, `reader_share` in [0, 1], `samples_per_second`, `seconds_left`.
        """
        count = max(self._count, 1)
        cost = max((self._last - self._since) / count, 1e-9)
        averages = {name: value / count for name, value in self._terms.items()}
        speed = {
            "batch_cost": cost,
            "reader_cost": self._waited / count,
            "reader_share": min(self._waited / count / cost, 1.0),
            "samples_per_second": self._samples / cost,
            "seconds_left": cost * (self._iters - iteration),
        }
        self._reset()
        return {"loss": sum(averages.values()), **averages}, speed


def line(row: Row) -> str:
    """Return a row of the history as the line that training prints."""
    if row.metrics:
        return f"[EVAL] iter={row.iteration} " + " ".join(f"{name}={value:.4f}" for name, value in row.metrics.items())
    seconds = int(row.speed["seconds_left"])
    parts = " ".join(f"{name}={value:.4f}" for name, value in row.losses.items() if name != "loss")
    return (
        f"[TRAIN] iter={row.iteration}/{row.iters} loss={row.losses['loss']:.4f} ({parts}) lr={row.lr:.6f} "
        f"{row.speed['samples_per_second']:.2f} samples/s reader={row.speed['reader_share']:.0%} "
        f"ETA {seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    )
