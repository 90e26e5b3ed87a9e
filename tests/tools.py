"""Calling the tools in this process, as their users do from the command line."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import io
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Outcome:
    """What a call of a tool ended with."""

    status: int
    output: str
    error: str


def run_tool(name: str, *arguments: object) -> Outcome:
    """Run `python tools/NAME.py ARGUMENTS` without the seconds that a new process spends on imports."""
    folder = ROOT / "tools"
    output, error = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [f"tools/{name}.py", *map(str, arguments)])
        patch.syspath_prepend(str(folder))
        spec = importlib.util.spec_from_file_location(f"tool_{name}", folder / f"{name}.py")
        assert spec and spec.loader
        tool = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(tool)
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(error):
            handler = signal.getsignal(signal.SIGTERM)
            try:
                tool._door.run(tool.main)
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
            finally:
                signal.signal(signal.SIGTERM, handler)
    return Outcome(status, output.getvalue(), error.getvalue())


def tool_parser(name: str) -> argparse.ArgumentParser:
    """Return the parser that a tool reads its arguments with."""
    parsers: list[argparse.ArgumentParser] = []

    def note(parser: argparse.ArgumentParser, *_: object) -> None:
        parsers.append(parser)
        raise SystemExit(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", note)
        run_tool(name)
    return parsers[0]


def cut_out(trained: Path, images: Path, results: Path, *more: object) -> Outcome:
    """Run predict.py with the network of the fixture `trained` in Paddle's dynamic graph, which needs no export."""
    return run_tool(
        "predict", "--config", trained / "config.yml", "--model_path", trained / "run/best_model",
        "--engine", "dynamic", "--image_path", images, "--save_dir", results, *more,
    )  # fmt: skip


def one_sentence(outcome: Outcome, *said: str) -> None:
    """Assert that a tool ended with an error that says all of this, without a traceback."""
    assert outcome.status == 1 and "Traceback" not in outcome.error, outcome.error
    told = outcome.error[outcome.error.index("error: ") :]
    assert all(words in told for words in said), told
