"""The way from a tool to the command of the same name, also in a clone in which the package is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from matting.commands.running import run

__all__ = ["run"]
