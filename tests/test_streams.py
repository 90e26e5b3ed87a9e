"""Tools whose output goes wrong: narrow encodings, a reader who leaves, closed streams, a full disk."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

import drawn
from matting.pictures.files import read_trimap
from matting.prediction.record import RECORD
from matting.system import log
from tools import ROOT

NARROW = [
    {"PYTHONIOENCODING": "ascii:strict"},
    {"PYTHONIOENCODING": "utf-8:strict"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


def start(tool: str, *arguments: object, redirect: str = "", env: Mapping[str, str] = os.environ, **streams: int):
    """Run a tool in a process of its own, its streams led where a shell would lead them."""
    command = ["sh", "-c", f'exec "$0" "$@" {redirect}', sys.executable, str(ROOT / f"tools/{tool}.py")]
    led = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run([*command, *map(os.fsencode, map(str, arguments))], env=env, check=False, **led)  # type: ignore


@pytest.fixture
def nobody():
    """The end of a pipe to write to, at whose other end nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """A folder with a mask of a Chinese name, one of a name that is not UTF-8, and a file that is no picture."""
    matte = np.rint(drawn.disc() * 255).astype(np.uint8)
    for name in ("人像.png", os.fsdecode(b"rose\xe9.png")):
        drawn.save(tmp_path / "masks/a.png", matte).rename(tmp_path / "masks" / name)
    (tmp_path / "masks/坏.png").write_bytes(b"no picture")
    return tmp_path / "masks"


def trimaps(folder: Path) -> list[np.ndarray]:
    return [read_trimap(path) for path in folder.iterdir() if path.name != RECORD]


@pytest.mark.parametrize("env", NARROW, ids=lambda env: " ".join(env.values()))
def test_a_narrow_encoding_escapes_what_it_lacks(masks: Path, tmp_path: Path, env: dict[str, str]) -> None:
    target = tmp_path / f"出{os.fsdecode(bytes([0xE9]))}"
    done = start("make_trimap", "--alpha_path", masks, "--save_dir", target, env={**os.environ, **env})
    assert done.returncode == 1 and b"Traceback" not in done.stderr and b"Error" not in done.stderr, done.stderr
    assert b"2 of 3 trimaps made" in done.stdout and rb"\udce9" in done.stdout and len(trimaps(target)) == 2
    if "ascii:strict" in env.values():  # elsewhere these are in the encoding, or names are bytes
        assert rb"\u51fa" in done.stdout and rb"\u574f.png cannot be read" in done.stderr


@pytest.mark.parametrize("broken", [("stdout",), ("stderr",), ("stdout", "stderr")])
def test_a_reader_who_leaves_ends_nothing(masks: Path, tmp_path: Path, nobody: int, broken: tuple[str, ...]) -> None:
    done = start("make_trimap", "--alpha_path", masks, "--save_dir", tmp_path / "out", **dict.fromkeys(broken, nobody))
    assert done.returncode == 1 and len(trimaps(tmp_path / "out")) == 2  # for the file that is no picture
    assert not done.stderr or (b"Broken" not in done.stderr and b"Traceback" not in done.stderr), done.stderr
    helped = start("make_trimap", "--help", **dict.fromkeys(broken, nobody))
    assert helped.returncode == 0 and not helped.stderr


@pytest.mark.parametrize("redirect", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_end_nothing(masks: Path, tmp_path: Path, redirect: str) -> None:
    done = start("make_trimap", "--alpha_path", masks, "--save_dir", tmp_path / "out", redirect=redirect)
    assert done.returncode == 1 and len(trimaps(tmp_path / "out")) == 2 and b"Traceback" not in done.stderr
    assert start("make_trimap", "--nothing", redirect=redirect).returncode == 2


def test_a_full_disk_under_the_output_is_told(masks: Path, tmp_path: Path) -> None:
    (masks / "坏.png").unlink()
    with open("/dev/full", "wb") as full:
        done = start("make_trimap", "--alpha_path", masks, "--save_dir", tmp_path / "out", stdout=full.fileno())
    assert done.returncode == 1 and b"Traceback" not in done.stderr, done.stderr
    assert done.stderr.splitlines()[-1].startswith(b"error: the output cannot be written: No space left")
    assert len(trimaps(tmp_path / "out")) == 2


def test_a_log_on_a_full_disk_is_told_once(capfd: pytest.CaptureFixture[str]) -> None:
    log.start(Path("/dev/full"))
    for number in range(3):
        logging.getLogger("matting.test").info("line %d", number)
    log.start()
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 4 and lines.count("/dev/full cannot be written: No space left on device") == 1, lines


@pytest.mark.parametrize("tool", ["train", "predict"])
def test_work_is_done_though_nobody_reads_on(trained: Path, tmp_path: Path, nobody: int, tool: str) -> None:
    flags: dict[str, list[object]] = {
        "train": ["--iters", 2, "--log_iters", 1, "--save_interval", 1, "--do_eval"],
        "predict": ["--model_path", trained / "run/best_model", "--image_path", trained / "data/train/fg"]
        + ["--engine", "dynamic", "--save", "alpha"],
    }
    common = ["--config", trained / "config.yml", "--save_dir", tmp_path / "out"]
    done = start(tool, *common, *flags[tool], stdout=nobody, stderr=nobody)
    assert done.returncode == 0
    names = {path.name for path in (tmp_path / "out").iterdir()} - {RECORD}
    assert names >= ({"iter_2", "best_model"} if tool == "train" else {f"{number}_alpha.png" for number in range(3)})
