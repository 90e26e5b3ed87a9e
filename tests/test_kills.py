"""Processes killed at any moment: nothing half-written under a good name, and what goes on ends as if unbroken.

MATTING_KILLS says how often each job is killed; `make nightly` does it 30 times.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import drawn
from demo.drawn_people import draw_portrait
from matting.pictures.files import write_png
from matting.prediction.record import RECORD
from matting.training import checkpoint
from matting.training.history import HISTORY
from test_history import learnt
from test_training import CONFIG, same
from tools import ROOT, run_tool

KILLS = int(os.environ.get("MATTING_KILLS", "3"))
ITERS = 16
CHECKPOINT_PART = ".*_*"
"""Of `iter_N` and `best_model`; the part of a file, such as the history, is named by a number."""
PATIENCE = 120
"""Seconds after which a process that does not get anywhere fails the test."""


def start(tool: str, *arguments: object, **how) -> subprocess.Popen:
    command = [sys.executable, str(ROOT / "tools" / f"{tool}.py"), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **how)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen) -> None:
    """Return when it holds or the process has ended."""
    end = time.monotonic() + PATIENCE
    while not condition() and process.poll() is None:
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.001)


def finish(process: subprocess.Popen) -> str:
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, error
    return error


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, a configuration and the run of it that nobody disturbed."""
    folder = tmp_path_factory.mktemp("kills")
    drawn.dataset(folder / "data", count=3)
    (folder / "config.yml").write_text(CONFIG.format(root=folder / "data"), encoding="utf-8")
    finish(start("train", *training(folder, "whole")))
    return folder


def training(folder: Path, run: str) -> list[object]:
    """Return the arguments of a short run, going on from its newest checkpoint if there is one."""
    last = checkpoint.latest(folder / run)
    return [
        "--config", folder / "config.yml", "--save_dir", folder / run, "--iters", ITERS, "--save_interval", 2,
        "--log_iters", 1, "--do_eval", "--device", "cpu", "--keep_checkpoint_max", 2,
        *(["--resume_model", last] if last else []),
    ]  # fmt: skip


def reached(log: Path, after: int = 0) -> int:
    """Return the last iteration that a log tells of, after so many lines; 0 if none."""
    lines = log.read_text(encoding="utf-8").splitlines()[after:] if log.is_file() else []
    found = re.findall(r"\[TRAIN\] iter=(\d+)/", "\n".join(lines))
    return int(found[-1]) if found else 0


def test_training_killed_at_any_moment_ends_as_the_unbroken_run(folder: Path) -> None:
    run, moments = folder / "killed", random.Random(0)
    writes = 0
    for kill in range(KILLS):
        log = run / "train.log"
        if reached(log) > ITERS - 4:  # all but done: start over, so that there is something to kill
            shutil.rmtree(run)
        lines = log.read_text(encoding="utf-8").count("\n") if log.is_file() else 0
        for part in run.glob(".*"):
            part.unlink() if part.is_file() else shutil.rmtree(part)
        process = start("train", *training(folder, "killed"))
        if kill % 2:  # in the middle of a checkpoint's write
            wait_until(lambda: any(run.glob(CHECKPOINT_PART)), process)
            time.sleep(moments.uniform(0, 0.03))
        else:
            wait_until(lambda log=log, lines=lines: reached(log, lines) > 0, process)
            time.sleep(moments.uniform(0, 1))
        process.kill()
        process.communicate()
        writes += any(run.glob(CHECKPOINT_PART))
        checkpoint.recover(run)
        last = checkpoint.latest(run)
        assert reached(log) - (checkpoint.progress_of(last).iteration if last else 0) <= 2  # one save interval
    if KILLS > 1:
        assert writes, "no kill hit a write; the test lost its point"
    finish(start("train", *training(folder, "killed")))
    last = f"iter_{ITERS}"
    same(folder / "whole" / last, run / last)
    for name in (last, "best_model"):
        one, other = (json.loads((folder / which / name / "state.json").read_text()) for which in ("whole", "killed"))
        assert one == other
    best = [(folder / which / "best_model/model.pdparams").read_bytes() for which in ("whole", "killed")]
    assert best[0] == best[1]
    assert learnt(folder / "whole") == learnt(run)  # whatever a kill cut or left beyond a checkpoint


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGTERM, 0), (signal.SIGINT, 2)])
def test_training_asked_to_stop_ends_in_order(folder: Path, number: int, workers: int) -> None:
    run = folder / f"asked{workers}"
    process = start("train", *training(folder, run.name), "--num_workers", workers, start_new_session=True)
    wait_until(lambda: reached(run / "train.log") >= 1, process)
    os.killpg(process.pid, number)  # a terminal's Ctrl-C goes to the workers too
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + number, error
    told = re.search(r"stopped after iteration (\d+); go on with --resume_model (.*)", error)
    assert told and "Traceback" not in error, error
    assert checkpoint.progress_of(Path(told[2])).iteration == int(told[1])
    with pytest.raises(ProcessLookupError):  # no worker stays behind
        os.killpg(process.pid, 0)
    finish(start("train", *training(folder, run.name), "--num_workers", workers))
    same(folder / f"whole/iter_{ITERS}", run / f"iter_{ITERS}")


