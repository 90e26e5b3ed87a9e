"""SIGTERM ends a tool by Python's handler, before Paddle's import and after it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tools import ROOT

PROGRAM = """
import os, signal, time
from matting.commands.running import run

def main():
    {before}
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)

run(main)
"""


LOOKED_UP = "import importlib.util; importlib.util.find_spec('paddle'); import paddle"


@pytest.mark.parametrize("before", ["pass", "import paddle", LOOKED_UP])
def test_a_tool_ends_in_order(before: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(before=before)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 143
    assert done.stderr.splitlines()[-1] == "stopped" and "Traceback" not in done.stdout + done.stderr
