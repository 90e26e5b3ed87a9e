"""A guard against forgetting: scored before the first iteration and at each validation, and no best model is worse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import drawn
from matting import config
from matting.errors import MattingError
from matting.training import guard, history, report, run_folder
from matting.training.checkpoint import Progress, progress_of
from matting.training.options import Options
from matting.training.run import run_training
from test_training import CONFIG


@pytest.fixture
def values(tmp_path: Path) -> dict:
    drawn.dataset(tmp_path / "data", count=2)
    drawn.dataset(tmp_path / "others", count=1)
    path = tmp_path / "config.yml"
    kept = f"guard_dataset: {{dataset_root: {tmp_path / 'others'}}}\n"
    path.write_text(CONFIG.format(root=tmp_path / "data") + kept, encoding="utf-8")
    return config.load(path, iters=2)


def options(folder: Path) -> Options:
    return Options(folder, save_interval=1, log_iters=1, keep_checkpoint_max=0)


def test_a_run_scores_the_guard_before_and_while_it_learns_and_knows_it_when_resumed(
    tmp_path: Path, values: dict
) -> None:
    run_training(values, options(tmp_path / "whole"), validate=True, metric_names=["MAD"])
    rows = [row for row in history.read(tmp_path / "whole") if row.metrics]
    assert [row.iteration for row in rows] == [0, 1, 2]
    assert all(np.isfinite(row.metrics["MAD"]) and np.isfinite(row.metrics["MAD_guard"]) for row in rows)
    assert rows[0].metrics["MAD"] != rows[0].metrics["MAD_guard"]
    start = progress_of(tmp_path / "whole/iter_2").start
    assert start == dict(rows[0].metrics)
    run_training(
        values, options(tmp_path / "rest"), validate=True, metric_names=["MAD"], resume_from=tmp_path / "whole/iter_1"
    )
    one, other = (json.loads((tmp_path / run / "iter_2/state.json").read_text()) for run in ("whole", "rest"))
    assert one == other
    assert "MAD, guard" in report.write_run_report(tmp_path / "whole").read_text(encoding="utf-8")


def test_what_is_worse_on_the_guards_pictures_is_no_best_model(
    tmp_path: Path, values: dict, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kept = []
    monkeypatch.setattr(run_folder.checkpoint, "save", lambda folder, *_: kept.append(folder.name))
    progress = Progress()
    for iteration, own, others in ((0, 10.0, 5.0), (1, 8.0, 5.1), (2, 9.0, 5.0), (3, 8.5, 4.0), (4, 8.7, 4.5)):
        progress.iteration = iteration
        means = {"SAD": own, "MSE": 0.1, "SAD_guard": others, "MSE_guard": 0.1}
        before = len(kept)
        run_folder.keep_best(tmp_path, None, values, progress, means)
        assert (len(kept) > before) == (iteration in (0, 2, 3))
    assert progress.best["iteration"] == 3
    assert "SAD_guard=5.1 is worse than the 5 it began with" in caplog.text


@pytest.mark.parametrize(
    ("name", "start", "now", "worse"),
    [
        ("MAD", 0.01, 0.011, True), ("MAD", 0.01, 0.01, False),
        ("IoU", 0.9, 0.89, True), ("IoU", 0.9, 0.95, False),
    ],
)  # fmt: skip
def test_worse_is_by_the_metrics_own_direction(name: str, start: float, now: float, worse: bool) -> None:
    told = guard.forgotten({name: 1.0, f"{name}_guard": start}, {name: 1.0, f"{name}_guard": now})
    assert bool(told) == worse
    assert not guard.forgotten({}, {name: 1.0, f"{name}_guard": now})  # a run from before there was a guard


def test_without_a_guard_nothing_is_scored_before_the_first_iteration(tmp_path: Path, values: dict) -> None:
    del values["guard_dataset"]
    run_training({**values, "iters": 1}, options(tmp_path / "run"), validate=True, metric_names=["MAD"])
    assert [row.iteration for row in history.read(tmp_path / "run") if row.metrics] == [1]
    assert not (tmp_path / "run/iter_0").exists()


def test_a_guard_that_cannot_be_is_told_before_any_work(tmp_path: Path, values: dict) -> None:
    with pytest.raises(MattingError, match="guard_dataset.*trimap"):
        run_training(values, options(tmp_path / "run"), validate=True, metric_names=["trimap"])
    values["guard_dataset"]["val_fiel"] = "x.txt"
    with pytest.raises(MattingError, match="guard_dataset.*val_fiel.*val_file"):
        run_training(values, options(tmp_path / "run"), validate=True)
    with pytest.raises(MattingError, match="guard_dataset is 'others'; it must be a mapping"):
        config.load(tmp_path / "config.yml", ["guard_dataset=others"])
