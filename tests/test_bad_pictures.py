"""Pictures as folders hold them, through the tools: the odd ones are read right, the broken ones named."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import drawn
import profiles
from matting.pictures.files import PIXEL_LIMIT, read_alpha, read_image, write_png
from matting.prediction.failures import FAILURES
from matting.prediction.record import RECORD
from test_completeness import noisy, zeroed
from test_headers import STRIPS
from tools import cut_out, run_tool


def encoded(pixels: np.ndarray, kind: str, mode: str | None = None, **options: object) -> bytes:
    file, picture = io.BytesIO(), Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(file, kind, **options)
    return file.getvalue()


def png_bomb(side: int = 30_000) -> bytes:
    """Return a valid black PNG of a bit a pixel, some 100 KB that unfold into a gigabyte of RGB."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer, row = zlib.compressobj(1), bytes(1 + (side + 7) // 8)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def float_tiff(value: float) -> bytes:
    pixels = np.full((20, 30), 0.5, np.float32)
    pixels[3, 4] = value
    return encoded(pixels, "TIFF")


PICTURE = drawn.texture(60, 50)
BROKEN = {
    "text.jpg": (b"not a picture at all\n", "text.jpg"),
    "empty.png": (b"", "empty"),
    "third.jpg": (encoded(PICTURE, "JPEG")[: len(encoded(PICTURE, "JPEG")) // 3], "broken"),
    "half.png": (encoded(PICTURE, "PNG")[:1500], "cut short"),
    "bomb.png": (png_bomb(), f"at most {PIXEL_LIMIT // 10**6} megapixels"),
    "zeros.jpg": (zeroed(encoded(noisy(), "JPEG"), 0.5), "cut short"),
    "zeros.webp": (zeroed(encoded(noisy(), "WEBP"), 0.5), "cut short"),
    "early.jpg": (encoded(noisy(), "JPEG")[:9_000] + b"\xff\xd9", "a part of its data is missing"),
    "strips.tif": (STRIPS, "announces more than it holds"),
    "nan.tif": (float_tiff(float("nan")), "NaN"),
    "range.tif": (float_tiff(300.0), "[0, 1]"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_picture_is_named_and_the_others_are_cut_out(trained: Path, tmp_path: Path, name: str) -> None:
    content, said = BROKEN[name]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(content)
    write_png(tmp_path / "in/good.png", PICTURE)
    outcome = cut_out(trained, tmp_path / "in", tmp_path / "out")
    assert outcome.status == 1 and "Traceback" not in outcome.error
    told = [line for line in outcome.error.splitlines() if line.startswith("skipped: ")]
    assert len(told) == 1 and name in told[0] and said in told[0], told
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        FAILURES,
        "good_alpha.png",
        "good_rgba.png",
        RECORD,
    ]
    assert "1 of 2 pictures" in outcome.output


def test_what_only_looks_like_a_picture_is_passed_over(trained: Path, tmp_path: Path) -> None:
    write_png(tmp_path / "in/folder.jpg/inside.png", PICTURE)
    write_png(tmp_path / "in/._good.png", PICTURE)
    (tmp_path / "in/gone.png").symlink_to(tmp_path / "nowhere.png")
    write_png(tmp_path / "in/good.png", PICTURE)
    outcome = cut_out(trained, tmp_path / "in", tmp_path / "out", "--save", "alpha")
    found = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.png"))
    assert found == ["folder.jpg/inside_alpha.png", "good_alpha.png"]
    assert outcome.status == 1 and "gone.png" in outcome.error  # a broken link is worth a word


def test_names_that_differ_in_ending_or_folder_do_not_overwrite_each_other(trained: Path, tmp_path: Path) -> None:
    for name in ("x.png", "x.bmp", "a/x.png", "b/x.png", "猫 🐈.png", "with space.png"):
        drawn.save(tmp_path / "in" / name, PICTURE)
    outcome = cut_out(trained, tmp_path / "in", tmp_path / "out", "--save", "alpha")
    assert outcome.status == 0, outcome.error
    found = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.png"))
    assert found == sorted(
        [
            "x.png_alpha.png",
            "x.bmp_alpha.png",
            "a/x_alpha.png",
            "b/x_alpha.png",
            "猫 🐈_alpha.png",
            "with space_alpha.png",
        ]
    )


SECOND = [Image.fromarray(255 - PICTURE)]
ODD = {
    "grey.png": encoded(PICTURE, "PNG", "L"),
    "palette.png": encoded(PICTURE, "PNG", "P"),
    "rgba.png": encoded(np.dstack((PICTURE, PICTURE[..., 0])), "PNG"),
    "deep.png": cv2.imencode(".png", PICTURE.astype(np.uint16)[..., ::-1] * 257)[1].tobytes(),
    "cmyk.jpg": encoded(PICTURE, "JPEG", "CMYK"),
    "animated.webp": encoded(PICTURE, "WEBP", save_all=True, append_images=SECOND, lossless=True),
    "animated.png": encoded(PICTURE, "PNG", save_all=True, append_images=SECOND),
    "big.tif": encoded(PICTURE, "TIFF", big_tiff=True),
    "float.tif": cv2.imencode(".tif", PICTURE[..., ::-1].astype(np.float32) / 255)[1].tobytes(),
    "press.png": encoded(PICTURE, "PNG", icc_profile=bytes(range(256)) * 8192),
    "inks.jpg": encoded(PICTURE, "JPEG", "CMYK", icc_profile=profiles.cmyk()),
    "wrong_ending.jpg": encoded(PICTURE, "PNG"),
    "pixel.png": encoded(PICTURE[:1, :1], "PNG"),
    "line.png": encoded(np.repeat(PICTURE[:1, :1], 1_000, axis=1), "PNG"),
    "column.png": encoded(np.repeat(PICTURE[:1, :1], 1_000, axis=0), "PNG"),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_pictures_are_cut_out(trained: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(ODD[name])
    outcome = cut_out(trained, tmp_path / "in", tmp_path / "out")
    assert outcome.status == 0, outcome.error
    stem = name.partition(".")[0]
    size = read_image(tmp_path / "in" / name).shape
    assert read_alpha(tmp_path / f"out/{stem}_alpha.png").shape == size[:2]
    assert ("its colour profile is ignored" in outcome.error) == (name == "press.png")
    if name.startswith(("animated", "deep", "wrong", "big", "float", "press")):
        write_png(tmp_path / "plain/plain.png", PICTURE)
        assert cut_out(trained, tmp_path / "plain", tmp_path / "out").status == 0
        plain, odd = (read_alpha(tmp_path / f"out/{which}_alpha.png") for which in ("plain", stem))
        np.testing.assert_array_equal(odd, plain)


def test_every_orientation_gives_the_upright_matte(trained: Path, tmp_path: Path) -> None:
    write_png(tmp_path / "in/0.png", PICTURE)
    turned = {
        1: PICTURE, 2: PICTURE[:, ::-1], 3: PICTURE[::-1, ::-1], 4: PICTURE[::-1], 5: PICTURE.transpose(1, 0, 2),
        6: np.rot90(PICTURE), 7: PICTURE[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(PICTURE, -1),
    }  # fmt: skip
    for orientation, pixels in turned.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        (tmp_path / f"in/{orientation}.png").write_bytes(encoded(np.ascontiguousarray(pixels), "PNG", exif=exif))
    outcome = cut_out(trained, tmp_path / "in", tmp_path / "out", "--save", "alpha")
    assert outcome.status == 0, outcome.error
    upright = read_alpha(tmp_path / "out/0_alpha.png")
    for orientation in turned:
        np.testing.assert_array_equal(read_alpha(tmp_path / f"out/{orientation}_alpha.png"), upright)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (20, 30)])
def test_training_and_validation_take_pictures_smaller_than_the_crop(
    trained: Path, tmp_path: Path, shape: tuple[int, int]
) -> None:
    for part in ("fg", "alpha"):
        drawn.save(tmp_path / f"data/{part}/a.png", np.full((*shape, 3) if part == "fg" else shape, 255, np.uint8))
    (tmp_path / "data/list.txt").write_text("fg/a.png\nfg/a.png\n")
    listed = [f"train_dataset.dataset_root={tmp_path / 'data'}", "train_dataset.train_file=list.txt"]
    listed += [f"val_dataset.dataset_root={tmp_path / 'data'}", "val_dataset.val_file=list.txt"]
    outcome = run_tool(
        "train", "--config", trained / "config.yml", "--save_dir", tmp_path / "run", "--iters", 1, "--do_eval",
        "--opts", *listed,
    )  # fmt: skip
    assert outcome.status == 0, outcome.error


@pytest.mark.parametrize("shape", [(1, 10_000), (10_000, 1)])
def test_a_line_is_not_enlarged_beyond_all_memory(trained: Path, tmp_path: Path, shape: tuple[int, int]) -> None:
    for part in ("fg", "alpha"):
        drawn.save(tmp_path / f"data/{part}/a.png", np.full((*shape, 3) if part == "fg" else shape, 255, np.uint8))
    (tmp_path / "data/list.txt").write_text("fg/a.png\n")
    larger = ["--opts", "val_dataset.transforms.0.short_size=512"]
    outcome = cut_out(trained, tmp_path / "data/fg", tmp_path / "out", *larger)
    assert outcome.status == 1 and "a.png: a picture of" in outcome.error and "less extreme shape" in outcome.error
    larger += [f"val_dataset.dataset_root={tmp_path / 'data'}", "val_dataset.val_file=list.txt"]
    outcome = run_tool(
        "val", "--config", trained / "config.yml", "--model_path", trained / "run/best_model",
        "--save_dir", tmp_path / "val", *larger,
    )  # fmt: skip
    assert outcome.status == 1 and "less extreme shape" in outcome.error and "a.png" in outcome.error, outcome.error


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("case", ["cut", "missing", "size", "colour", "opaque"])
def test_a_sample_that_cannot_be_used_ends_training_with_its_name(
    trained: Path, tmp_path: Path, workers: int, case: str
) -> None:
    drawn.dataset(tmp_path / "data", count=3)
    alpha = tmp_path / "data/train/alpha/1.png"
    assert alpha.is_file()
    if case == "cut":
        alpha.write_bytes(alpha.read_bytes()[:100])
    elif case == "missing":
        alpha.unlink()
    elif case == "size":
        drawn.save(alpha, drawn.texture(33, 44)[..., 0])
    else:
        opaque = np.full((60, 80), 255, np.uint8)
        drawn.save(alpha, np.dstack((drawn.texture(60, 80), opaque)) if case == "opaque" else drawn.texture(60, 80))
    outcome = run_tool(
        "train", "--config", trained / "config.yml", "--save_dir", tmp_path / "run", "--iters", 6,
        "--num_workers", workers, "--opts", f"train_dataset.dataset_root={tmp_path / 'data'}",
    )  # fmt: skip
    assert outcome.status == 1 and "Traceback" not in outcome.error
    told = outcome.error[outcome.error.index("error: ") :]
    assert "train/alpha/1.png" in told and "train.txt:2" in told, told
