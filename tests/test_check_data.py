"""Checking data: every defect is planted once, found under its own name, and nothing else is said."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import drawn
from matting.curation.inspection.duplicates import find_duplicates, fingerprint
from matting.curation.inspection.findings import ERROR, WARNING
from matting.curation.inspection.layers import check_alpha, check_pair, check_photograph, check_trimap
from matting.pictures.decoding import Description
from matting.pictures.files import read_image
from tools import Outcome, run_tool

PNG = Description("PNG", 60, 80, 60, 80, 1)
MATTE = np.rint(drawn.disc() * 255).astype(np.uint8)


def names(remarks) -> list[str]:
    return [remark.check for remark in remarks]


def check(root: Path, *lists: object) -> Outcome:
    return run_tool("check_data", *(lists or (root / "train.txt",)), "--save_dir", root / "found", "--num_workers", 0)


def rows(root: Path) -> list[dict[str, str]]:
    with open(root / "found/findings.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def blobs(seed: int) -> np.ndarray:
    """A picture of its own: large blobs, so that two seeds differ in every thumbnail."""
    noise = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
    return cv2.resize(noise, (80, 60), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def clean(tmp_path: Path) -> Path:
    for part, seeds in (("train", (0, 1, 2)), ("val", (3,))):
        for seed in seeds:
            drawn.save(tmp_path / part / "fg" / f"{seed}.png", blobs(seed))
            drawn.save(tmp_path / part / "alpha" / f"{seed}.png", MATTE)
        (tmp_path / f"{part}.txt").write_text("".join(f"{part}/fg/{seed}.png\n" for seed in seeds))
    return tmp_path


def test_a_clean_set_passes(clean: Path) -> None:
    outcome = check(clean, clean / "train.txt", clean / "val.txt")
    assert outcome.status == 0 and "0 errors, 0 warnings" in outcome.output, outcome.output
    assert "4 mattes of 8 bits" in outcome.output and "short side 60 to 60" in outcome.output
    assert rows(clean) == [] and not (clean / "found/suspicious.png").exists()


def test_every_planted_defect_is_found_with_its_line(clean: Path) -> None:
    drawn.save(clean / "train/alpha/0.png", MATTE[:30])
    (clean / "train/fg/1.png").write_bytes((clean / "train/fg/1.png").read_bytes()[:900])
    drawn.save(clean / "train/alpha/2.png", np.where(MATTE > 127, np.uint8(255), np.uint8(0)))
    drawn.save(clean / "train/trimap/2.png", np.where(MATTE > 127, np.uint8(0), np.uint8(90)))
    drawn.save(clean / "train/fg/extra.png", blobs(9))
    drawn.save(clean / "val/fg/again.jpg", blobs(2))
    drawn.save(clean / "val/alpha/again.png", np.zeros_like(MATTE))
    (clean / "train/fg/._1.png").write_bytes(b"\0\5\x16\7")
    drawn.save(clean / "train/alpha/._1.png", MATTE)
    (clean / "train.txt").write_text(
        "train/fg/0.png\ntrain/fg/1.png\ntrain/fg/2.png trimap=train/trimap/2.png\ntrain/fg/0.png\ntrain/fg/gone.png\n"
        "train/fg/._1.png\n"
    )
    (clean / "val.txt").write_text("val/fg/3.png\nval/fg/again.jpg\ntrain/fg/0.png\n")
    outcome = check(clean, clean / "train.txt", clean / "val.txt")
    assert outcome.status == 1
    found = {(row["severity"], row["check"], row["where"]) for row in rows(clean)}
    assert found == {
        (ERROR, "sizes", "train.txt:1"),
        (ERROR, "unreadable", "train.txt:2"),
        (WARNING, "binary alpha", "train.txt:3"),
        (WARNING, "trimap values", "train.txt:3"),
        (ERROR, "trimap contradicts alpha", "train.txt:3"),
        (WARNING, "listed twice", "train.txt:4"),
        (ERROR, "unreadable", "train.txt:5"),
        (ERROR, "hidden file", "train.txt:6"),
        (ERROR, "empty alpha", "val.txt:2"),
        (ERROR, "duplicate across splits", "val.txt:2"),
        (ERROR, "in two splits", "val.txt:3"),
        (WARNING, "unlisted", "fg"),
    }
    sheet = read_image(clean / "found/suspicious.png")
    assert sheet.shape[0] > 6 * 180
    assert "Traceback" not in outcome.error


def test_folders_without_lists(tmp_path: Path) -> None:
    drawn.dataset(tmp_path / "set", 1)
    drawn.save(tmp_path / "set/train/fg/lonely.png", blobs(5))
    for number in (1, 2):
        drawn.save(tmp_path / f"set/train/trimap{number}/0.png", np.full((60, 80), 128, np.uint8))
    outcome = check(tmp_path, tmp_path / "set/train")
    assert outcome.status == 0 and "2 lines, 1 photographs" in outcome.output
    assert [row["check"] for row in rows(tmp_path)].count("trimap coverage") == 2
    assert [row["check"] for row in rows(tmp_path)].count("no partner") == 1
    assert check(tmp_path, tmp_path / "set/train/fg").status == 0
    (tmp_path / "empty").mkdir()
    outcome = check(tmp_path, tmp_path / "empty")
    assert outcome.status == 1 and outcome.error.startswith("error: ")


def test_alphas_by_their_values() -> None:
    disc = drawn.disc()
    assert names(check_alpha(disc, PNG)) == []
    assert names(check_alpha(1 - disc, PNG)) == ["inverted alpha"]
    assert names(check_alpha(np.zeros_like(disc), PNG)) == ["empty alpha"]
    assert names(check_alpha(np.ones_like(disc), PNG)) == ["full alpha"]
    assert names(check_alpha(np.round(disc), PNG)) == ["binary alpha"]
    assert names(check_alpha(np.round(disc * 4) / 4, PNG)) == ["few levels"]
    assert names(check_alpha(np.clip(disc, 1 / 255, 1), PNG)) == ["nearly known alpha"]
    assert names(check_alpha(disc, Description("JPEG", 60, 80, 60, 80, 1))) == ["lossy alpha"]


def test_trimaps_by_their_values() -> None:
    disc = drawn.disc()
    good = np.where(disc == 0, 0, np.where(disc == 1, 255, 128)).astype(np.uint8)
    assert names(check_trimap(good, disc)) == []
    assert names(check_trimap(np.where(good == 128, np.uint8(127), good), disc)) == ["trimap values"]
    assert names(check_trimap(np.where(good == 128, good, 255 - good), disc)) == ["trimap contradicts alpha"]
    assert names(check_trimap(np.where(good == 128, np.uint8(255), good), None)) == ["trimap coverage"]


def turned(image: np.ndarray, orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_orientation_of_one_file_only(clean: Path) -> None:
    (clean / "train/fg/0.jpg").write_bytes(turned(blobs(0), 6))
    (clean / "train/fg/0.png").unlink()
    (clean / "train.txt").write_text("train/fg/0.jpg\ntrain/fg/1.png\ntrain/fg/2.png\n")
    assert check(clean).status == 1
    (row,) = rows(clean)
    assert row["check"] == "orientation" and "EXIF orientation 6" in row["detail"]
    upright, over = Description("JPEG", 60, 80, 60, 80, 1), Description("JPEG", 60, 80, 60, 80, 3)
    assert [remark.severity for remark in check_pair(over, upright)] == [WARNING]
    assert names(check_pair(Description("JPEG", 60, 80, 80, 60, 6), upright)) == []  # the matte was turned before
    assert names(check_pair(over, over)) == []


def test_photographs_by_their_values() -> None:
    image = drawn.texture(60, 80)
    assert names(check_photograph(image)) == []
    assert names(check_photograph(np.dstack([image, MATTE]))) == ["transparent photograph"]
    assert names(check_photograph(np.zeros((9, 9), np.uint8))) == ["blank photograph"]


def test_duplicates_survive_size_and_compression_and_others_are_left_alone() -> None:
    pictures = [blobs(seed) for seed in range(30)]
    smaller = cv2.resize(pictures[4], (53, 40), interpolation=cv2.INTER_AREA)
    jpeg = cv2.imdecode(cv2.imencode(".jpg", pictures[9], [cv2.IMWRITE_JPEG_QUALITY, 60])[1], cv2.IMREAD_COLOR)
    plain = [np.full((60, 80, 3), level, np.uint8) for level in (10, 200)]  # hashes agree, colours do not
    prints = [fingerprint(picture) for picture in [*pictures, smaller, jpeg, *plain]]
    assert find_duplicates(*zip(*prints, strict=True)) == [(4, 30), (9, 31)]
