"""Two processes train one network and share an evaluation, whose means are those of one process."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import drawn
from matting import weights
from test_training import CONFIG
from tools import ROOT


def launch(folder: Path, ranks: int, tool: str, *arguments: object) -> None:
    command = [
        sys.executable,
        "-m",
        "paddle.distributed.launch",
        "--nproc_per_node",
        ranks,
        "--log_dir",
        folder / "log",
    ]
    command += [f"tools/{tool}.py", "--config", folder / "config.yml", "--device", "cpu", *arguments]
    done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False)
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
    command = [
        sys.executable,
        "tools/val.py",
        "--config",
        tmp_path / "config.yml",
        *model,
        "--save_dir",
        tmp_path / "one",
    ]
    subprocess.run([str(part) for part in command], cwd=ROOT, check=True, capture_output=True)
    one, two = rows(tmp_path / "one/metrics.csv"), rows(tmp_path / "two/metrics.csv")
    assert [row["name"] for row in one] == [row["name"] for row in two] and len(one) == 6
    for left, right in zip(one, two, strict=True):
        assert float(left["SAD"]) == pytest.approx(float(right["SAD"]), rel=1e-6)
