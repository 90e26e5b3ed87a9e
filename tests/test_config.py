"""Configurations: inheritance, overrides, and an error for everything that is not right."""

from __future__ import annotations

from pathlib import Path

import pytest

from matting import config
from matting.errors import MattingError
from matting.training.stages import read_phases

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
        (["train_dataset.transforms.².type=Resize"], "0 to 1"),
        (["train_dataset.transforms." + "1" * 5000 + "=Resize"], "0 to 1"),
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
        ("model: &a {backbone: *a}\n", "holds itself by an alias"),
        ("model: {boundaries: &a [*a, *a]}\n", "holds itself by an alias"),
        ("model: {type: " + "[" * 60 + "]" * 60 + "}\n", "40 levels deep"),
        ("model: {type: " + "[" * 5000 + "]" * 5000 + "}\n", "40 levels deep"),
        ("# " + "x" * 200_000, "more than 100000 characters"),
        ("iters: 1" + ":2" * 400 + ".5\n", "no valid yml"),
        ("iters: 0x" + "f" * 5000 + "\n", "64 bits"),
        ("model: {type: 2001-01-01}\n", "quotes"),
        ("model: {1: x}\n", "its key 1 is no text"),
        ('_base_: "a\\0.yml"\n', "no path"),
    ],
)
def test_a_wrong_file_is_an_error_that_helps(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(MattingError, match=said):
        config.load(write(tmp_path, "a.yml", text))


DOUBLING = "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n  " for n in range(40))
LAUGHS = f"model:\n  a0: &a0 [x, x]\n  {DOUBLING}\n"
"""Two kilobytes that unfold into 2**40 entries in whatever walks through them, a JSON writer for example."""


@pytest.mark.parametrize("text", [LAUGHS, "model: {a: &a " + "x" * 5000 + ", b: [" + "*a, " * 5000 + "]}\n"])
def test_aliases_are_counted_before_anybody_unfolds_them(tmp_path: Path, text: str) -> None:
    with pytest.raises(MattingError, match="when its aliases are written out"):
        config.load(write(tmp_path, "a.yml", text))
    with pytest.raises(MattingError, match="cannot|no valid yml"):
        config.read_mapping(write(tmp_path, "a.yml", text))


def test_an_alias_is_a_copy(tmp_path: Path) -> None:
    text = "train_dataset: &d {transforms: [{type: Normalize}]}\nval_dataset: *d\n"
    values = config.load(write(tmp_path, "a.yml", text), ["val_dataset.transforms.0.type=Resize"])
    assert values["train_dataset"] == {"transforms": [{"type": "Normalize"}]}


def test_a_value_on_the_command_line_is_counted_too(tmp_path: Path) -> None:
    path = write(tmp_path, "a.yml", COMPLETE)
    laughs = "[&a0 [x], " + ", ".join(f"&a{n + 1} [*a{n}, *a{n}]" for n in range(40)) + "]"
    for value, said in (
        (laughs, "aliases"),
        ("&a [*a]", "itself"),
        ("2001-01-01", "quote"),
        ("1" + ":2" * 400 + ".5", "no yml"),
    ):
        with pytest.raises(MattingError, match=said):
            config.load(path, [f"model.type={value}"])
    with pytest.raises(MattingError, match="with what it inherits and --opts"):
        config.load(path, [f"model.{key}={'x' * 30_000}" for key in "abcd"])


def test_a_base_of_several_files_is_read_once(tmp_path: Path) -> None:
    for number in range(30):
        write(tmp_path, f"{number}.yml", f"_base_: [{number + 1}.yml, {number + 1}.yml]\nmodel: {{a{number}: 1}}\n")
    write(tmp_path, "30.yml", "iters: 7\n")
    values = config.load(tmp_path / "0.yml")
    assert values["iters"] == 7 and len(values["model"]) == 30


def test_the_files_of_a_configuration_are_counted(tmp_path: Path) -> None:
    for number in range(1500):
        write(tmp_path, f"{number}.yml", f"_base_: {number + 1}.yml\n")
    with pytest.raises(MattingError, match="one `_base_` too many"):
        config.load(tmp_path / "0.yml")


@pytest.mark.parametrize("values", [5, [], ["x"], [0, 1], {"a": 1}])
def test_a_schedule_without_numbers_is_an_error_that_helps(tmp_path: Path, values: object) -> None:
    path = write(tmp_path, "a.yml", COMPLETE)
    with pytest.raises(MattingError, match="lr_scheduler.values"):
        config.load(path, [f"lr_scheduler.values={values}"], learning_rate=0.1)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{name: ../up, config: a.yml}", "name of a folder"),
        ("{name: 5, config: a.yml}", "name of a folder"),
        ("{name: a, config: [a.yml]}", "path of a configuration"),
        ("{name: a, config: a.yml, metrics: 5}", "list of names"),
        ("{name: a, config: a.yml, metrics: [1]}", "list of names"),
        ("{name: a, config: a.yml, metrics: SDA}", "did you mean SAD"),
        ("{name: a, config: a.yml, iters: many}", "whole number"),
        ("{name: a, config: a.yml, save_epoch: 0}", "whole number"),
        ("&a {name: a, config: *a}", "itself"),
    ],
)
def test_a_wrong_phase_is_an_error_that_helps(tmp_path: Path, spec: str, said: str) -> None:
    with pytest.raises(MattingError, match=said):
        read_phases(write(tmp_path, "phases.yml", f"phases:\n  - {spec}\n"))


def test_a_dumped_configuration_reads_back_equal(tmp_path: Path) -> None:
    values = config.load(write(tmp_path, "a.yml", COMPLETE))
    assert config.load(write(tmp_path, "b.yml", config.dump(values))) == values
