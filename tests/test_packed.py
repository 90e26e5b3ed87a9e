"""Packed sets: the same samples as from files where nothing is shrunk, the matte exact, broken files refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import drawn
from matting.datasets.lists import read_lists
from matting.datasets.matting_dataset import MattingDataset
from matting.errors import MattingError
from matting.pictures import packed
from matting.pictures.files import image_size, read_alpha, read_image, read_trimap
from matting.transforms.crop import RandomCrop, RandomCropByAlpha
from matting.transforms.geometry import RandomHorizontalFlip
from matting.transforms.photometric import Normalize, RandomBlur, RandomDistort, RandomNoise
from matting.transforms.resize import RandomResize, ResizeByShort
from tools import Outcome, run_tool

CHAINS = [
    [RandomCrop([32, 24]), RandomDistort(), RandomNoise(1.0), RandomHorizontalFlip(), Normalize()],
    [RandomHorizontalFlip(1.0), RandomCropByAlpha([40, 30], 1.0), RandomBlur(1.0)],
    [ResizeByShort(50), RandomResize(scale=[0.5, 1.5]), Normalize()],
    [],
]


def pack(source: Path, target: Path, *arguments: object, lists: tuple[str, ...] = ("train.txt",)) -> Outcome:
    return run_tool("pack_data", *lists, "--dataset_root", source, "--target", target, "--num_workers", 0, *arguments)


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("chain", range(len(CHAINS)))
def test_unshrunk_samples_are_those_of_the_files(tmp_path: Path, background: bool, chain: int) -> None:
    root = drawn.dataset(tmp_path / "in", background=background)
    assert pack(root, tmp_path / "out", lists=("train.txt", "val.txt")).status == 0
    files, copy = (
        MattingDataset(str(folder), CHAINS[chain], train_file="train.txt") for folder in (root, tmp_path / "out")
    )
    for key in ((0, 0), (1, 1), (2, 2)):
        one, other = files[key], copy[key]
        assert one.keys() == other.keys()
        for layer in one.keys() - {"name", "undo"}:
            np.testing.assert_array_equal(one[layer], other[layer], err_msg=layer)
    one, other = (
        MattingDataset(str(folder), [], mode="val", val_file="val.txt").read(1) for folder in (root, tmp_path / "out")
    )
    np.testing.assert_array_equal(one["image"], other["image"])


def test_a_sample_never_changes_the_packed_file(tmp_path: Path) -> None:
    root = drawn.dataset(tmp_path / "in", background=True)
    pack(root, tmp_path / "out")
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.npy")}
    for chain in CHAINS:
        dataset = MattingDataset(str(tmp_path / "out"), chain, train_file="train.txt")
        for epoch in range(4):
            dataset[epoch, 1]
    assert {path: path.read_bytes() for path in before} == before
    assert not read_image(next(iter(before))).flags.writeable


def test_the_short_side_and_the_trimap(tmp_path: Path) -> None:
    root = drawn.dataset(tmp_path / "in", 1)
    own = np.full((60, 80), 128, np.uint8)
    own[:20], own[40:] = 0, 255
    drawn.save(root / "t/my trimap.png", own)
    (root / "train.txt").write_text("train/fg/0.png||t/my trimap.png\n")
    outcome = pack(root, tmp_path / "out", "--short_side", 30, "--separator", "|")
    assert outcome.status == 0, outcome.error
    (entry,) = read_lists(["train.txt"], tmp_path / "out")
    assert entry.trimap and image_size(entry.image) == image_size(entry.alpha) == (30, 40)
    assert set(np.unique(read_trimap(entry.trimap))) == {0, 128, 255}
    expected = cv2.resize(np.rint(drawn.disc() * 255).astype(np.uint8), (40, 30), interpolation=cv2.INTER_AREA)
    np.testing.assert_array_equal(read_alpha(entry.alpha), (expected / 255).astype(np.float32))


def test_an_alpha_of_16_bits_keeps_them(tmp_path: Path) -> None:
    root = drawn.dataset(tmp_path / "in", 1)
    deep = np.rint(drawn.disc() * 65535).astype(np.uint16)
    deep[0, 0] = 12345
    drawn.save(root / "train/alpha/0.png", deep)
    assert pack(root, tmp_path / "out").status == 0
    alpha = packed.read(tmp_path / "out/train/alpha/0.npy")
    assert alpha.dtype == np.uint16
    np.testing.assert_array_equal(alpha, deep)
    np.testing.assert_array_equal(
        read_alpha(tmp_path / "out/train/alpha/0.npy"), read_alpha(root / "train/alpha/0.png")
    )


def test_names_that_would_collide_or_hold_spaces(tmp_path: Path) -> None:
    root = drawn.dataset(tmp_path / "in", 1)
    for name, level in (("a b.png", 10), ("a_b.png", 90), ("a_b.jpg", 170)):
        drawn.save(root / "fg" / name, np.full((60, 80, 3), level, np.uint8))
    drawn.save(root / "m.png", np.rint(drawn.disc() * 255).astype(np.uint8))
    (root / "train.txt").write_text("".join(f"fg/{name}|alpha=m.png\n" for name in ("a b.png", "a_b.png", "a_b.jpg")))
    assert pack(root, tmp_path / "out", "--separator", "|").status == 0
    entries = read_lists(["train.txt"], tmp_path / "out")
    assert [int(read_image(entry.image)[0, 0, 0]) for entry in entries] == [10, 90, 170]
    assert len({entry.alpha for entry in entries}) == 1  # one matte, written once


def test_it_goes_on_and_refuses_another_copy_and_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    root = drawn.dataset(tmp_path / "in")
    outcome = pack(root, tmp_path / "out", "--dry_run")
    assert outcome.status == 0 and "would be written" in outcome.output and not (tmp_path / "out").exists()
    assert pack(root, tmp_path / "out").status == 0
    files = sorted((tmp_path / "out").rglob("*.npy"))
    files[0].unlink()
    stamps = {path: path.stat().st_mtime_ns for path in files if path.parent.name == "fg" and path.stem == "2"}
    assert pack(root, tmp_path / "out").status == 0
    assert files[0].is_file() and {path: path.stat().st_mtime_ns for path in stamps} == stamps
    outcome = pack(root, tmp_path / "out", "--short_side", 30)
    assert outcome.status == 1 and "short_side was 800, is 30" in outcome.error
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9, 100))
    outcome = pack(root, tmp_path / "full")
    assert outcome.status == 1 and "smaller --short_side" in outcome.error


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "object", "floats", "missing"])
def test_what_is_no_packed_picture_is_one_error(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.npy"
    packed.write(path, drawn.texture(20, 30))
    data = path.read_bytes()
    if damage == "object":
        np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif damage == "floats":
        np.save(path, np.zeros((4, 4)))
    elif damage == "missing":
        path.unlink()
    else:
        path.write_bytes({"cut": data[:-5], "empty": b"", "text": b"hello, I am no array"}[damage])
    for read in (read_image, read_alpha, image_size):
        with pytest.raises(MattingError, match=r"a\.npy"):
            read(path)


def test_foregrounds_do_not_get_dark_edges_when_they_shrink(tmp_path: Path) -> None:
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, 10:53] = 255
    colours = np.where(alpha[..., None] > 0, np.uint8(200), np.uint8(0)).repeat(3, axis=2)
    drawn.save(tmp_path / "in/fg/a.png", colours)
    drawn.save(tmp_path / "in/alpha/a.png", alpha)
    drawn.save(tmp_path / "in/bg/b.png", np.full((64, 64, 3), 200, np.uint8))
    (tmp_path / "in/train.txt").write_text("fg/a.png bg/b.png\n")
    assert pack(tmp_path / "in", tmp_path / "out", "--short_side", 15).status == 0
    image = MattingDataset(str(tmp_path / "out"), [], train_file="train.txt")[0]["image"]
    assert np.abs(image.astype(int) - 200).max() <= 1
