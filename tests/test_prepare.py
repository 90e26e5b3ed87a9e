"""Preparing sets: a miniature of each published layout becomes lists that the data set reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import drawn
from matting.curation.preparation import SETS, writing
from matting.curation.preparation.execution import make_plan
from matting.curation.preparation.foregrounds import extend
from matting.curation.preparation.plan import Choices
from matting.curation.preparation.sources import list_names
from matting.curation.preparation.splitting import parse_shares, sizes
from matting.datasets.lists import read_lists
from matting.errors import MattingError
from matting.pictures.files import read_alpha, read_image, read_trimap
from tools import ROOT, Outcome, run_tool

MATTE = np.rint(drawn.disc() * 255).astype(np.uint8)
TRIMAP = np.where(MATTE == 0, 0, np.where(MATTE == 255, 255, 128)).astype(np.uint8)
HIDDEN = b"\0\5\x16\7 not a picture"


def photographs(folder: Path, *names: str) -> None:
    for seed, name in enumerate(names):
        drawn.save(folder / name, drawn.texture(60, 80, seed))


def mattes(folder: Path, *names: str, pixels: np.ndarray = MATTE) -> None:
    for name in names:
        drawn.save(folder / name, pixels)


def cutout(path: Path, seed: int = 0) -> None:
    """Save a cutout that is black where it is transparent, as most programs save them."""
    colours = np.where(MATTE[..., None] > 0, drawn.texture(60, 80, seed), np.uint8(0))
    drawn.save(path, np.dstack([colours, MATTE]))


def run(name: str, folder: Path, *arguments: object) -> Outcome:
    return run_tool("prepare_data", name, "--source", folder / "in", "--target", folder / "out", *arguments)


def lines(folder: Path, name: str) -> list[str]:
    return (folder / "out" / f"{name}.txt").read_text(encoding="utf-8").splitlines()


def entries(folder: Path, name: str) -> list:
    return read_lists([f"{name}.txt"], folder / "out")


def test_ppm100_as_released_is_split_linked_and_read(tmp_path: Path) -> None:
    names = [f"{number}_o.jpg" for number in range(10)]
    photographs(tmp_path / "in/image", *names)
    mattes(tmp_path / "in/matte", *names)
    outcome = run("ppm100", tmp_path, "--split", "7:3")
    assert outcome.status == 0, outcome.error
    train, val = entries(tmp_path, "train"), entries(tmp_path, "val")
    assert len(train) == 7 and len(val) == 3
    assert {entry.image.name for entry in train + val} == set(names)
    assert train[0].image.samefile(tmp_path / "in/image" / train[0].image.name)
    assert train[0].alpha.samefile(tmp_path / "in/matte" / train[0].alpha.name)


def test_ppm100_as_paddleseg_arranged_it_keeps_its_parts(tmp_path: Path) -> None:
    for part, names in (("train", ("a b.jpg", "c.jpg")), ("val", ("d.jpg",))):
        photographs(tmp_path / "in/PPM-100" / part / "fg", *names)
        mattes(tmp_path / "in/PPM-100" / part / "alpha", *names)
    outcome = run("ppm100", tmp_path, "--trimap", "random", "--debug", 2)
    assert outcome.status == 0, outcome.error
    assert lines(tmp_path, "train")[0] == "train/fg/a_b.jpg trimap=train/trimap/a_b.png"
    assert len(lines(tmp_path, "train_debug")) == len(lines(tmp_path, "val_debug")) == 1
    assert set(np.unique(read_trimap(tmp_path / "out/train/trimap/c.png"))) == {0, 128, 255}
    with pytest.raises(MattingError, match="parts of its own"):
        make_plan(SETS["ppm100"], tmp_path / "in", Choices(split=(1, 1)))


def test_p3m10k_has_a_list_a_benchmark(tmp_path: Path) -> None:
    root = tmp_path / "in/P3M-10k"
    photographs(root / "train/blurred_image", "p_1.jpg", "p_2.jpg")
    mattes(root / "train/mask", "p_1.png", "p_2.png")
    for part, folder in (("P3M-500-P", "blurred_image"), ("P3M-500-NP", "original_image")):
        photographs(root / "validation" / part / folder, "p_9.jpg")
        mattes(root / "validation" / part / "mask", "p_9.png")
        mattes(root / "validation" / part / "trimap", "p_9.png", pixels=TRIMAP)
    assert run("p3m10k", tmp_path).status == 0
    assert lines(tmp_path, "train") == ["train/fg/p_1.jpg", "train/fg/p_2.jpg"]
    assert lines(tmp_path, "P3M-500-NP") == ["P3M-500-NP/fg/p_9.jpg trimap=P3M-500-NP/trimap/p_9.png"]
    assert lines(tmp_path, "val") == lines(tmp_path, "P3M-500-P") + lines(tmp_path, "P3M-500-NP")
    assert all(entry.trimap for entry in entries(tmp_path, "val"))


def composition1k(root: Path) -> None:
    train, test = root / "Training_set", root / "Test_set"
    photographs(train / "Adobe-licensed images/fg", "a (1).jpg")
    mattes(train / "Adobe-licensed images/alpha", "a (1).jpg")
    photographs(train / "Other/fg", "b.jpg")
    mattes(train / "Other/alpha", "b.jpg")
    photographs(test / "Adobe-licensed images/fg", "c.png")
    mattes(test / "Adobe-licensed images/alpha", "c.png")
    mattes(test / "Adobe-licensed images/trimaps", *(f"c_{k}.png" for k in range(20)), pixels=TRIMAP)
    drawn.save(root / "coco/one.png", drawn.texture(90, 120))
    drawn.save(root / "coco/two.jpg", drawn.texture(90, 120))
    drawn.save(root / "voc/x.jpg", drawn.texture(90, 120))
    (train / "training_fg_names.txt").write_text("b.jpg\r\na (1).jpg\r\n")
    (train / "training_bg_names.txt").write_text("one.jpg\n" * 100 + "two.jpg\n" * 100)
    (test / "test_fg_names.txt").write_text("c.png\n")
    (test / "test_bg_names.txt").write_text("x.jpg\n" * 20)


def test_composition1k_follows_its_lists(tmp_path: Path) -> None:
    composition1k(tmp_path / "in")
    folders = ("--backgrounds", tmp_path / "in/coco", "--test_backgrounds", tmp_path / "in/voc")
    assert run("composition1k", tmp_path).status == 1
    outcome = run("composition1k", tmp_path, *folders, "--extend")
    assert outcome.status == 0, outcome.error
    train = entries(tmp_path, "train")
    assert len(train) == 200 and len(entries(tmp_path, "val")) == 20
    assert (train[0].image.name, train[0].background.name) == ("b.png", "one.png")
    assert lines(tmp_path, "train")[199] == "train/fg/a_(1).png train/bg/two.jpg"
    assert lines(tmp_path, "val")[7] == "val/fg/c.png val/bg/x.jpg val/trimap/c_7.png"


def test_distinctions646_draws_backgrounds_by_seed(tmp_path: Path) -> None:
    for part in ("Train", "Test"):
        photographs(tmp_path / "in" / part / "FG", "a.png", "b.png")
        mattes(tmp_path / "in" / part / "GT", "a.png", "b.png")
    for number in range(30):
        drawn.save(tmp_path / f"bg/{number}.png", drawn.texture(9, 12, number))
    folders = ("--backgrounds", tmp_path / "bg", "--test_backgrounds", tmp_path / "bg")
    assert run("distinctions646", tmp_path, *folders).status == 0
    val = lines(tmp_path, "val")
    assert len(lines(tmp_path, "train")) == 200 and len(val) == 40
    assert len({line.split()[1] for line in val[:30]}) == 30  # all served once before any served twice
    os.rename(tmp_path / "out", tmp_path / "before")
    run("distinctions646", tmp_path, *folders)
    assert lines(tmp_path, "val") == val


def test_aim500_is_all_test(tmp_path: Path) -> None:
    photographs(tmp_path / "in/original", "o_1.jpg", "o_2.jpg")
    mattes(tmp_path / "in/mask", "o_1.png", "o_2.png")
    mattes(tmp_path / "in/trimap", "o_1.png", "o_2.png", pixels=TRIMAP)
    assert run("aim500", tmp_path).status == 0
    assert lines(tmp_path, "val") == [f"val/fg/o_{k}.jpg trimap=val/trimap/o_{k}.png" for k in (1, 2)]
    assert not (tmp_path / "out/train.txt").exists()


def aisegment(root: Path, count: int = 10) -> None:
    for number in range(count):
        place = f"1803/{{}}_0000000{number % 2}/1803-{number:03d}"
        drawn.save(root / "clip_img" / f"{place.format('clip')}.jpg", drawn.texture(60, 80, number))
        cutout(root / "matting" / f"{place.format('matting')}.png", number)
    (root / "clip_img/1803/clip_00000000/._1803-000.jpg").write_bytes(HIDDEN)
    (root / "matting/1803/._matting_00000000").write_bytes(HIDDEN)


def test_aisegment_makes_every_layer_and_names_what_it_drops(tmp_path: Path) -> None:
    aisegment(tmp_path / "in")
    base = tmp_path / "in/clip_img/1803/clip_00000000"
    drawn.save(base / "lonely.jpg", drawn.texture(60, 80))
    drawn.save(base / "small.jpg", drawn.texture(30, 40))
    cutout(tmp_path / "in/matting/1803/matting_00000000/small.png")
    drawn.save(base / "broken.jpg", drawn.texture(60, 80))
    (tmp_path / "in/matting/1803/matting_00000000/broken.png").write_bytes(HIDDEN)
    outcome = run("aisegment", tmp_path, "--mean_std", "--debug", 5)
    assert outcome.status == 0, outcome.error
    # 12 were split 7, 3 and 2 before two of them turned out to be unusable
    counts = [len(entries(tmp_path, part)) for part in ("train", "val", "test")]
    assert sum(counts) == 10 and all(low <= count for low, count in zip((5, 1, 1), counts, strict=True))
    dropped = lines(tmp_path, "dropped")
    assert len(dropped) == 3 and "._" not in "".join(dropped)
    for name, reason in (("lonely", "no matte"), ("small", "40x30"), ("broken", "cannot be read")):
        assert any(f"{name}.jpg" in line and reason in line for line in dropped), dropped
    one = entries(tmp_path, "train")[0]
    np.testing.assert_array_equal(read_alpha(one.alpha), (MATTE / 255).astype(np.float32))
    assert set(np.unique(read_alpha(tmp_path / "out/train/mask" / one.alpha.name))) == {0, 1}
    assert set(np.unique(read_trimap(one.trimap))) == {0, 128, 255}
    assert sum(len(lines(tmp_path, f"{part}_debug")) for part in ("train", "val", "test")) == 5
    measured = json.loads((tmp_path / "out/mean_std.json").read_text())
    seen = [entry.image for part in ("train", "val") for entry in entries(tmp_path, part)]
    pixels = np.concatenate([read_image(path).reshape(-1, 3) for path in seen]) / 255
    np.testing.assert_allclose(measured["image"]["mean"], pixels.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(measured["image"]["std"], pixels.std(axis=0), atol=1e-5)
    assert measured["trimap"]["pictures"] == len(seen)
    assert run("aisegment", tmp_path, "--mean_std", "--debug", 5, "--strict").status == 1


def test_folders_of_images_and_mattes_and_of_cutouts(tmp_path: Path) -> None:
    photographs(tmp_path / "in/photos", "cats/a.jpg", "fg/a.jpg", "c.jpg")
    mattes(tmp_path / "in/mattes", "cats/a_matte.png", "fg/a_matte.png", "c_matte.png")
    assert run("folders", tmp_path, "--split", "1", "--alpha_suffix", "_matte").status == 0
    assert lines(tmp_path, "train") == ["train/fg/c.jpg", "train/fg/cats_a.jpg", "train/fg/fg_a.jpg"]
    assert len(entries(tmp_path, "train")) == 3
    cutout(tmp_path / "two/in/x.png")
    drawn.save(tmp_path / "two/in/opaque.png", drawn.texture(60, 80))
    assert run("folders", tmp_path / "two", "--split", "1").status == 0
    assert lines(tmp_path / "two", "train") == ["train/fg/x.png"]
    assert "no cutout" in lines(tmp_path / "two", "dropped")[0]
    np.testing.assert_array_equal(read_alpha(tmp_path / "two/out/train/alpha/x.png"), drawn.disc())
    colours = read_image(tmp_path / "two/out/train/fg/x.png")
    np.testing.assert_array_equal(colours[MATTE > 15], drawn.texture(60, 80)[MATTE > 15])
    assert colours.min() > 20  # nothing black is left


def test_a_broken_run_goes_on_and_equals_an_unbroken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aisegment(tmp_path / "in", 6)
    written, original = [], writing.write_png

    def fails_at_eight(path: Path, pixels: np.ndarray) -> None:
        written.append(path)
        if len(written) == 8:
            raise MattingError("no room")
        original(path, pixels)

    monkeypatch.setattr(writing, "write_png", fails_at_eight)
    assert run("aisegment", tmp_path, "--num_workers", 0).status == 1
    assert not (tmp_path / "out/train.txt").exists()
    assert run("aisegment", tmp_path, "--num_workers", 2).status == 0
    assert len(written) < 8 + 6 * 3  # what was complete was not made again
    broken = {path.relative_to(tmp_path / "out"): path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    os.rename(tmp_path / "out", tmp_path / "before")
    run("aisegment", tmp_path, "--num_workers", 0)
    whole = {path.relative_to(tmp_path / "out"): path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    assert broken == whole


def test_dry_run_writes_nothing_and_tells_the_lists(tmp_path: Path) -> None:
    aisegment(tmp_path / "in")
    outcome = run("aisegment", tmp_path, "--dry_run")
    assert outcome.status == 0 and not (tmp_path / "out").exists()
    assert "train.txt: 6 lines" in outcome.output and "nothing was written" in outcome.output


def test_another_preparation_does_not_mix_in(tmp_path: Path) -> None:
    aisegment(tmp_path / "in", 3)
    assert run("aisegment", tmp_path).status == 0
    outcome = run("aisegment", tmp_path, "--seed", 1)
    assert outcome.status == 1 and "seed was 0, is 1" in outcome.error
    (tmp_path / "full/x.txt").parent.mkdir()
    (tmp_path / "full/x.txt").touch()
    for target, said in ((tmp_path / "in/out", "lies in "), (tmp_path / "full", "holds other files")):
        outcome = run_tool("prepare_data", "aisegment", "--source", tmp_path / "in", "--target", target)
        assert outcome.status == 1 and said in outcome.error


@pytest.mark.parametrize("name", sorted(SETS))
def test_a_source_that_is_not_the_set_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "in/holiday").mkdir(parents=True)
    outcome = run(name, tmp_path)
    assert outcome.status == 1 and outcome.error.startswith("error: ") and "Traceback" not in outcome.error


def test_shares_and_names() -> None:
    assert sizes(10, (6, 2, 2)) == [6, 2, 2] and sizes(7, (1, 1)) == [4, 3] and sum(sizes(34427, (6, 2, 2))) == 34427
    for text in ("", "a:b", "1:2:3:4", "0:0", "-1:2", "nan:1"):
        with pytest.raises(MattingError, match="--split"):
            parse_shares(text)
    assert list_names(["x/a b", "x_a_b", "c"]) == ["x_a_b", "x_a_b~2", "c"]


def test_extended_colours_do_not_bleed_when_the_picture_shrinks() -> None:
    plain = np.full((60, 80, 3), (200, 100, 50), np.uint8)
    alpha = drawn.disc()
    cut = np.where(alpha[..., None] > 0, plain, np.uint8(0))
    assert np.abs(extend(cut, alpha).astype(int) - plain).max() <= 1
    small = cv2.resize(extend(cut, alpha), (20, 15), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - (200, 100, 50)).max() <= 1
    assert extend(plain, np.zeros((60, 80), np.float32)).shape == plain.shape  # nothing to go by, and no error


def test_help_is_quick_because_nothing_heavy_is_imported() -> None:
    blocked = "import runpy, sys; sys.argv[1:] = ['--help']; sys.path.insert(0, 'tools')\n"
    blocked += "sys.modules.update(dict.fromkeys(('paddle', 'cv2', 'numpy', 'PIL'), None))\n"
    for tool in ("prepare_data", "check_data", "pack_data"):
        code = blocked + f"runpy.run_path('tools/{tool}.py', run_name='__main__')"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "--num_workers" in done.stdout, done.stderr


def test_the_tool_offers_every_recipe_and_preparing_needs_no_paddle() -> None:
    code = "import sys; sys.modules['paddle'] = None; sys.path.insert(0, 'tools')\n"
    code += "from matting.commands import prepare_data\nimport matting.curation.inspection.layers\n"
    code += "import matting.curation.preparation.execution\n"
    code += "from matting.curation.preparation import SETS\nassert set(prepare_data.SETS) == set(SETS)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
