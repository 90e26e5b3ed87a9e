"""Colour profiles: the network sees sRGB, results keep the photograph's own, and what else of it they carry on."""

from __future__ import annotations

import io
import logging
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

import drawn
import profiles
from matting.choices import FORMATS, KINDS
from matting.datasets.matting_dataset import MattingDataset
from matting.pictures import colour
from matting.pictures.encoding import Format, encode
from matting.pictures.files import read_alpha, read_image, read_photograph, write_png
from matting.pictures.headers import Header
from matting.pictures.metadata import read_metadata
from matting.prediction import backgrounds
from matting.prediction.backgrounds import Background
from matting.prediction.outputs import Outputs
from tools import cut_out, run_tool

PICTURE = drawn.texture(60, 50)
ADOBE, P3 = profiles.rgb(profiles.ADOBE), profiles.rgb(profiles.P3, 2.2)


def saved(path: Path, pixels: np.ndarray, kind: str = "PNG", mode: str | None = None, **options: object) -> Path:
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(path, kind, **options)
    return path


def by_hand(pixels: np.ndarray, primaries: tuple[tuple[float, float], ...], gamma: float) -> np.ndarray:
    """Return sRGB by the definition: gamma, two matrices, sRGB's curve."""
    linear = (pixels / 255) ** gamma @ profiles.matrix(primaries).T @ np.linalg.inv(profiles.matrix(profiles.SRGB)).T
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize(("primaries", "gamma"), [(profiles.ADOBE, 563 / 256), (profiles.P3, 2.2)])
def test_networks_see_srgb_and_results_the_pictures_own_colours(
    tmp_path: Path, kind: str, primaries: tuple, gamma: float
) -> None:
    profile = profiles.rgb(primaries, gamma)
    plain = read_image(saved(tmp_path / "plain", PICTURE, kind))
    path = saved(tmp_path / "tagged", PICTURE, kind, icc_profile=profile)
    photograph = read_photograph(path)
    np.testing.assert_array_equal(photograph.own, plain)
    np.testing.assert_array_equal(photograph.srgb, read_image(path))
    assert photograph.metadata.profile == profile
    assert np.abs(read_image(path) - by_hand(plain, primaries, gamma)).max() <= 2
    assert np.abs(read_image(path).astype(int) - plain).max() >= 8


def test_16_bits_and_grey_with_a_profile_for_colours(tmp_path: Path) -> None:
    deep = drawn.save(tmp_path / "deep.png", PICTURE.astype(np.uint16) * 257).read_bytes()
    tagged = saved(tmp_path / "a.png", PICTURE, icc_profile=ADOBE)
    start = tagged.read_bytes().index(b"iCCP") - 4
    chunk = tagged.read_bytes()[start : tagged.read_bytes().index(b"IDAT") - 4]
    (tmp_path / "deep.png").write_bytes(deep[:33] + chunk + deep[33:])
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), read_image(tagged))
    grey = PICTURE[..., 0]
    found = read_photograph(saved(tmp_path / "grey.png", grey, icc_profile=ADOBE))
    np.testing.assert_array_equal(found.own, np.dstack([grey] * 3))
    assert found.metadata.profile == ADOBE


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "L"), ("PNG", "LA"), ("JPEG", "L"), ("TIFF", "L")])
def test_a_grey_picture_with_its_own_profile_becomes_srgb(tmp_path: Path, kind: str, mode: str) -> None:
    grey, profile = np.arange(256, dtype=np.uint8).reshape(16, 16), profiles.grey(1.0)
    plain = read_image(saved(tmp_path / "plain", grey, kind, mode))
    found = read_photograph(saved(tmp_path / "a", grey, kind, mode, icc_profile=profile))
    expected = by_hand(plain, profiles.SRGB, 1.0)
    assert found.metadata.profile is None and found.own is found.srgb
    assert np.abs(found.srgb - expected)[plain > 20].max() <= 2


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_goes_through_its_profile_to_srgb(tmp_path: Path, kind: str) -> None:
    inks = np.zeros((16, 32, 4), np.uint8)
    inks[:, :16, 1], inks[:, 16:, 0] = 255, 200
    picture, profile = Image.frombytes("CMYK", (32, 16), inks.tobytes()), profiles.cmyk()
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    picture.save(tmp_path / "a", kind, icc_profile=profile, **options)
    expected = ImageCms.profileToProfile(
        picture, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"),
        ImageCms.Intent.RELATIVE_COLORIMETRIC, "RGB", flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )  # fmt: skip
    found = read_photograph(tmp_path / "a")
    assert found.metadata.profile is None and found.own is found.srgb
    assert np.abs(found.srgb.astype(int) - np.asarray(expected)).max() <= 4
    picture.save(tmp_path / "b", kind, **options)
    assert np.abs(found.srgb.astype(int) - read_image(tmp_path / "b")).max() > 40


