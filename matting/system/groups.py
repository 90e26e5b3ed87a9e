"""Processes that end together: a group, led by one of them, where the system has such."""

from __future__ import annotations

import contextlib
import os
import signal

ARE_THERE = hasattr(os, "killpg")
"""Whether the system has them; Windows has not."""


def kill(leader: int) -> None:
    """End a group at once, by the process that leads it: one of one's own that was not waited for yet."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def leave() -> None:
    """End this process at once, and all that it started if it leads a group."""
    if ARE_THERE and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)
