"""The three tools end to end on a small drawn set, and their errors."""

from __future__ import annotations

import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import drawn
from matting.pictures.files import read_alpha
from matting.prediction.failures import FAILURES
from matting.prediction.record import RECORD
from matting.training import history
from tools import ROOT, run_tool


def test_a_training_run_writes_its_report(trained: Path, tmp_path: Path) -> None:
    outcome = run_tool(
        "train", "--config", trained / "config.yml", "--save_dir", tmp_path / "run", "--iters", 4, "--do_eval",
        "--save_interval", 2, "--log_iters", 1, "--report",
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    text = (tmp_path / "run/report.html").read_text(encoding="utf-8")
    assert "4 of 4" in text and "best SAD" in text and ">fusion_l1<" in text
    for title in ("iteration 2", "iteration 4", "truth", "cutout"):
        assert f'"title": "{title}"' in text
    assert ">samples/s<" in text and ">reader" not in text and ">lr<" in text
    rows = history.read(tmp_path / "run")
    assert [row.iteration for row in rows if "loss" in row.losses] == [1, 2, 3, 4]
    assert [row.iteration for row in rows if "MSE_unknown" in row.metrics] == [2, 4]
    assert {row.iters for row in rows} == {4}


def test_train_reports_and_saves(trained: Path) -> None:
    log = (trained / "run/train.log").read_text(encoding="utf-8")
    for said in ("iter=2/2", "semantic=", "fusion_consistency=", "samples/s", "reader=", "ETA", "best MAD="):
        assert said in log
    assert sorted(path.name for path in (trained / "run").iterdir()) == [
        "best_model", "history.jsonl", "iter_2", "train.log",
    ]  # fmt: skip


def test_val_and_predict_give_the_same_matte_bit_for_bit(trained: Path, tmp_path: Path) -> None:
    common = ("--config", trained / "config.yml", "--model_path", trained / "run/best_model")
    val = run_tool("val", *common, "--save_dir", tmp_path / "val", "--save_results")
    assert val.status == 0, val.error
    for said in ("whole image", "0 trimaps from the list, 3 made", "SAD", "Grad", "IoU"):
        assert said in val.output
    for engine, levels in (("dynamic", 0), ("auto", 1)):
        out = tmp_path / engine
        images = ("--image_path", trained / "data/train/fg", "--save_dir", out)
        predict = run_tool("predict", *common, *images, "--engine", engine)
        assert predict.status == 0, predict.error
        assert "3 of 3" in predict.output and "ms a picture (decode" in predict.output
        for number in range(3):
            theirs = read_alpha(tmp_path / f"val/train/fg/{number}.png")
            assert theirs.shape == (60, 80)
            apart = np.abs(theirs - read_alpha(out / f"{number}_alpha.png")).max()
            assert round(float(apart) * 255) <= levels


def test_the_csv_has_a_row_an_image_and_their_mean(trained: Path, tmp_path: Path) -> None:
    outcome = run_tool(
        "val", "--config", trained / "config.yml", "--model_path", trained / "run/best_model/model.pdparams",
        "--save_dir", tmp_path, "--metrics", "SAD", "MSE",
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    with open(tmp_path / "metrics.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == ["train/fg/0.png", "train/fg/1.png", "train/fg/2.png", "mean"]
    assert set(rows[0]) == {
        "name", "height", "width", "SAD", "MSE", "SAD_unknown", "MSE_unknown", "seconds_predicting", "seconds_scoring",
    }  # fmt: skip
    assert float(rows[3]["SAD"]) == pytest.approx(np.mean([float(row["SAD"]) for row in rows[:3]]))


def test_val_writes_a_manifest_and_a_report_from_processes_of_their_own(trained: Path, tmp_path: Path) -> None:
    weights = trained / "run/best_model/model.pdparams"
    outcome = run_tool(
        "val", "--config", trained / "config.yml", "--model_path", weights, "--save_dir", tmp_path, "--save_results",
        "--report", "--protocol", "p3m", "--score_workers", 1, "--refine", "fast",
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["weights"]["sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert manifest["protocol"]["name"] == "p3m" and manifest["protocol"]["rounding"] == "none"
    assert manifest["refine"] == "fast"
    assert manifest["device"] == "cpu" and manifest["images"] == 3 == len(manifest["dataset"]["files"])
    alpha = manifest["dataset"]["files"][0]["alpha"]
    assert alpha["sha256"] == hashlib.sha256(Path(alpha["path"]).read_bytes()).hexdigest()
    assert "SAD_background" in manifest["means"]
    assert (tmp_path / "report.html").stat().st_size > 10_000


def test_predict_goes_on_past_a_broken_file_and_says_so(trained: Path, tmp_path: Path) -> None:
    drawn.save(tmp_path / "in/GOOD.JPG", drawn.texture(50, 40))
    (tmp_path / "in/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    outcome = run_tool(
        "predict", "--config", trained / "config.yml", "--model_path", trained / "run/iter_2",
        "--image_path", tmp_path / "in", "--save_dir", tmp_path / "out",
    )  # fmt: skip
    assert outcome.status == 1
    assert "broken.png" in outcome.error and "Traceback" not in outcome.error
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "GOOD_alpha.png",
        "GOOD_rgba.png",
        FAILURES,
        RECORD,
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model_path", "{run}", "--device", "gpu"), "--device cpu"),
        ((), "--model_path is missing"),
        (("--model_path", "nowhere.pdparams"), "do not exist"),
        (("--model_path", "{run}", "--opts", "model.hr_channels=16"), "do not fit the network"),
        (("--model_path", "{run}", "--opts", "model.hr_chanels=8"), "did you mean hr_channels"),
        (("--model_path", "{run}", "--metrics", "SDA"), "did you mean SAD"),
        (("--model_path", "{run}", "--protocol", "adobe"), "3 of 3 samples have none"),
    ],
)
def test_what_the_user_can_mend_is_one_line(trained: Path, arguments: tuple[str, ...], said: str) -> None:
    filled = [argument.format(run=trained / "run/best_model") for argument in arguments]
    outcome = run_tool("val", "--config", trained / "config.yml", "--save_dir", trained / "val", *filled)
    assert outcome.status == 1
    last = outcome.error.strip().splitlines()[-1]
    assert last.startswith("error: ") and said in last
    assert "Traceback" not in outcome.error


@pytest.mark.parametrize(("given", "kept"), [("all", 3), ("0", 3), ("2", 2)])
def test_keep_checkpoint_max_takes_a_number_or_all(trained: Path, tmp_path: Path, given: str, kept: int) -> None:
    outcome = run_tool(
        "train", "--config", trained / "config.yml", "--save_dir", tmp_path, "--iters", 3, "--save_epoch", 1,
        "--keep_checkpoint_max", given,
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    assert len(list(tmp_path.glob("iter_*"))) == kept


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--keep_checkpoint_max", "-1"), "must be `all`, or a whole number"),
        (("--save_epoch", "0"), "at least 1"),
        (("--save_epoch", "1", "--save_interval", "5"), "not allowed with"),
    ],
)
def test_wrong_intervals_are_refused(trained: Path, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    outcome = run_tool("train", "--config", trained / "config.yml", "--save_dir", tmp_path / "run", *arguments)
    assert outcome.status == 2 and said in outcome.error


def test_help_needs_no_paddle() -> None:
    code = "import runpy, sys; sys.argv[1:] = ['--help']; sys.modules['paddle'] = None; sys.modules['cv2'] = None\n"
    for tool in ("train", "val", "predict", "demo", "evaluate_mattes"):
        run = f"sys.path.insert(0, 'tools'); runpy.run_path('tools/{tool}.py', run_name='__main__')"
        done = subprocess.run([sys.executable, "-c", code + run], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "show this help" in done.stdout, done.stderr
