"""What `import matting` offers, and that it costs nothing until it is asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import drawn
import matting
from matting import config, weights
from matting.deployment.loading import configuration
from matting.errors import MattingError
from matting.pictures.files import read_alpha
from tools import ROOT, cut_out, one_sentence, run_tool


def test_importing_is_light_and_shows_what_there_is() -> None:
    code = """
import sys, matting
assert not {"numpy", "cv2", "paddle", "paddleseg", "yaml"} & set(sys.modules), sorted(sys.modules)
assert dir(matting) == sorted(matting.__all__)
assert {"load", "cutout", "Predictor", "read_image", "write_image"} <= set(dir(matting))
assert all(getattr(matting, name) is getattr(matting, name) for name in matting.__all__)
assert "paddle" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        matting.nothing  # noqa: B018


def test_a_checkpoint_folder_is_all_that_load_needs(trained: Path, tmp_path: Path) -> None:
    drawn.save(tmp_path / "in/photo.png", drawn.texture(48, 64))
    picture = matting.read_image(tmp_path / "in/photo.png")
    folder = trained / "run/best_model"
    predictor = matting.load(folder, engine="dynamic")
    alpha = predictor(picture)
    same = matting.load(folder / "model.pdparams", engine="dynamic")(picture)
    given = matting.load(folder, trained / "config.yml", engine="dynamic")(picture)
    assert alpha.shape == (48, 64) and np.array_equal(alpha, same) and np.array_equal(alpha, given)
    assert isinstance(predictor, matting.Predictor)


def test_weights_that_state_no_configuration_ask_for_one(trained: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.pdparams"
    bare.write_bytes((trained / "run/best_model/model.pdparams").read_bytes())
    with pytest.raises(MattingError, match="--config is missing"):
        matting.load(bare)
    stated = configuration("modnet-mobilenetv2")
    assert stated is not None and stated["model"]["type"] == "MODNet"
    assert configuration(None) is None and configuration(tmp_path) is None


def test_without_weights_the_default_is_named_and_where_it_would_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from tools import one_sentence, run_tool

    monkeypatch.setenv("MATTING_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MATTING_OFFLINE", "1")
    drawn.save(tmp_path / "in/photo.png", drawn.texture(40, 40))
    outcome = run_tool("predict", "--image_path", tmp_path / "in", "--save_dir", tmp_path / "out")
    one_sentence(outcome, "modnet-photographic is not in the cache and fetching is off")
    assert (
        "no --model_path: modnet-photographic is used" in caplog.text + outcome.error
        and not (tmp_path / "out").exists()
    )
    with pytest.raises(MattingError, match="modnet-photographic cannot be fetched"):
        matting.cutout(tmp_path / "in/photo.png")


def test_the_tools_need_no_configuration_for_a_checkpoint_folder(trained: Path, tmp_path: Path) -> None:
    drawn.save(tmp_path / "in/photo.png", drawn.texture(40, 40))
    outcome = cut_out(trained, tmp_path / "in", tmp_path / "named")
    assert outcome.status == 0, outcome.error
    from tools import run_tool

    outcome = run_tool(
        "predict", "--model_path", trained / "run/best_model", "--engine", "dynamic", "--image_path", tmp_path / "in",
        "--save_dir", tmp_path / "bare",
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    one, other = (read_alpha(tmp_path / name / "photo_alpha.png") for name in ("named", "bare"))
    np.testing.assert_array_equal(one, other)


def test_one_call_cuts_out_as_the_tool_does(trained: Path, tmp_path: Path) -> None:
    photo = tmp_path / "in/photo.png"
    drawn.save(photo, drawn.texture(40, 56))
    assert cut_out(trained, tmp_path / "in", tmp_path / "out").status == 0
    import cv2

    written = cv2.cvtColor(cv2.imread(str(tmp_path / "out/photo_rgba.png"), cv2.IMREAD_UNCHANGED), cv2.COLOR_BGRA2RGBA)
    cut = matting.cutout(photo, trained / "run/best_model", engine="dynamic")
    np.testing.assert_array_equal(cut, written)
    predictor = matting.load(trained / "run/best_model", engine="dynamic")
    np.testing.assert_array_equal(matting.cutout(matting.read_image(photo), predictor), cut)
    assert matting.cutout(photo, predictor, background="#00ff00").shape == (40, 56, 3)
    matting.write_image(tmp_path / "cut.png", cut)
    with pytest.raises(MattingError, match="holds no transparency; give png, webp or tiff"):
        matting.write_image(tmp_path / "cut.jpg", cut)


@pytest.mark.parametrize(
    "name", ["modnet/modnet-mobilenetv2", "modnet-mobilenetv2", "configs/modnet/modnet-mobilenetv2.yml"]
)
def test_configurations_are_found_by_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config.load(name)["model"]["backbone"]["type"] == "MobileNetV2"
    with pytest.raises(MattingError, match="does not exist"):
        config.load(f"{name}-of-nobody")


def test_other_weights_of_the_same_name_are_loaded_again(trained: Path, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "net"
    shutil.copytree(trained / "run/best_model", folder)
    picture = drawn.texture(40, 56)
    first = matting.cutout(picture, folder, engine="dynamic")
    arrays = weights.read_weights(folder / "model.pdparams")
    weights.write_weights(folder / "model.pdparams", {key: value * 0.5 for key, value in arrays.items()})
    again = matting.cutout(picture, folder, engine="dynamic")
    assert not np.array_equal(first[..., 3], again[..., 3])
    settings = config.load(trained / "config.yml")
    np.testing.assert_array_equal(matting.cutout(picture, folder, config=settings, engine="dynamic"), again)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: matting.cutout([1, 2], "net"), "a network|the picture is list|do not exist|--config is missing"),
        (lambda: matting.load(3), "the weights are int"),
        (lambda: matting.load("net", thread=1), "load takes no 'thread'; did you mean threads"),
        (lambda: matting.write_image("a.png", np.zeros((2, 2), np.int32)), "int32 .* is no picture"),
        (lambda: matting.write_image("a.png", np.full((2, 2), 3.0, np.float32)), "must lie in"),
        (lambda: matting.write_image("a.png", np.zeros((2, 2, 2), np.uint8)), "is no picture"),
    ],
)
def test_what_programs_get_wrong_is_one_sentence(call: Callable[[], object], said: str) -> None:
    with pytest.raises(MattingError, match=said):
        call()


def test_a_matte_is_written_as_it_comes(tmp_path: Path) -> None:
    matting.write_image(tmp_path / "alpha.png", np.array([[0.0, 0.7, 1.0]], np.float32))
    np.testing.assert_allclose(read_alpha(tmp_path / "alpha.png"), [[0, 0.7, 1]], atol=0.003)


def test_an_onnx_file_for_weights_names_the_ways_that_there_are(trained: Path, tmp_path: Path) -> None:
    network = tmp_path / "modnet.onnx"
    network.write_bytes(b"\x08\x06\x12\x07pytorch")
    drawn.save(tmp_path / "photo.png", drawn.texture(48, 64))
    for settings in ((), ("--config", trained / "config.yml")):
        outcome = run_tool("predict", *settings, "--model_path", network, "--image_path", tmp_path / "photo.png")
        one_sentence(
            outcome, f"convert_weights modnet-onnx {network} modnet.safetensors", f"folder {tmp_path}",
            "modnet-photographic",
        )  # fmt: skip
    with pytest.raises(MattingError, match="is an ONNX network"):
        weights.read_weights(network)
