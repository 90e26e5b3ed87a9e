"""The data set: what a sample holds in each mode, that it repeats, and that the composite law holds."""

from __future__ import annotations

import os

import cv2
import numpy as np
import pytest

import drawn
from matting import trimap
from matting.composite import composite
from matting.datasets.matting_dataset import MattingDataset, collate
from matting.errors import MattingError
from matting.registry import DATASETS
from matting.transforms.compose import LoadImages
from matting.transforms.crop import RandomCrop, RandomCropByAlpha
from matting.transforms.geometry import RandomHorizontalFlip
from matting.transforms.photometric import Normalize, RandomBlur, RandomDistort, RandomNoise
from matting.transforms.resize import RandomResize, Resize

TRAINING = [LoadImages(), RandomCrop([32, 24]), RandomDistort(), RandomNoise(1.0), RandomHorizontalFlip(), Normalize()]


def tree(root) -> dict[str, bytes]:
    return {
        os.path.join(parent, name): open(os.path.join(parent, name), "rb").read()
        for parent, _, names in os.walk(root)
        for name in names
    }


def same(one, other) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one if key != "undo")


def test_is_registered():
    assert DATASETS["MattingDataset"] is MattingDataset


def test_training_sample_of_one_column(tmp_path):
    dataset = MattingDataset(drawn.dataset(tmp_path), TRAINING, train_file="train.txt")
    assert len(dataset) == 3
    sample = dataset[0]
    assert sample["image"].shape == (24, 32, 3) and sample["image"].dtype == np.float32
    assert sample["alpha"].shape == sample["trimap"].shape == (24, 32)
    assert sample["alpha"].dtype == np.float32 and sample["trimap"].dtype == np.uint8
    assert sample["name"] == "train/fg/0.png"
    assert "foreground" not in sample and "background" not in sample


def test_sample_depends_on_seed_epoch_and_index_only(tmp_path):
    root = drawn.dataset(tmp_path, background=True)
    files = tree(root)
    one, two = (MattingDataset(root, TRAINING, train_file="train.txt", seed=5) for _ in range(2))
    for key in ((0, 1), (3, 1), (3, 2)):
        assert same(one[key], two[key])
    assert same(one[1], one[0, 1])
    assert not same(one[0, 1], one[1, 1])
    assert not same(one[0, 1], MattingDataset(root, TRAINING, train_file="train.txt", seed=6)[0, 1])
    assert tree(root) == files


@pytest.mark.parametrize(
    "leading",
    [
        [],
        [RandomCrop([32, 24])],
        [RandomCropByAlpha([40, 30], 1.0), Resize([33, 21])],
        [RandomResize(scale=[0.5, 2]), RandomHorizontalFlip(1.0), RandomCrop([100, 90])],
    ],
)
def test_composite_law_holds_after_leading_geometry(tmp_path, leading):
    dataset = MattingDataset(drawn.dataset(tmp_path, background=True), leading, train_file="train.txt")
    for epoch in range(5):
        sample = dataset[epoch, 0]
        expected = composite(sample["foreground"], sample["alpha"], sample["background"])
        np.testing.assert_array_equal(sample["image"], expected)
        assert sample["background"].shape == sample["image"].shape


def test_composite_of_a_crop_is_the_crop_of_the_composite(tmp_path):
    root = drawn.dataset(tmp_path, background=True)
    whole = MattingDataset(root, [], train_file="train.txt", get_trimap=False)
    cropped = MattingDataset(root, [RandomCrop([32, 24])], train_file="train.txt", get_trimap=False)
    for epoch in range(4):
        image, part = whole[epoch, 1]["image"], cropped[epoch, 1]["image"]
        windows = np.lib.stride_tricks.sliding_window_view(image, part.shape)[:, :, 0]
        assert (windows == part).all((2, 3, 4)).any()


def test_windows_of_the_background_vary_with_the_epoch(tmp_path):
    dataset = MattingDataset(drawn.dataset(tmp_path, background=True), [], train_file="train.txt")
    backgrounds = [dataset[epoch, 0]["background"] for epoch in range(10)]
    assert len({background.tobytes() for background in backgrounds}) > 7


