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
    lines = done.stdout.splitlines()
    listed = [line.split()[0] for line in lines if line.startswith("  ")]
    tools = {path.stem for path in (ROOT / "tools").glob("[!_]*.py")} - {"demo"}
    assert tools == set(command.NAMES) and f"matting {__version__}" in lines
    assert sorted(listed) == sorted([*tools, *command.GROUPS]) and listed[0] == "cut"
    assert all(len(line.split()) > 2 for line in lines if line.startswith("  ")), "each says what it does"


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
    assert run(monkeypatch, "cutt") == 1
    assert "'cutt' is no command; did you mean cut?" in capsys.readouterr().err
    assert run(monkeypatch, str(ROOT / "README.md")) == 1
    assert f"is cut out by matting cut {ROOT / 'README.md'}" in capsys.readouterr().err


def test_groups_are_second_names(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for group, doors in command.GROUPS.items():
        monkeypatch.setattr(sys, "argv", ["matting", group])
        command.main()
        assert all(f"matting {group} {word} " in capsys.readouterr().out for word in list(doors)[:1])
        for word, door in doors.items():
            assert door.command in command.NAMES
            assert run(monkeypatch, group, word, "--help") == 0
            assert f"usage: matting {group}" in capsys.readouterr().out
    assert run(monkeypatch, "weights", "list") == 0
    one = capsys.readouterr().out
    assert run(monkeypatch, "download", "list") == 0
    assert one == capsys.readouterr().out and "modnet-photographic" in one
    assert run(monkeypatch, "weights", "fech") == 1
    assert "did you mean fetch" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--help"], ["cut", "--help"], ["weights"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = f"""
import sys
from matting.__main__ import main
sys.argv = ["matting", *{words!r}]
try:
    main()
finally:
    assert not {{"numpy", "cv2", "paddle", "yaml", "PIL", "tqdm"}} & set(sys.modules), sorted(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "matting" in done.stdout, done.stderr


def test_weights_without_a_configuration_are_asked_for_one(tmp_path: Path) -> None:
    (tmp_path / "w.pdparams").write_bytes(b"")
    for tool in ("val", "export"):
        outcome = run_tool(tool, "--model_path", tmp_path / "w.pdparams", "--save_dir", tmp_path / "out")
        one_sentence(outcome, "--config is missing")
        one_sentence(run_tool(tool, "--model_path", tmp_path / "none.pdparams"), "none.pdparams do not exist")
