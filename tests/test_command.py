"""The installed command: the same commands as the tools, without a clone."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from matting import __main__ as command
from matting.version import __version__
from tools import ROOT, one_sentence, run_tool


def test_it_lists_its_commands_and_every_tool_is_one() -> None:
    done = subprocess.run([sys.executable, "-m", "matting"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = {line.strip() for line in done.stdout.splitlines()}
    tools = {path.stem for path in (ROOT / "tools").glob("[!_]*.py")} - {"demo"}
    assert tools == set(command.NAMES) <= listed and f"matting {__version__}" in listed


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["matting", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("matting", run_name="__main__")
    return int(end.value.code or 0)


def test_it_hands_its_arguments_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(monkeypatch, "predict", "--help") == 0
    assert "usage: matting predict" in capsys.readouterr().out
    assert run(monkeypatch, "predct") == 1
    assert "'predct' is no command; did you mean predict" in capsys.readouterr().err


def test_weights_without_a_configuration_are_asked_for_one(tmp_path: Path) -> None:
    (tmp_path / "w.pdparams").write_bytes(b"")
    for tool in ("val", "export"):
        outcome = run_tool(tool, "--model_path", tmp_path / "w.pdparams", "--save_dir", tmp_path / "out")
        one_sentence(outcome, "--config is missing")