def test_validation_reads_whole_composites_over_the_top_left_window(tmp_path):
    dataset = MattingDataset(drawn.dataset(tmp_path, background=True), TRAINING, mode="val", val_file="val.txt")
    sample = dataset.read(1)
    assert same(sample, dataset[1]) and same(sample, dataset[4, 1])
    expected = composite(drawn.texture(60, 80, 1), drawn.disc(), drawn.texture(91, 160, 101)[:60, :80])
    np.testing.assert_array_equal(sample["image"], expected)
    np.testing.assert_array_equal(sample["alpha"], drawn.disc())
    np.testing.assert_array_equal(sample["trimap"], trimap.for_evaluation(drawn.disc()))


def test_trimaps_are_supplied_made_or_left_out(tmp_path):
    root = drawn.dataset(tmp_path, count=1)
    own = np.full((60, 80), 128, np.uint8)
    own[:20], own[40:] = 0, 255
    drawn.save(root / "trimap.png", own)
    (root / "own.txt").write_text("train/fg/0.png trimap=trimap.png")
    for mode in ("train", "val"):
        options = {"mode": mode, "train_file": "own.txt", "val_file": "own.txt", "listed_trimaps": mode == "train"}
        for wanted in (True, False):
            named = MattingDataset(root, [], get_trimap=wanted, **options)[0]
            np.testing.assert_array_equal(named["trimap"], own)
    for mode in ("train", "val"):
        plain = MattingDataset(
            root, [], mode=mode, train_file="train.txt", val_file="val.txt", get_trimap=False, key_del=None
        )
        assert "trimap" not in plain[0]
    made = MattingDataset(root, [], train_file="train.txt")
    assert len({made[epoch, 0]["trimap"].tobytes() for epoch in range(8)}) > 3


@pytest.mark.parametrize("mode", ["train", "trainval"])
def test_listed_trimaps_are_for_validation_unless_asked_for(tmp_path, mode, caplog):
    root = drawn.dataset(tmp_path, count=1)
    own = np.full((60, 80), 128, np.uint8)
    own[:20], own[40:] = 0, 255
    drawn.save(root / "trimap.png", own)
    (root / "own.txt").write_text("train/fg/0.png trimap=trimap.png")
    options = {"mode": mode, "train_file": "own.txt", "val_file": "own.txt"}
    with caplog.at_level("INFO"):
        drawn_ones = MattingDataset(root, [], **options)
    count = 1 if mode == "train" else 2
    assert f"{count} trimaps that the lists name serve validation alone" in caplog.text
    assert len({(drawn_ones[epoch, 0]["trimap"] == 128).sum() for epoch in range(8)}) > 3
    assert "trimap" not in MattingDataset(root, [], get_trimap=False, **options)[0]
    caplog.clear()
    taken = MattingDataset(root, [], listed_trimaps=True, **options)
    assert all(np.array_equal(taken[epoch, 0]["trimap"], own) for epoch in range(8)) and not caplog.text
    (root / "trimap.png").write_text("text")
    assert drawn_ones[0]["trimap"].shape == (60, 80)  # it is not even read
    with pytest.raises(MattingError, match=r"own\.txt:1: .*trimap\.png cannot be read"):
        taken[0]


def test_trainval_reads_both_lists(tmp_path):
    root = drawn.dataset(tmp_path)
    both = MattingDataset(root, TRAINING, mode="trainval", train_file=["train.txt"], val_file="val.txt")
    assert len(both) == 6
    assert both[5]["image"].dtype == np.float32


def test_key_del_leaves_layers_out_without_changing_the_rest(tmp_path):
    root = drawn.dataset(tmp_path, background=True)
    full = MattingDataset(root, [RandomCrop([32, 24])], train_file="train.txt", get_trimap=False)[0]
    lean = MattingDataset(
        root, [RandomCrop([32, 24])], train_file="train.txt", get_trimap=False, key_del=["fg", "background"]
    )[0]
    assert "foreground" not in lean and "background" not in lean
    np.testing.assert_array_equal(lean["image"], full["image"])


