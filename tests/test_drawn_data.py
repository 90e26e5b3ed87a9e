"""Drawn people: the same for the same seed, with a real matte, in the layout that the data set reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from demo.drawn_people import draw_background, draw_portrait, write_dataset
from matting.datasets.matting_dataset import MattingDataset
from tools import ROOT


@pytest.mark.parametrize("seed", range(4))
def test_a_portrait_has_hair_finer_than_a_pixel(seed: int) -> None:
    foreground, alpha = draw_portrait(np.random.default_rng(seed), 160, 128)
    assert foreground.shape == (160, 128, 3) and foreground.dtype == np.uint8
    assert alpha.shape == (160, 128) and alpha.dtype == np.float32
    assert alpha.min() == 0 and alpha.max() <= 1
    assert 0.1 < (alpha > 0.5).mean() < 0.95
    soft = (alpha > 0.02) & (alpha < 0.98)
    assert soft.mean() > 0.01


def test_the_same_seed_draws_the_same_picture() -> None:
    for draw in (draw_portrait, draw_background):
        one, two, other = (draw(np.random.default_rng(seed), 64, 64) for seed in (3, 3, 4))
        np.testing.assert_array_equal(one[0], two[0])
        assert (np.asarray(one[0]) != np.asarray(other[0])).any()


def test_a_background_fills_the_picture() -> None:
    for seed in range(8):
        background = draw_background(np.random.default_rng(seed), 48, 80)
        assert background.shape == (48, 80, 3) and background.dtype == np.uint8


def test_a_set_is_read_as_it_was_written_and_not_drawn_twice(tmp_path: Path) -> None:
    write_dataset(tmp_path, train=2, val=1, height=64, width=48)
    data = MattingDataset(str(tmp_path), [], mode="val", val_file=["train.txt", "val.txt"])
    names = [data.read(index)["name"] for index in range(3)]
    assert names == ["train/fg/0000.png", "train/fg/0001.png", "val/fg/0000.png"]
    assert data.read(0)["image"].shape == (64, 48, 3)
    written = (tmp_path / "train/fg/0000.png").stat().st_mtime_ns
    write_dataset(tmp_path, train=2, val=1, height=64, width=48)
    assert (tmp_path / "train/fg/0000.png").stat().st_mtime_ns == written
    write_dataset(tmp_path, train=1, val=1, height=64, width=48, seed=1)
    assert (tmp_path / "train.txt").read_text() == "train/fg/0000.png\n"
    assert (tmp_path / "train/fg/0000.png").stat().st_mtime_ns != written


def test_the_demo_is_a_package_that_its_tool_does_not_hide() -> None:
    """Python takes a module of that name, tools/demo.py, over a folder without `__init__.py`, wherever both lie."""
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tools')!r}]; import demo; print(demo.__file__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(ROOT / "demo/__init__.py")
