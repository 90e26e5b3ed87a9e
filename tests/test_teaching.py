"""A network learns from a teacher's mattes of photographs without labels, which are made once."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import drawn
from matting import config, load
from matting.datasets.matting_dataset import MattingDataset
from matting.errors import MattingError
from matting.pictures.files import quantise, read_alpha, read_image
from matting.training import teaching
from tools import one_sentence, run_tool


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Photographs without labels, and a list of them."""
    for number in range(3):
        drawn.save(tmp_path / f"photographs/day {number}/person.png", drawn.texture(60, 80, number))
    lines = "".join(f"day {number}/person.png\n" for number in range(3))
    (tmp_path / "photographs/train.txt").write_text(lines, encoding="utf-8")
    return tmp_path / "photographs"


def learn(trained: Path, photographs: Path, save_dir: Path, *more: object):
    return run_tool(
        "train", "--config", trained / "config.yml", "--teacher", trained / "run/best_model", "--save_dir", save_dir,
        "--iters", 2, "--save_interval", 1, *more,
        "--opts", f"train_dataset.dataset_root={photographs}", "train_dataset.train_file=train.txt",
    )  # fmt: skip


def test_the_teachers_mattes_are_the_truth(trained: Path, photographs: Path, tmp_path: Path) -> None:
    outcome = learn(trained, photographs, tmp_path / "run", "--device", "cpu")
    assert outcome.status == 0, outcome.error
    spec = config.load(tmp_path / "run/iter_2/config.yml")["train_dataset"]
    spec |= {"transforms": []}
    del spec["type"]
    samples = [MattingDataset(**spec)[index] for index in range(3)]
    teacher = load(trained / "run/best_model", trained / "config.yml")
    for number, sample in enumerate(samples):
        photograph = read_image(photographs / f"day {number}/person.png")
        np.testing.assert_array_equal(sample["image"], photograph)
        np.testing.assert_allclose(sample["alpha"], quantise(teacher(photograph)) / 255, atol=1e-6)


def test_going_on_takes_the_mattes_that_are_there(trained: Path, photographs: Path, tmp_path: Path) -> None:
    assert learn(trained, photographs, tmp_path / "run").status == 0
    matte = next((tmp_path / "run/taught").rglob("*_alpha.png"))
    made, unbroken = matte.stat().st_mtime_ns, (tmp_path / "run/iter_2/model.pdparams").read_bytes()
    again = learn(trained, photographs, tmp_path / "run", "--resume_model", tmp_path / "run/iter_1")
    assert again.status == 0, again.error
    assert "0 photographs" in again.error + again.output and "3 before" in again.error + again.output
    assert "another setting" not in again.error + again.output
    assert matte.stat().st_mtime_ns == made
    assert (tmp_path / "run/iter_2/model.pdparams").read_bytes() == unbroken
    drawn.save(photographs / "day 1/person.png", drawn.texture(60, 80, 9))
    before = read_alpha(tmp_path / "run/taught/0/day 1/person_alpha.png")
    other = learn(trained, photographs, tmp_path / "run", "--overwrite")
    assert "1 photographs" in other.error + other.output
    assert (read_alpha(tmp_path / "run/taught/0/day 1/person_alpha.png") != before).any()


def test_broken_photographs_are_named_and_left_out(trained: Path, photographs: Path, tmp_path: Path) -> None:
    (photographs / "day 1/person.png").write_bytes(b"no picture")
    outcome = learn(trained, photographs, tmp_path / "run")
    assert outcome.status == 0 and "day 1/person.png" in outcome.error + outcome.output
    assert len((tmp_path / "run/taught/train.txt").read_text(encoding="utf-8").splitlines()) == 2
    for number in (0, 2):
        (photographs / f"day {number}/person.png").write_bytes(b"no picture")
    shutil.rmtree(tmp_path / "run")
    one_sentence(learn(trained, photographs, tmp_path / "run"), "could cut out none of the photographs")


def test_a_teacher_that_cannot_teach_is_refused(trained: Path, photographs: Path, tmp_path: Path) -> None:
    values = {"train_dataset": {"dataset_root": str(photographs), "train_file": "train.txt"}}
    with pytest.raises(MattingError, match="nobody states no configuration"):
        teaching.taught(values, "nobody", tmp_path)
    with pytest.raises(MattingError, match="dim-vgg16 needs a trimap"), pytest.MonkeyPatch.context() as patch:
        patch.setattr(teaching, "make_predictor", lambda *_: SimpleNamespace(takes_trimap=True))
        teaching.taught(values, "dim-vgg16", tmp_path)
    with pytest.raises(MattingError, match="--teacher needs train_dataset.train_file"):
        teaching.taught({"train_dataset": {"dataset_root": "."}}, "modnet-photographic", tmp_path)