def test_a_full_disk_costs_the_new_checkpoint_alone(folder: Path) -> None:
    run = folder / "full"
    finish(start("train", *training(folder, "full"), "--iters", 2))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.suffix != ".log"}
    size = (run / "iter_2/model.pdparams").stat().st_size

    def small_disk() -> None:  # no file may grow beyond this: what the optimizer's does, and the network's does not
        resource.setrlimit(resource.RLIMIT_FSIZE, (size * 3 // 2, size * 3 // 2))

    process = start("train", *training(folder, "full"), preexec_fn=small_disk)
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1 and "Traceback" not in error, error
    assert re.search(r"error: .*model\.pdopt cannot be written: .*make room", error), error
    after = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.suffix != ".log"}
    assert after.pop(run / HISTORY).startswith(before.pop(run / HISTORY))  # as the log, it goes on
    assert after == before
    finish(start("train", *training(folder, "full")))
    same(folder / f"whole/iter_{ITERS}", run / f"iter_{ITERS}")


def test_predict_killed_at_any_moment_leaves_whole_pictures_and_goes_on(folder: Path, tmp_path: Path) -> None:
    for number in range(30):
        write_png(tmp_path / f"photos/{number:02d}.png", draw_portrait(np.random.default_rng(number), 300, 240)[0])
    model = ("--config", folder / "config.yml", "--model_path", folder / "whole/best_model")
    exported = run_tool("export", *model, "--save_dir", tmp_path / "export")
    assert exported.status == 0, exported.error
    common = ("--model_path", tmp_path / "export", "--image_path", tmp_path / "photos", "--skip_existing")
    finish(start("predict", *common, "--save_dir", tmp_path / "whole"))
    whole = {path.name: path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    assert whole.pop(RECORD) and len(whole) == 60
    moments, found = random.Random(0), 0
    for _ in range(KILLS):
        process = start("predict", *common, "--save_dir", tmp_path / "killed")
        wanted = found + moments.randint(1, 8)
        wait_until(lambda wanted=wanted: len(list(tmp_path.glob("killed/*.png"))) >= wanted, process)
        process.kill()
        process.communicate()
        written = list(tmp_path.glob("killed/*.png"))  # without the hidden parts
        found = len(written)
        assert all(path.read_bytes() == whole[path.name] for path in written)
        if found > 45:  # all but done: start over, so that there is something to kill
            shutil.rmtree(tmp_path / "killed")
            found = 0
    finish(start("predict", *common, "--save_dir", tmp_path / "killed"))
    assert {path.name: path.read_bytes() for path in tmp_path.glob("killed/*.png")} == whole