def test_rssn_disturbs_and_keeps_the_law(tmp_path):
    root = drawn.dataset(tmp_path, count=1, background=True)
    plain = MattingDataset(root, [RandomCrop([32, 24])], train_file="train.txt", get_trimap=False)
    rssn = MattingDataset(root, [RandomCrop([32, 24])], train_file="train.txt", get_trimap=False, if_rssn=True)
    changed = 0
    for epoch in range(12):
        sample = rssn[epoch, 0]
        changed += not np.array_equal(sample["background"], plain[epoch, 0]["background"])
        expected = composite(sample["foreground"], sample["alpha"], sample["background"])
        np.testing.assert_array_equal(sample["image"], expected)
    assert 3 <= changed < 12


def test_sizes_that_disagree_name_line_and_sizes(tmp_path):
    root = drawn.dataset(tmp_path, count=1)
    drawn.save(root / "train/alpha/0.png", np.zeros((60, 79), np.uint8))
    with pytest.raises(MattingError, match=r"train\.txt:1: .*alpha/0\.png is 79x60 but .*fg/0\.png is 80x60"):
        MattingDataset(root, [], train_file="train.txt")[0]


def test_broken_file_names_line_and_file(tmp_path):
    root = drawn.dataset(tmp_path)
    (root / "train/fg/1.png").write_text("text")
    dataset = MattingDataset(root, [], train_file="train.txt")
    assert dataset[0]["name"] == "train/fg/0.png"
    with pytest.raises(MattingError, match=r"train\.txt:2: .*train/fg/1\.png cannot be read"):
        dataset[1]


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"mode": "test"}, "mode is 'test'; it must be one of train, val, trainval"),
        ({}, "mode train needs train_file"),
        ({"mode": "trainval", "train_file": "train.txt"}, "mode trainval needs val_file"),
        ({"train_file": "train.txt", "key_del": ["alpha"]}, "key_del holds 'alpha'"),
    ],
)
def test_bad_arguments(tmp_path, arguments, message):
    with pytest.raises(MattingError, match=message):
        MattingDataset(drawn.dataset(tmp_path), [], **arguments)


def test_collate_stacks_common_layers(tmp_path):
    transforms = [RandomCrop([32, 24]), RandomBlur(1.0), Normalize()]
    composited = MattingDataset(drawn.dataset(tmp_path / "two", background=True), transforms, train_file="train.txt")
    plain = MattingDataset(drawn.dataset(tmp_path / "one"), transforms, train_file="train.txt")
    batch = collate([composited[0], composited[1]])
    assert {key: value.shape for key, value in batch.items() if key != "name"} == {
        "image": (2, 3, 24, 32),
        "alpha": (2, 1, 24, 32),
        "trimap": (2, 1, 24, 32),
        "foreground": (2, 3, 24, 32),
        "background": (2, 3, 24, 32),
    }
    assert all(value.dtype == np.float32 and value.flags.c_contiguous for key, value in batch.items() if key != "name")
    np.testing.assert_array_equal(batch["image"][1, 2], composited[1]["image"][..., 2])
    np.testing.assert_array_equal(batch["trimap"][0, 0], composited[0]["trimap"])
    assert batch["name"] == ["train/fg/0.png", "train/fg/1.png"]
    assert set(collate([composited[0], plain[0]])) == {"name", "image", "alpha", "trimap"}


def test_collate_refuses_different_sizes(tmp_path):
    root = drawn.dataset(tmp_path)
    for folder in ("fg", "alpha"):
        path = root / f"train/{folder}/1.png"
        drawn.save(path, cv2.resize(cv2.imread(str(path), cv2.IMREAD_UNCHANGED), (50, 40)))
    dataset = MattingDataset(root, [], train_file="train.txt")
    with pytest.raises(MattingError, match=r"train/fg/0\.png \(80x60\) and train/fg/1\.png \(50x40\); .*RandomCrop"):
        collate([dataset[0], dataset[1]])
