"""PaddleSeg's own configuration and builder make every part, once the plugin is imported, and lose none of theirs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest
import yaml
from paddleseg.cvlibs import Config, SegBuilder, manager
from paddleseg.cvlibs.config_checker import ConfigChecker

import drawn
from matting import builder, plugin
from matting.errors import MattingError
from matting.models.backbones import HRNet_W18
from tools import ROOT

TRAIN = [
    {"type": "RandomCrop", "crop_size": [64, 64]},
    {"type": "Resize", "target_size": [32, 64]},
    {"type": "Normalize"},
]
NETWORKS: list[dict[str, Any]] = [
    *({"type": "MODNet", "backbone": {"type": name}} for name in ("MobileNetV2", "ResNet50_vd", "HRNet_W18")),
    {"type": "DIM", "backbone": {"type": "VGG16", "input_channels": 4}},
    {"type": "SHM", "backbone": {"type": "MobileNetV2", "full_resolution": True}},
    {"type": "PPMattingV2", "backbone": {"type": "STDC1"}},
    {"type": "PPMatting", "backbone": {"type": "HRNet_W18"}},
    {"type": "PPMatting", "backbone": {"type": "HRNet_W48"}},
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugin")
    drawn.dataset(folder, count=2)
    return folder


def configuration(data: Path, network: dict[str, Any]) -> dict[str, Any]:
    dataset = {"type": "MattingDataset", "dataset_root": str(data), "train_file": "train.txt", "val_file": "val.txt"}
    return {
        "batch_size": 1,
        "iters": 2,
        "train_dataset": {**dataset, "mode": "train", "transforms": TRAIN},
        "val_dataset": {**dataset, "mode": "val", "transforms": [{"type": "Normalize"}]},
        "model": network,
        "loss": {"types": [{"type": "MODNetLoss"}], "coef": [1]},
        "optimizer": {"type": "sgd", "momentum": 0.9},
        "lr_scheduler": {"type": "PolynomialDecay", "learning_rate": 0.01, "end_lr": 0},
    }


def theirs(tmp_path: Path, values: dict[str, Any]) -> SegBuilder:
    path = tmp_path / "theirs.yml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return SegBuilder(Config(str(path), checker=ConfigChecker([])))


@pytest.mark.parametrize("spec", NETWORKS, ids=lambda spec: f"{spec['type']}-{spec['backbone']['type']}")
def test_both_builders_make_the_same_network(tmp_path: Path, data: Path, spec: dict[str, Any]) -> None:
    values = configuration(data, spec)
    ours, published = builder.model(values), theirs(tmp_path, values).model
    assert isinstance(published, type(ours)) and type(published).__name__ == spec["type"]
    published.set_state_dict(ours.state_dict())
    inputs = [paddle.rand([1, 3, 64, 96]), paddle.full([1, 1, 64, 96], 128.0)][: len(ours.inputs)]
    for network in (ours, published):
        network.eval()
    with paddle.no_grad():
        expected, alpha = (network(*inputs)["alpha"].numpy() for network in (ours, published))
    np.testing.assert_array_equal(alpha, expected)


def test_data_sets_and_losses_are_the_same(tmp_path: Path, data: Path) -> None:
    values = configuration(data, NETWORKS[0])
    made = theirs(tmp_path, values)
    ours = builder.dataset(values, "train_dataset")
    for key, layer in ours[0, 0].items():
        if isinstance(layer, np.ndarray):
            np.testing.assert_array_equal(made.train_dataset[0, 0][key], layer)
    assert len(made.val_dataset) == len(builder.dataset(values, "val_dataset"))
    assert type(made.loss["types"][0]).__name__ == "MODNetLoss"


@pytest.mark.parametrize(
    ("transform", "said"),
    [
        ({"type": "Resize", "target_size": [64, 32], "keep_ratio": True}, "Resize: keep_ratio of PaddleSeg's"),
        ({"type": "RandomRotation"}, "RandomRotation knows no alpha"),
    ],
)
def test_settings_of_paddlesegs_that_mean_nothing_here_are_refused(
    tmp_path: Path, data: Path, transform: dict[str, Any], said: str
) -> None:
    values = configuration(data, NETWORKS[0])
    values["train_dataset"]["transforms"] = [transform]
    with pytest.raises(RuntimeError, match=said):
        theirs(tmp_path, values).train_dataset.entries  # noqa: B018


def test_a_backbone_keeps_its_weights() -> None:
    known = manager.BACKBONES["HRNet_W18"]()
    ours = plugin.adopted(known)
    assert isinstance(ours, HRNet_W18) and plugin.adopted(ours) is ours
    for key, value in known.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[key].numpy(), value.numpy())
    with pytest.raises(MattingError, match="of other layers than HRNet_W18"):
        plugin.adopted(manager.BACKBONES["HRNet_W30"]())


def test_nothing_of_paddlesegs_is_replaced_and_importing_the_package_publishes_nothing() -> None:
    code = """
from paddleseg.cvlibs import manager
names = ("MODELS", "BACKBONES", "DATASETS", "TRANSFORMS", "LOSSES", "OPTIMIZERS")
before = {name: dict(getattr(manager, name).components_dict) for name in names}
import matting, matting.models, matting.losses, matting.datasets, matting.transforms, matting.training.loop
assert all(dict(getattr(manager, name).components_dict) == before[name] for name in names)
import matting.plugin
matting.plugin.publish()
for name in names:
    now = getattr(manager, name).components_dict
    assert all(now[key] is value for key, value in before[name].items()), name
new = {name: sorted(set(getattr(manager, name).components_dict) - set(before[name])) for name in names}
assert {"MODNet", "DIM", "SHM", "PPMatting", "PPMattingV2"} <= set(new["MODELS"]), new
assert "MattingDataset" in new["DATASETS"], new
assert {"MODNetLoss", "DIMLoss", "SHMLoss"} <= set(new["LOSSES"]) and not new["OPTIMIZERS"], new
assert new["BACKBONES"] == ["MobileNetV2", "MobileNetV3", "VGG16"] and "LimitShort" in new["TRANSFORMS"], new
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