def test_srgb_and_no_profile_cost_no_conversion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    colour._is_srgb(known)
    monkeypatch.setattr(ImageCms.ImageCmsTransform, "apply", lambda *_: pytest.fail("converted"))
    for options in ({}, {"icc_profile": known}):
        found = read_photograph(saved(tmp_path / "a.png", PICTURE, **options))
        assert found.own is found.srgb and found.metadata.profile == options.get("icc_profile")
        np.testing.assert_array_equal(found.own, PICTURE)


BROKEN = {
    "text": b"no profile at all", "cut": ADOBE[:200], "empty": b"\0", "cmyk": profiles.cmyk(), "grey": profiles.grey(2),
    "no curves": ADOBE.replace(b"rTRC", b"xTRC"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_or_wrong_profile_is_ignored_with_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    path = saved(tmp_path / "a.png", PICTURE, icc_profile=BROKEN[name])
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            np.testing.assert_array_equal(read_image(path), PICTURE)
        assert read_photograph(path).metadata.profile is None
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"{path}: its colour profile is ignored, and sRGB assumed: ") and "\n" not in said


def test_mattes_are_no_colours(tmp_path: Path) -> None:
    grey = PICTURE[..., 0]
    path = saved(tmp_path / "a.png", grey, icc_profile=profiles.grey(1.0))
    np.testing.assert_array_equal(read_alpha(path), (grey / 255).astype(np.float32))


def test_a_dataset_sees_what_prediction_sees(tmp_path: Path) -> None:
    root = drawn.dataset(tmp_path, 1)
    saved(root / "train/fg/0.png", drawn.texture(60, 80), icc_profile=P3)
    sample = MattingDataset(str(root), [], mode="val", val_file="val.txt").read(0)
    np.testing.assert_array_equal(sample["image"], read_photograph(root / "train/fg/0.png").srgb)


def test_predict_keeps_the_colours_and_mattes_those_of_srgb(trained: Path, tmp_path: Path) -> None:
    pixels = drawn.texture(60, 80)
    (tmp_path / "in").mkdir()
    tagged = saved(tmp_path / "in/tagged.png", pixels, icc_profile=P3)
    write_png(tmp_path / "in/srgb.png", read_image(tagged))
    outcome = cut_out(trained, tmp_path / "in", tmp_path / "out", "--save", *KINDS[:4], "--fg_estimate", "none")
    assert outcome.status == 0, outcome.error
    matte = read_alpha(tmp_path / "out/tagged_alpha.png")
    np.testing.assert_array_equal(matte, read_alpha(tmp_path / "out/srgb_alpha.png"))
    for kind in ("rgba", "composite", "side_by_side"):
        assert read_photograph(tmp_path / f"out/tagged_{kind}.png").metadata.profile == P3
        assert read_photograph(tmp_path / f"out/srgb_{kind}.png").metadata.profile is None
    cutout = read_photograph(tmp_path / "out/tagged_rgba.png").own
    np.testing.assert_array_equal(cutout, np.where(matte[..., None] > 0, pixels, 0))
    for part in ("fg", "alpha"):
        (tmp_path / "data" / part).mkdir(parents=True)
    (tmp_path / "data/fg/tagged.png").write_bytes(tagged.read_bytes())
    write_png(tmp_path / "data/alpha/tagged.png", pixels[..., 0])
    (tmp_path / "data/val.txt").write_text("fg/tagged.png\n")
    outcome = run_tool(
        "val", "--config", trained / "config.yml", "--model_path", trained / "run/best_model", "--save_results",
        "--save_dir", tmp_path / "val", "--opts", f"val_dataset.dataset_root={tmp_path / 'data'}",
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    np.testing.assert_array_equal(read_alpha(tmp_path / "val/fg/tagged.png"), matte)


@pytest.mark.parametrize("own", [None, ADOBE, P3])
def test_a_background_is_brought_into_the_photographs_colours(tmp_path: Path, own: bytes | None) -> None:
    options = {"icc_profile": own} if own else {}
    photograph = read_photograph(saved(tmp_path / "photo.png", PICTURE, **options))
    behind = saved(tmp_path / "behind.png", drawn.texture(60, 50, 5), icc_profile=P3)
    for given, seen in ((str(behind), read_image(behind)), ("#c04020", np.full_like(PICTURE, (192, 64, 32)))):
        outputs = Outputs(["composite"], "none", backgrounds.parse(given))
        outputs.write(tmp_path, "x", photograph, np.zeros((60, 50), np.float32))
        found = read_image(tmp_path / "x_composite.png")
        apart = np.abs(found.astype(int) - seen)
        assert apart.mean() < 1 and apart.max() <= 8  # rounded twice, and steeply near black
    if own == P3:
        np.testing.assert_array_equal(Background.read(behind).of_size(60, 50, P3), drawn.texture(60, 50, 5))


def camera_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation], exif[ExifTags.Base.Make] = 6, "Camera & Co"
    exif[ExifTags.Base.Copyright], exif[ExifTags.Base.ImageDescription] = "A. Photographer", "my secret garden"
    shot = exif.get_ifd(ExifTags.IFD.Exif)
    shot[ExifTags.Base.DateTimeOriginal], shot[ExifTags.Base.FNumber] = "2026:01:02 03:04:05", 2.8
    shot[ExifTags.Base.MakerNote], shot[ExifTags.Base.UserComment] = b"secret notes", b"ASCII\0\0\0secret words"
    shot[ExifTags.Base.BodySerialNumber], shot[ExifTags.Base.LensSerialNumber] = "secret 123", "secret 456"
    shot[ExifTags.Base.CameraOwnerName] = "secret owner"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (12.0, 34.0, 56.0)
    return exif


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_results_keep_resolution_and_harmless_exif_alone(tmp_path: Path, kind: str) -> None:
    options: dict = {"exif": camera_exif()} if kind == "WEBP" else {"exif": camera_exif(), "dpi": (300, 150)}
    photograph = read_photograph(saved(tmp_path / "a", PICTURE, kind, **options))
    assert photograph.own.shape == (50, 60, 3)
    outputs = Outputs(("alpha", "rgba"), "none")
    outputs.write(tmp_path, "x", photograph, np.ones((50, 60), np.float32))
    for kind_of_result in ("alpha", "rgba"):
        content = (tmp_path / f"x_{kind_of_result}.png").read_bytes()
        assert b"secret" not in content and content.count(b"IHDR") == content.count(b"IEND") == 1
        result = Image.open(io.BytesIO(content))
        result.load()
        if kind != "WEBP":
            assert result.info["dpi"] == pytest.approx((150, 300), abs=0.02)  # a PNG counts whole dots a metre
        exif = result.getexif()
        if kind_of_result == "alpha":
            assert not exif
            continue
        assert dict(exif) | {ExifTags.IFD.Exif: 0} == {
            ExifTags.Base.Orientation: 1, ExifTags.Base.Make: "Camera & Co",
            ExifTags.Base.Copyright: "A. Photographer", ExifTags.IFD.Exif: 0,
        }  # fmt: skip
        shot = exif.get_ifd(ExifTags.IFD.Exif)
        if kind != "TIFF":  # into which Pillow, that made the photograph, writes no such directory
            assert shot == {ExifTags.Base.DateTimeOriginal: "2026:01:02 03:04:05", ExifTags.Base.FNumber: 2.8}
    np.testing.assert_array_equal(read_photograph(tmp_path / "x_rgba.png").own, photograph.own)


@pytest.mark.parametrize("dpi", [(0, 0), (float("nan"), 72), (1e12, 1e12), ("a", "b"), (300,), None])
def test_an_impossible_resolution_is_left_out(dpi: object) -> None:
    header = Header("JPEG", 4, 5, "RGB", dpi=dpi, exif=b"Exif\0\0broken")
    metadata = read_metadata(header, None)
    for kind in FORMATS:
        assert encode(PICTURE, Format(kind), metadata) == encode(PICTURE, Format(kind))


def test_results_open_without_a_word_in_other_readers(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    photograph = read_photograph(saved(tmp_path / "a.jpg", PICTURE, "JPEG", icc_profile=ADOBE, exif=camera_exif()))
    outputs = Outputs(KINDS[:4], "none")
    outputs.write(tmp_path, "x", photograph, np.full((50, 60), 0.5, np.float32))
    for kind in KINDS[:4]:
        assert cv2.imread(str(tmp_path / f"x_{kind}.png"), cv2.IMREAD_UNCHANGED) is not None
    assert capfd.readouterr().err == ""
