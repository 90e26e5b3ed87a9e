"""A network that was trained on blue, green, red is one that sees them so everywhere."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import paddle
import pytest

from matting import builder, config
from matting.errors import MattingError
from matting.pictures.files import write_png
from matting.training import checkpoint
from matting.training.board import batch_picture
from matting.training.student import Adaptation
from matting.weights.trained import load_trained
from test_adapt import CONFIG
from tools import one_sentence, run_tool

BGR = CONFIG.replace("transforms: [", "transforms: [{type: LoadImages, to_rgb: False}, ")
RED = np.array([[[200, 100, 10]]], np.uint8).repeat(64, 0).repeat(64, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with both configurations, a network trained on blue, green, red, and red photographs."""
    for name, text in (("rgb", CONFIG), ("bgr", BGR)):
        (tmp_path / f"{name}.yml").write_text(text, encoding="utf-8")
    values = config.load(tmp_path / "bgr.yml")
    checkpoint.save(tmp_path / "trained", builder.model(values), values, checkpoint.Progress())
    for number in range(4):
        write_png(tmp_path / f"photos/{number}.png", RED)
    return tmp_path


def test_another_order_is_refused(folder: Path) -> None:
    one_sentence(
        run_tool(
            "predict", "--config", folder / "rgb.yml", "--model_path", folder / "trained", "--image_path",
            folder / "photos", "--save_dir", folder / "out", "--engine", "dynamic",
        ),
        "was trained with channels BGR, the configuration says RGB", "trained/config.yml",
    )  # fmt: skip
    values = config.load(folder / "bgr.yml")
    load_trained(builder.model(values), folder / "trained", values)
    values["val_dataset"]["transforms"].insert(0, {"type": "LoadImages", "to_rgb": False})  # turned twice
    with pytest.raises(MattingError, match="the configuration says RGB"):
        load_trained(builder.model(values), folder / "trained", values)


def test_adapting_learns_in_the_order_of_the_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("matting.training.adaptation")
    seen, watched = [], []
    monkeypatch.setattr(module, "train", lambda *arguments, **_: seen.append(arguments[4][0]["image"]))
    monkeypatch.setattr(
        "matting.training.watcher.inconsistency", lambda _, photographs: watched.append(photographs[0]["image"]) or 0.0
    )
    values, photos = config.load(folder / "bgr.yml"), sorted((folder / "photos").iterdir())
    module.adapt(values, folder / "trained", photos, folder / "out", Adaptation(size=(64, 64)))
    for image in (*seen, *watched):
        np.testing.assert_allclose(image[5, 5], (np.array([10, 100, 200]) / 255 - 0.5) / 0.5, atol=1e-5)
    assert len(seen) == len(watched) == 1


def test_pictures_for_visualdl_show_the_colours_as_they_were() -> None:
    normalisation = {"mean": [0.2, 0.3, 0.4], "std": [0.5, 0.6, 0.7]}
    for channels, picture in (("RGB", RED), ("BGR", RED[..., ::-1])):
        image = (picture / 255 - normalisation["mean"]) / normalisation["std"]
        batch = {
            "image": paddle.to_tensor(image.transpose(2, 0, 1)[None], "float32"),
            "alpha": paddle.zeros([1, 1, 64, 64]),
        }
        sheet = batch_picture(batch, batch["alpha"], {"normalisation": normalisation, "channels": channels})
        assert (sheet == RED[0, 0]).all(2).sum() > 1000 and not (sheet == RED[0, 0, ::-1]).all(2).any()
