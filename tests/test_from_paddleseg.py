"""What PaddleSeg Matting's pages tell its users to type runs here as it is written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import moving
from matting.deployment.description import Deployment
from tools import ROOT, cut_out, one_sentence, run_tool


@pytest.fixture(scope="module")
def exported(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "export"
    outcome = run_tool(
        "export", "--config", trained / "config.yml", "--model_path", trained / "run/best_model/model.pdparams",
        "--save_dir", folder, "--input_shape", 1, 3, 64, 96,
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    return folder


def test_input_shape_fixes_height_and_width(exported: Path) -> None:
    assert Deployment.read(exported).interface.size == (64, 96)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--input_shape", 1, 4, 64, 64), "--input_shape 1 4 64 64: pictures have 3 channels"),
        (("--input_shape", -1, 3, -1, 64), "both free, or both given"),
        (("--trimap",), "--trimap: MODNet takes no trimap"),
    ],
)
def test_shapes_and_trimaps_that_cannot_be(trained: Path, tmp_path: Path, flags: tuple, said: str) -> None:
    outcome = run_tool(
        "export", "--config", trained / "config.yml", "--model_path", trained / "run/best_model",
        "--save_dir", tmp_path / "out", *flags,
    )  # fmt: skip
    one_sentence(outcome, said)
    assert not (tmp_path / "out").exists()


def test_deploy_yaml_stands_for_its_export(exported: Path, trained: Path, tmp_path: Path) -> None:
    photograph = trained / "data/train/fg/0.png"
    for number, named in enumerate((("--model_path", exported), ("--config", exported / "deploy.yaml"))):
        outcome = run_tool("predict", *named, "--image_path", photograph, "--save_dir", tmp_path / str(number))
        assert outcome.status == 0, outcome.error
    first, second = ((tmp_path / f"{number}/0_alpha.png").read_bytes() for number in range(2))
    assert first == second
    (tmp_path / "deploy.yaml").write_text("Deploy: {model: model.pdmodel}\n", encoding="utf-8")
    theirs = run_tool("predict", "--config", tmp_path / "deploy.yaml", "--image_path", photograph)
    one_sentence(theirs, "describes no export that can be read here", "matting export")


def test_infer_predicts(exported: Path, trained: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "deploy/python/infer.py", "--config", exported / "deploy.yaml", "--image_path",
         trained / "data/train/fg", "--save_dir", tmp_path / "out", "--fg_estimate", "True"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("*_rgba.png"))) == 3


def test_infer_and_deploy_yaml_take_clips(exported: Path, tmp_path: Path) -> None:
    clip = moving.write(tmp_path / "clip.mp4", moving.pictures(3))
    named = ("--config", exported / "deploy.yaml", "--save_dir", tmp_path / "out")
    outcome = run_tool("predict_video", "--video_path", clip, *named)
    assert outcome.status == 0, outcome.error
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["clip_alpha.mp4", "clip_rgba.mov"]
    done = subprocess.run(
        [sys.executable, ROOT / "deploy/python/infer.py", "--video_path", tmp_path / "none.mp4", *named],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 1 and "none.mp4" in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_true_and_false_choose_an_estimate(trained: Path, tmp_path: Path) -> None:
    photograph = trained / "data/train/fg/0.png"
    names = {"True": "blur_fusion", "False": "none"}
    for word, name in names.items():
        for given in (word, name):
            assert cut_out(trained, photograph, tmp_path / given, "--fg_estimate", given).status == 0
        cutouts = [(tmp_path / given / "0_rgba.png").read_bytes() for given in (word, name)]
        assert cutouts[0] == cutouts[1]
    assert (tmp_path / "True/0_rgba.png").read_bytes() != (tmp_path / "False/0_rgba.png").read_bytes()


@pytest.mark.parametrize(
    ("flags", "blue_green_red"),
    [
        ((), (0, 255, 0)),
        (("--background", "r"), (0, 0, 255)),
        (("--background", "g"), (0, 255, 0)),
        (("--background", "b"), (255, 0, 0)),
        (("--background", "w"), (255, 255, 255)),
    ],
)
def test_backgrounds_are_letters_and_green_by_default(
    trained: Path, tmp_path: Path, flags: tuple, blue_green_red: tuple
) -> None:
    outcome = run_tool(
        "bg_replace", "--config", trained / "config.yml", "--model_path", trained / "run/best_model", "--engine",
        "dynamic", "--image_path", trained / "data/train/fg/0.png", "--save_dir", tmp_path, "--fg_estimate", "False",
        *flags,
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    cut_out(trained, trained / "data/train/fg/0.png", tmp_path)
    alpha, shown = cv2.imread(str(tmp_path / "0_alpha.png"), 0), cv2.imread(str(tmp_path / "0_composite.png"))
    image = cv2.imread(str(trained / "data/train/fg/0.png"))
    weight = alpha[..., None] / 255
    np.testing.assert_allclose(shown, weight * image + (1 - weight) * np.array(blue_green_red), atol=1)


def test_repeats_lengthen_an_epoch(trained: Path, tmp_path: Path) -> None:
    """Three pictures make one batch of four, where there would be none, and every draw is its own."""
    arguments = ("train", "--config", trained / "config.yml", "--save_dir", tmp_path, "--iters", 1, "--batch_size", 4)
    one_sentence(run_tool(*arguments), "3 samples")
    outcome = run_tool(*arguments, "--repeats", 2)
    assert outcome.status == 0, outcome.error
    assert "6 training samples" in outcome.output + outcome.error
    assert "repeats: 2" in (tmp_path / "iter_1/config.yml").read_text(encoding="utf-8")


def test_operators_are_timed(trained: Path, tmp_path: Path) -> None:
    options = "batch_range=[1, 3]; sorted_key=ave; profile_path=times; exit_on_finished=False"
    outcome = run_tool(
        "train", "--config", trained / "config.yml", "--save_dir", tmp_path, "--iters", 4, "--save_interval", 4,
        "--profiler_options", options,
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    events = json.loads(next((tmp_path / "times").glob("*.json")).read_text(encoding="utf-8"))["traceEvents"]
    assert any("conv2d" in event["name"] for event in events)
    assert (tmp_path / "iter_4").is_dir()
    outcome = run_tool(
        "train", "--config", trained / "config.yml", "--save_dir", tmp_path / "short", "--iters", 4,
        "--profiler_options", "batch_range=[0,1]",
    )  # fmt: skip
    assert outcome.status == 0 and not (tmp_path / "short/iter_4").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("batch_rang=[1,2]", "batch_range"),
        ("batch_range=[2,1]", "it must be [first,end]"),
        ("state=TPU", "it must be one of CPU, GPU, All"),
    ],
)
def test_options_of_the_profiler_that_cannot_be(trained: Path, tmp_path: Path, options: str, said: str) -> None:
    outcome = run_tool(
        "train", "--config", trained / "config.yml", "--save_dir", tmp_path, "--profiler_options", options
    )
    one_sentence(outcome, said)
