"""One log for people: lines on the terminal and, in a training run, in a file, both in UTF-8."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path

from matting import atomic


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
    if hasattr(sys.stderr, "reconfigure"):
        sys.stderr.reconfigure(encoding="utf-8", errors="replace")
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    handlers[0].setLevel(logging.WARNING if quiet else logging.INFO)
    if file is not None:
        with atomic.explained(file):
            file.parent.mkdir(parents=True, exist_ok=True)
            handlers.append(logging.FileHandler(file, encoding="utf-8"))
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        root.addHandler(handler)
    # Paddle and PaddleSeg announce their own deprecations at import; nobody using the tools can act on them.
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", module="paddle|paddleseg|visualdl|sklearn")
