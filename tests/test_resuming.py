"""A run that goes on has one seed, and names each setting that is not the one it began with."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from matting import config
from matting.errors import MattingError
from matting.training import checkpoint
from matting.training.adaptation import adapt
from matting.training.run import run_training
from matting.training.student import Adaptation
from test_adapt import trained as modnet  # noqa: F401  (a fixture)
from test_training import options, same, values  # noqa: F401  (a fixture)


def warnings_of(log: Path) -> list[str]:
    return re.findall(r"resumed with another setting: (.*)", log.read_text(encoding="utf-8"))


def test_the_seed_is_the_checkpoints(tmp_path: Path, values: dict) -> None:  # noqa: F811
    seeded = {**values, "seed": 7}
    run_training(seeded, options(tmp_path / "whole", seed=7))
    run_training(values, options(tmp_path / "rest"), resume_from=tmp_path / "whole/iter_3")
    same(tmp_path / "whole/iter_6", tmp_path / "rest/iter_6")
    assert checkpoint.progress_of(tmp_path / "rest/iter_6").seed == 7
    assert config.load(tmp_path / "rest/iter_6/config.yml") == seeded
    assert not warnings_of(tmp_path / "rest/train.log")


def test_the_options_seed_is_the_data_sets(tmp_path: Path, values: dict) -> None:  # noqa: F811
    values["iters"] = 1
    run_training({**values, "seed": 7}, options(tmp_path / "one", seed=7))
    run_training(values, options(tmp_path / "two", seed=7))
    same(tmp_path / "one/iter_1", tmp_path / "two/iter_1")


def test_what_changes_the_learning_is_named(tmp_path: Path, values: dict) -> None:  # noqa: F811
    run_training({**values, "iters": 3}, options(tmp_path / "whole"))
    changed = config.load(
        tmp_path / "config.yml", ["train_dataset.transforms.0.crop_size=[64, 64]"], learning_rate=0.02
    )
    changed |= {"iters": 4, "batch_size": 1, "loss": {"type": "MODNetLoss", "detail": 5.0}}
    changed["val_dataset"]["transforms"][0]["short_size"] = 64  # that teaches nothing
    (tmp_path / "data/train.txt").write_text("train/fg/0.png\ntrain/fg/1.png\n")
    run_training(changed, options(tmp_path / "rest"), resume_from=tmp_path / "whole/iter_3")
    assert sorted(warnings_of(tmp_path / "rest/train.log")) == [
        "batch_size is 1, the checkpoint was trained with 2",
        "iters is 4, the checkpoint was trained with 3",
        "loss.detail is 5.0, the checkpoint was trained with 'not given'",
        "loss.type is 'MODNetLoss', the checkpoint was trained with 'not given'",
        "lr_scheduler.learning_rate is 0.02, the checkpoint was trained with 0.01",
        "samples is 2, the checkpoint was trained with 3",
        "train_dataset.transforms.0.crop_size is [64, 64], the checkpoint was trained with [32, 32]",
    ]
    state = checkpoint.progress_of(tmp_path / "rest/iter_4")
    assert state.settings["samples"] == 2


def test_a_checkpoint_without_its_configuration_is_refused(tmp_path: Path, values: dict) -> None:  # noqa: F811
    run_training({**values, "iters": 3}, options(tmp_path))
    (tmp_path / "iter_3/config.yml").unlink()
    with pytest.raises(MattingError, match=r"config\.yml missing; give a folder iter_N"):
        run_training(values, options(tmp_path), resume_from=tmp_path / "iter_3")


def test_an_adaptation_goes_on_with_its_seed_and_names_differences(modnet: Path) -> None:  # noqa: F811
    yml, photos = config.load(modnet / "modnet.yml"), sorted((modnet / "photos").iterdir())
    how = Adaptation(epochs=1, size=(64, 64), patience=9)
    adapt(yml, modnet / "modnet.pdparams", photos, modnet / "out", how, seed=3)
    how = Adaptation(epochs=2, size=(96, 64), patience=9, learning_rate=1e-6)
    resumed = {"resume_from": modnet / "out/iter_3", "loss": {"type": "SOCLoss", "formula": "paper"}}
    adapt(yml, modnet / "modnet.pdparams", photos, modnet / "out", how, **resumed)
    assert checkpoint.progress_of(modnet / "out/iter_6").seed == 3
    assert sorted(line.partition(" is ")[0] for line in warnings_of(modnet / "out/adapt.log")) == [
        "learning_rate.value", "loss.formula", "size",
    ]  # fmt: skip
    with pytest.raises(MattingError, match="holds a run already"):
        adapt(yml, modnet / "modnet.pdparams", photos, modnet / "out", how)
