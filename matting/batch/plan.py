"""What is asked of a batch, and what came of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from matting.batch.worker import Done, add_seconds
from matting.errors import MattingError

_ENOUGH = 100
"""Inputs before a share of failures says anything."""


@dataclass(frozen=True)
class Plan:
    """How the work is shared, and when it ends.

    Attributes:
        address: of a Ray cluster; None starts one on this machine.
        shard_size: inputs that are committed together.
        max_failures: a number, or a share such as "1%" (from 100 inputs on); None goes on past any.
        cpus: processors of a worker.
        workers: at most so many.
        num_workers: threads of a worker that decode, and as many that write.
        overwrite: do again what is done, and write into a folder that holds other files.
        trusts_names: an input of which the manifest says neither etag nor size is taken to be as it was.
        dashboard: show Ray's, on this machine's loopback.
        trimaps: a folder or prefix with a trimap of each input, `a/b.png` of `a/b.jpg`.
    """

    address: str | None = None
    shard_size: int = 1000
    max_failures: str | None = "10%"
    cpus: int | None = None
    workers: int | None = None
    num_workers: int = 1
    overwrite: bool = False
    trusts_names: bool = False
    dashboard: bool = False
    trimaps: str | None = None

    def __post_init__(self) -> None:
        self.most_failures(_ENOUGH)

    def most_failures(self, inputs: int) -> float:
        """Return how many failures among so many inputs are borne.

        Raises:
            MattingError: `max_failures` is neither a number nor a share.
        """
        if self.max_failures is None:
            return float("inf")
        number, percent, rest = self.max_failures.partition("%")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf") or rest or (percent and value > 100):
            raise MattingError(f"--max_failures {self.max_failures}: give a number of pictures, or a share such as 1%")
        if not percent:
            return value
        return value / 100 * inputs if inputs >= _ENOUGH else float("inf")


@dataclass
class Report:
    """What a run did.

    Attributes:
        doubled: inputs that stood in the list again, and were left out.
        seconds: by stage, of all workers together.
        total: seconds from first to last; `passed` those before the summary was begun.
    """

    written: int = 0
    skipped: int = 0
    doubled: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    total: float = 0.0
    passed: float = 0.0
    page: str = ""

    def add(self, done: Done) -> None:
        """Take in what became of a shard."""
        self.written += done.written
        self.skipped += done.skipped
        self.failed.update(done.failed)
        add_seconds(self.seconds, done.seconds)
        self.said = [*self.said, *done.said][:10]

    @property
    def seen(self) -> int:
        """How many inputs this run did something with."""
        return self.written + sum(self.failed.values())

    def timing(self) -> str:
        """Return a line on the rate, and on where the workers' time went, in milliseconds a picture."""
        if not self.seen:
            return f"{self.total:.1f} s in all"
        stages = ", ".join(f"{stage} {1000 * spent / self.seen:.0f}" for stage, spent in self.seconds.items())
        return f"{self.seen / self.total:.1f} pictures a second ({stages} ms each), {self.total:.1f} s in all"
