"""The report of a training run says what training itself says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from matting import metrics
from matting.errors import MattingError
from matting.evaluation.table import Evaluation
from matting.metrics.trimap_agreement import trimap_agreement
from matting.training import checkpoint, history, loop
from matting.training.history import Row
from matting.training.report import write_run_report
from matting.training.run import run_training
from matting.training.watcher import CONSISTENCY
from test_training import options, values  # noqa: F401  (a fixture)


@pytest.mark.parametrize(
    ("name", "best"), [("trimap_mIoU", 0.9), ("SAD", 0.5), ("SAD_unknown", 0.5), ("IoU", 0.9), (CONSISTENCY, 0.5)]
)
def test_training_and_report_agree_on_the_best(
    tmp_path: Path,
    values: dict,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    best: float,
) -> None:
    means = iter([0.7, 0.9, 0.5, 0.6])
    monkeypatch.setattr(loop._Run, "step", lambda run, _: setattr(run.state, "iteration", run.state.iteration + 1))
    monkeypatch.setattr("matting.training.run._scorer", lambda *_: lambda _: Evaluation([], {name: next(means)}))
    run_training({**values, "iters": 4}, options(tmp_path, save_interval=1), validate=True)
    at = {0.9: 2, 0.5: 3}[best]
    assert checkpoint.progress_of(tmp_path / "best_model").best == {name: best, "iteration": at}
    page = write_run_report(tmp_path).read_text(encoding="utf-8")
    assert f"{best} at iteration {at}" in page and f"best {best} at {at}" in page


def test_what_a_run_went_back_from_is_not_reported(tmp_path: Path) -> None:
    for row in (
        Row(2, 6, metrics={"SAD": 3.0}), Row(4, 6, losses={"loss": 9.0}), Row(4, 6, metrics={"SAD": 1.0, "MSE": 0.1})
    ):  # fmt: skip
        history.append(tmp_path, row)
    assert "1 at iteration 4" in write_run_report(tmp_path).read_text(encoding="utf-8")
    history.go_on(tmp_path / "iter_2", tmp_path, 2, 2)
    for row in (Row(3, 6, losses={"loss": 5.0}), Row(3, 6, metrics={"SAD": 2.0})):
        history.append(tmp_path, row)
    page = write_run_report(tmp_path).read_text(encoding="utf-8")
    assert "2 at iteration 3" in page and "3 of 6" in page and ">loss<" in page
    assert [(row.iteration, dict(row.losses), dict(row.metrics)) for row in history.read(tmp_path)] == [
        (2, {}, {"SAD": 3.0}), (3, {"loss": 5.0}, {}), (3, {}, {"SAD": 2.0})
    ]  # fmt: skip
    for title in ("iteration 2: 3", "iteration 3: 2", "iteration 3: 5"):  # of the points
        assert f"<title>{title}</title>" in page
    assert page.count("<circle") == 3
    for gone in ("1 at iteration 4", ">MSE<", "last 9"):
        assert gone not in page


def test_a_folder_without_a_history_has_no_report(tmp_path: Path) -> None:
    with pytest.raises(MattingError, match=r"history\.jsonl cannot be read .*give the folder of a run"):
        write_run_report(tmp_path)
    (tmp_path / history.HISTORY).write_bytes(b'{"iteration": 1')
    with pytest.raises(MattingError, match=r"history\.jsonl holds no report yet"):
        write_run_report(tmp_path)


def test_every_metric_has_its_row() -> None:
    trimap = np.full((2, 2), 128, np.uint8)
    clips = metrics.score(trimap, trimap, protocol="rvm", before=(trimap, trimap))
    measured = (*metrics.score(trimap, trimap, trimap), *clips, *trimap_agreement(trimap, trimap), CONSISTENCY)
    for name in measured:
        metric = metrics.metric_of(name)
        assert metric.lower_is_better == (not name.startswith(("trimap_", "IoU"))) and metric.unit
        assert (metric.cost(0.25) < metric.cost(0.5)) == metric.lower_is_better
    assert {metrics.metric_of(name).name for name in measured} == set(metrics.METRICS)
    for name in ("speed", "seconds_predicting", "trimap"):
        assert not metrics.is_metric(name)
        with pytest.raises(MattingError, match=f"no metric '{name}'"):
            metrics.metric_of(name)


def test_a_protocols_own_unit_is_in_every_heading() -> None:
    grad = metrics.PROTOCOLS["p3m"].column("Grad")
    assert grad.metric.scale == 0.1 and metrics.METRICS["Grad"].scale == 1e-3
    evaluation = Evaluation([{"name": "a"}], {"Grad": 1.0}, protocol=metrics.PROTOCOLS["p3m"])
    assert grad.metric.unit in grad.heading and grad.metric.unit in evaluation.table()
