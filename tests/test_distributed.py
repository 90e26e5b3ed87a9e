"""Several processes train one network, share an evaluation and a prediction, and end together when one is killed.

MATTING_RANKS says how many; `make nightly` takes 4.
"""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import drawn
from matting import weights
from matting.training import checkpoint
from test_training import CONFIG
from tools import ROOT, run_tool

RANKS = int(os.environ.get("MATTING_RANKS", "2"))
TERM = re.compile(r"(\w+)=([0-9.e+-]+)")


def command(folder: Path, ranks: int, tool: str, *arguments: object) -> list[str]:
    launcher = ["-m", "paddle.distributed.launch", "--nproc_per_node", ranks, "--log_dir", folder / "log"]
    run = [f"tools/{tool}.py", "--config", folder / "config.yml", "--device", "cpu", *arguments]
    return [sys.executable, *(str(part) for part in [*(launcher if ranks > 1 else []), *run])]


def launch(folder: Path, ranks: int, tool: str, *arguments: object) -> None:
    done = subprocess.run(
        command(folder, ranks, tool, *arguments), cwd=ROOT, capture_output=True, text=True, check=False
    )
    logs = "\n".join(path.read_text(errors="replace") for path in (folder / "log").glob("workerlog.*"))
    assert done.returncode == 0, f"{done.stderr[-2000:]}\n{logs[-3000:]}"


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_two_ranks_train_and_evaluate(tmp_path: Path) -> None:
    drawn.dataset(tmp_path / "data", count=5)
    (tmp_path / "config.yml").write_text(CONFIG.format(root=tmp_path / "data"), encoding="utf-8")
    launch(tmp_path, 2, "train", "--save_dir", tmp_path / "run", "--iters", 2, "--save_interval", 2, "--do_eval")
    trained = weights.read_weights(tmp_path / "run/iter_2")
    assert all(np.isfinite(value).all() for value in trained.values())
    assert [path.name for path in (tmp_path / "run").glob("iter_*")] == ["iter_2"]

    model = ("--model_path", tmp_path / "run/iter_2", "--metrics", "SAD", "MSE")
    launch(tmp_path, 2, "val", *model, "--save_dir", tmp_path / "two")
    launch(tmp_path, 1, "val", *model, "--save_dir", tmp_path / "one")
    one, two = rows(tmp_path / "one/metrics.csv"), rows(tmp_path / "two/metrics.csv")
    assert [row["name"] for row in one] == [row["name"] for row in two] and len(one) == 6
    for left, right in zip(one, two, strict=True):
        assert float(left["SAD"]) == pytest.approx(float(right["SAD"]), rel=1e-6)


