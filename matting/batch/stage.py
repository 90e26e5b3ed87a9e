"""The stages that an input of a batch goes through: each notes its seconds, and what is wrong in the input's row."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matting.errors import MattingError, UnwritableError
from matting.system import memory


@dataclass
class Work:
    """An input on its way: the row that it will be, and what the next stage needs."""

    row: dict[str, Any]
    content: Any = None
    trimap: Any = None
    alpha: Any = None
    seconds: dict[str, float] = field(default_factory=dict)


def stage(name: str, kind: str) -> Callable[[Callable[[Any, Work], None]], Callable[[Any, Work], Work]]:
    """Return what makes a stage note its seconds, and an error in the row instead of raising it."""

    def guarded(step: Callable[[Any, Work], None]) -> Callable[[Any, Work], Work]:
        def attempt(worker: Any, work: Work) -> Work:
            if work.row.get("error") is None:
                started = time.perf_counter()
                try:
                    with memory.explained(Path(work.row["input"])):
                        step(worker, work)
                except UnwritableError:
                    raise
                except MattingError as error:
                    work.row.update(error=str(error), kind=kind)
                except Exception as error:  # of hundred million pictures one will find a defect; it is no reason to end
                    work.row.update(error=f"{type(error).__name__}: {error}", kind="defect")
                work.seconds[name] = time.perf_counter() - started
            return work

        return attempt

    return guarded
