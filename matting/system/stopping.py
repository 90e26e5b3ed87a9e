"""Ctrl-C and SIGTERM as requests that wait until a piece of work is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from matting.errors import Stopped

_ASKED_BY = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether the user asked to stop.

    Attributes:
        signal: the number of the signal that asked; 0 as long as none did.
        message: what `Stopped` says when nothing waits.
    """

    def __init__(self, waits: bool) -> None:
        self.signal, self.message = 0, "stopped"
        self._waits = waits

    def __bool__(self) -> bool:
        return bool(self.signal)

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let nothing wait inside the block."""
        before, self._waits = self._waits, False
        try:
            if self.signal:
                raise Stopped(self.message, self.signal)
            yield
        finally:
            self._waits = before

    def _ask(self, number: int, _: FrameType | None) -> None:
        again, self.signal = bool(self.signal), number
        if again or not self._waits:
            raise Stopped(self.message, number)


@contextmanager
def on_request(waits: bool = True) -> Iterator[Stop]:
    """Yield what tells whether Ctrl-C or SIGTERM came; the handlers of before are back after the block.

    The first request waits until the running work looks; a second one raises `Stopped`. Python gives signals to its
    main thread alone, so in any other none is handled.

    Args:
        waits: False raises `Stopped` at the first request already.
    """
    stop = Stop(waits)
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop._ask) for number in _ASKED_BY}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
