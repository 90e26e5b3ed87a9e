"""Configurations: inheritance, overrides, and an error for everything that is not right."""

from __future__ import annotations

from pathlib import Path

import pytest

from matting import config
from matting.errors import MattingError

COMPLETE = """
batch_size: 4
iters: 10
model: {type: MODNet, hr_channels: 32, backbone: {type: MobileNetV2}}
train_dataset:
  type: MattingDataset
  transforms:
    - {type: RandomCrop, crop_size: [512, 512]}
    - {type: Normalize}
lr_scheduler: {type: PiecewiseDecay, boundaries: [5], values: [0.02, 0.002]}
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_value_of_the_heir_wins_and_the_rest_is_inherited(tmp_path: Path) -> None:
    write(tmp_path, "base.yml", COMPLETE)
    heir = write(tmp_path, "heir.yml", "_base_: base.yml\niters: 20\nmodel: {backbone: {type: HRNet_W18}}\n")
    values = config.load(heir)
    assert values["iters"] == 20 and values["batch_size"] == 4
    assert values["model"] == {"type": "MODNet", "hr_channels": 32, "backbone": {"type": "HRNet_W18"}}


def test_the_first_of_several_bases_wins(tmp_path: Path) -> None:
    write(tmp_path, "one.yml", "iters: 1\n")
    write(tmp_path, "two.yml", "iters: 2\nbatch_size: 2\n")
    assert config.load(write(tmp_path, "heir.yml", "_base_: [one.yml, two.yml]\n")) == {"iters": 1, "batch_size": 2}


def test_inherited_false_drops_the_base_of_a_mapping(tmp_path: Path) -> None:
    write(tmp_path, "base.yml", COMPLETE)
    text = "_base_: base.yml\nlr_scheduler: {_inherited_: False, type: PolynomialDecay, learning_rate: 0.1}\n"
    values = config.load(write(tmp_path, "heir.yml", text))
    assert values["lr_scheduler"] == {"type": "PolynomialDecay", "learning_rate": 0.1}


def test_opts_reach_into_lists_and_parse_yml_values(tmp_path: Path) -> None:
    path = write(tmp_path, "a.yml", COMPLETE)
    values = config.load(path, ["train_dataset.transforms.0.crop_size=[64, 32]", "model.backbone.pretrained=Null"])
    assert values["train_dataset"]["transforms"][0]["crop_size"] == [64, 32]
    assert values["model"]["backbone"]["pretrained"] is None


def test_the_learning_rate_scales_a_schedule_of_several_values(tmp_path: Path) -> None:
    values = config.load(write(tmp_path, "a.yml", COMPLETE), learning_rate=0.1)
    assert values["lr_scheduler"]["values"] == pytest.approx([0.1, 0.01])


@pytest.mark.parametrize(
    ("opts", "said"),
    [
        (["modle.type=DIM"], "did you mean model?"),
        (["model.backbon.type=VGG16"], "did you mean backbone?"),
        (["train_dataset.transforms.7.type=Resize"], "0 to 1"),
        (["iters"], "key=value"),
        (["iters=0"], "at least 1"),
        (["iters=[1"], "no yml value"),
        (["itres=5"], "did you mean iters?"),
        (["iters.x=5"], "has no part"),
    ],
)
def test_a_wrong_override_is_an_error_that_helps(tmp_path: Path, opts: list[str], said: str) -> None:
    with pytest.raises(MattingError, match=said.replace("?", r"\?")):
        config.load(write(tmp_path, "a.yml", COMPLETE), opts)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("iters: 1\niters: 2\n", "stands twice"),
        ("iters: [1\n", r"a\.yml:2"),
        ("- 1\n", "it must be a mapping"),
        ("model: 3\n", "must be a mapping"),
        ("iters: '5'\n", "whole number"),
        ("model: !!python/object/apply:os.system ['true']\n", "no valid yml"),
        ("_base_: a.yml\n", "circle"),
        ("_base_: gone.yml\n", r"gone\.yml \(the `_base_` of .*does not exist"),
        ("optimiser: {type: sgd}\n", "did you mean optimizer"),
    ],
)
def test_a_wrong_file_is_an_error_that_helps(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(MattingError, match=said):
        config.load(write(tmp_path, "a.yml", text))


def test_a_dumped_configuration_reads_back_equal(tmp_path: Path) -> None:
    values = config.load(write(tmp_path, "a.yml", COMPLETE))
    assert config.load(write(tmp_path, "b.yml", config.dump(values))) == values
