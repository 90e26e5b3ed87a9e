"""One log for people: lines on the terminal and, in a training run, in a file in UTF-8."""

from __future__ import annotations

import copy
import logging
import os
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matting.errors import MattingError
from matting.system import atomic, streams
from matting.text import visible, visible_lines


def start(file: Path | None = None, quiet: bool = False) -> None:
    """Send the package's messages to the terminal, and to `file` as well if one is given.

    Args:
        quiet: only warnings and errors go to the terminal (the other ranks of a distributed run).

    Raises:
        UnwritableError: the file cannot be written.
    """
    root = logging.getLogger("matting")
    root.setLevel(logging.INFO)
    root.propagate = False
    root.handlers.clear()
    streams.escape_what_is_lacking(sys.stderr)
    handlers: list[logging.Handler] = [_Terminal(sys.stderr)]
    handlers[0].setLevel(logging.WARNING if quiet else logging.INFO)
    if file is not None:
        with atomic.explained(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(_File(file, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        root.addHandler(handler)
    # Paddle and PaddleSeg announce their own deprecations at import; nobody using the tools can act on them.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", module="paddle|paddleseg|visualdl|sklearn")


class Formatter(logging.Formatter):
    """Shows what is filled into a message on its line: only the message's own text may break it."""

    def format(self, record: logging.LogRecord) -> str:
        safe = copy.copy(record)
        if isinstance(record.args, Mapping):
            safe.args = {key: _on_one_line(value) for key, value in record.args.items()}
        elif record.args:
            safe.args = tuple(map(_on_one_line, record.args))
        return visible_lines(super().format(safe).split("\n"))


class _Terminal(logging.StreamHandler):
    """Goes on in silence when nobody reads any more (`2>&1 | head`): a log's end is no reason to lose work."""

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], OSError):
            streams.let_go(self.stream)
        else:
            super().handleError(record)


class _File(logging.FileHandler):
    """Says once that its file cannot be written, where the disk is full; whether work goes on is not its decision."""

    _failed = False

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._failed:
            self._failed = True
            streams.say(f"{self.baseFilename} cannot be written: {error.strerror}", stream=sys.stderr)


def _on_one_line(value: Any) -> Any:
    """Return what a name may hide in as safe text; numbers, and errors that are safe themselves, as they are."""
    is_safe = isinstance(value, MattingError) or not isinstance(value, (str, os.PathLike, Exception))
    return value if is_safe else visible(value)