def test_what_several_ranks_score_is_what_they_save(tmp_path: Path) -> None:
    drawn.dataset(tmp_path / "data", count=2 * RANKS)
    for number in range(RANKS):  # ranks see other pictures, so that the statistics of their norms part
        drawn.save(tmp_path / f"data/train/fg/{number}.png", drawn.texture(60, 80, number) // 4)
    (tmp_path / "config.yml").write_text(CONFIG.format(root=tmp_path / "data"), encoding="utf-8")
    launch(
        tmp_path, RANKS, "train", "--save_dir", tmp_path / "run", "--iters", 4, "--save_interval", 2, "--do_eval",
        "--metrics", "SAD", "MSE",
    )  # fmt: skip
    text = (tmp_path / "run/train.log").read_text(encoding="utf-8")
    printed = re.findall(r"\[EVAL\] iter=(\d+) SAD=(\S+) MSE=(\S+)", text)
    assert [int(iteration) for iteration, *_ in printed] == [2, 4]
    for iteration, *scores in printed:
        saved = ("--model_path", tmp_path / f"run/iter_{iteration}", "--save_dir", tmp_path / f"val{iteration}")
        outcome = run_tool("val", "--config", tmp_path / "config.yml", *saved, "--metrics", "SAD", "MSE")
        assert outcome.status == 0, outcome.error
        table = rows(tmp_path / f"val{iteration}/metrics.csv")
        means = [np.mean([float(row[name]) for row in table]) for name in ("SAD", "MSE")]
        assert [float(score) for score in scores] == pytest.approx(means, abs=6e-5)  # four digits are printed


def losses(run: Path) -> list[dict[str, float]]:
    lines = re.findall(r"\[TRAIN\] iter=.*? loss=(.*?) \((.*?)\)", (run / "train.log").read_text(encoding="utf-8"))
    return [
        {"loss": float(total), **{name: float(value) for name, value in TERM.findall(terms)}} for total, terms in lines
    ]


def test_ranks_learn_what_one_process_learns_from_the_same_batches(tmp_path: Path) -> None:
    # With norms frozen, whose statistics are of a rank's own samples, and without the term that is a mean over the
    # unknown pixels of a batch: all else is a mean over samples, so that the ranks' mean is the whole batch's.
    drawn.dataset(tmp_path / "data", count=8)
    text = CONFIG.format(root=tmp_path / "data").replace("{type: Adam}", "{type: sgd, momentum: 0.9}")
    layers = "[head.f_branch.conv_f.1, head.lr_branch.conv_lr.layers.0]"
    text += f"\nloss: {{type: MODNetLoss, detail: 0.0}}\ntrainable: {layers}\n"
    (tmp_path / "config.yml").write_text(text, encoding="utf-8")
    for ranks in (1, RANKS):
        launch(
            tmp_path, ranks, "train", "--save_dir", tmp_path / f"run{ranks}", "--iters", 6, "--save_interval", 6,
            "--log_iters", 1, "--batch_size", 4 // ranks,
        )  # fmt: skip
    one, several = (losses(tmp_path / f"run{ranks}") for ranks in (1, RANKS))
    assert len(one) == len(several) == 6 and len(one[0]) > 4
    for left, right in zip(one, several, strict=True):
        assert left == pytest.approx(right, abs=2e-4)  # four digits are printed
    left, right = (weights.read_weights(tmp_path / f"run{ranks}/iter_6") for ranks in (1, RANKS))
    for name, value in left.items():
        np.testing.assert_allclose(right[name], value, atol=1e-5, err_msg=name)


def test_a_killed_rank_ends_the_job_and_costs_no_checkpoint(tmp_path: Path) -> None:
    drawn.dataset(tmp_path / "data", count=2 * RANKS)
    (tmp_path / "config.yml").write_text(CONFIG.format(root=tmp_path / "data"), encoding="utf-8")
    arguments = ("--save_dir", tmp_path / "run", "--iters", 10_000, "--save_interval", 2, "--keep_checkpoint_max", 2)
    job = subprocess.Popen(command(tmp_path, RANKS, "train", *arguments), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while not list((tmp_path / "run").glob("iter_*")):
        assert job.poll() is None and time.monotonic() < end
        time.sleep(0.1)
    last = next(pid for pid in children(job.pid) if f"PADDLE_TRAINER_ID={RANKS - 1}".encode() in environment(pid))
    os.kill(last, signal.SIGKILL)
    told = job.communicate(timeout=60)[1]  # it does not wait for ever for the one that is gone
    assert job.returncode != 0 and "Exit code" in told
    assert not [pid for pid in children(job.pid) if environment(pid)]
    newest = checkpoint.latest(tmp_path / "run")
    assert newest is not None
    reached = checkpoint.progress_of(newest).iteration
    launch(tmp_path, 1, "train", "--save_dir", tmp_path / "run", "--resume_model", newest, "--iters", reached + 1)


def environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def children(pid: int) -> list[int]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(status.parent.name))
    return found


def test_a_prediction_is_shared_without_overlap(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        drawn.save(tmp_path / f"in/{number}.png", drawn.texture(40, 50))
    predict = (
        "predict", "--config", trained / "config.yml", "--model_path", trained / "run/best_model",
        "--engine", "dynamic", "--image_path", tmp_path / "in", "--save_dir", tmp_path / "out",
        "--save", "alpha", "--skip_existing",
    )  # fmt: skip
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "3")
    counts = []
    for rank in range(3):
        monkeypatch.setenv("PADDLE_TRAINER_ID", str(rank))
        outcome = run_tool(*predict)
        assert outcome.status == 0 and f"process {rank}" in outcome.output and "there already" not in outcome.output
        counts.append(len(list((tmp_path / "out").glob("*.png"))))
    assert counts == [2, 4, 5]
    (tmp_path / "out/2_alpha.png").unlink()
    assert "1 of 1 pictures of process 2" in run_tool(*predict).output
    assert "0 of 1 pictures of process 2 cut out, 1 were there already" in run_tool(*predict).output
