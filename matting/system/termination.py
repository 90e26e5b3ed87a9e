"""SIGTERM, answered by Python however late Paddle is imported: Paddle puts a handler in its place that can hang."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType, ModuleType
from typing import Any


def answer(handler: Callable[[int, FrameType | None], Any]) -> None:
    """Have a handler called on SIGTERM from now on; to be called in the main thread.

    Paddle's own, set when it is imported, prints a trace from within whatever was running: where that was allocating
    memory, it waits for ever. So the handler that is in force then is set again after the import.
    """
    signal.signal(signal.SIGTERM, handler)
    if "paddle" not in sys.modules:
        sys.meta_path.insert(0, _Watch())


class _Watch(importlib.abc.MetaPathFinder):
    """Sees Paddle's import coming, each time that it is asked for, and steps aside to have it found."""

    _asks = False

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "paddle" or self._asks:
            return None
        self._asks = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._asks = False
        loader: Any = spec and spec.loader
        if loader is not None:
            loader.exec_module = _then_again(loader.exec_module)
        return spec


def _then_again(load: Callable[[ModuleType], None]) -> Callable[[ModuleType], None]:
    def loaded(module: ModuleType) -> None:
        load(module)
        with contextlib.suppress(ValueError):  # imported by another thread, which may set no handler
            signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGTERM))

    return loaded
