"""What is written, as other libraries read it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import ExifTags, Image

import drawn
import profiles
from matting import write_image
from matting.choices import FORMATS
from matting.errors import MattingError
from matting.pictures.encoding import Format, encode
from matting.pictures.files import read_alpha, read_photograph
from matting.pictures.headers import Header
from matting.pictures.metadata import Metadata, read_metadata
from test_colour import camera_exif

PICTURE = drawn.texture(61, 83)
GREY = np.rint(drawn.disc(61, 83) * 255).astype(np.uint8)
CUTOUT = np.dstack((PICTURE, GREY))
CUTOUT[GREY == 0] = 0
NOISE = np.random.default_rng(0).integers(0, 256, (61, 83, 4), np.uint8)
P3 = profiles.rgb(profiles.P3)
HEADER = Header("JPEG", 61, 83, "RGB", exif=camera_exif().tobytes(), dpi=(300, 150))
METADATA = read_metadata(HEADER, P3)


def with_pillow(content: bytes | memoryview) -> np.ndarray:
    opened = Image.open(io.BytesIO(content))
    opened.load()
    return np.asarray(opened)


def with_opencv(content: bytes | memoryview) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels.ndim == 2:
        return pixels
    return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB)


def with_tifffile(content: bytes | memoryview) -> np.ndarray:
    return tifffile.imread(io.BytesIO(content))


READERS = {"pillow": with_pillow, "opencv": with_opencv, "tifffile": with_tifffile}
EXACT = [
    (Format("png"), ("pillow", "opencv")),
    (Format("webp", lossless=True), ("pillow", "opencv")),
    (Format("tiff"), ("pillow", "opencv", "tifffile")),
]


@pytest.mark.parametrize("pixels", [GREY, PICTURE, CUTOUT, NOISE, NOISE[:1, :1], NOISE[::2, ::-1]])
@pytest.mark.parametrize(("format", "readers"), EXACT, ids=lambda value: getattr(value, "name", ""))
def test_other_libraries_read_the_same_pixels(format: Format, readers: tuple[str, ...], pixels: np.ndarray) -> None:
    content = encode(pixels, format, METADATA)
    for reader in readers:
        if (reader, format.name, pixels.shape[2:]) == ("opencv", "tiff", (4,)):
            continue  # it multiplies such a file's colours by its alpha
        read = READERS[reader](content)
        if format.name == "webp" and pixels.ndim == 2:
            assert read.shape == (*pixels.shape, 3)  # it has no grey
            read = read[..., 0]
        np.testing.assert_array_equal(read, pixels, reader)


@pytest.mark.parametrize("shape", [(61, 83), (61, 83, 3), (61, 83, 4), (300, 2000, 4)])
def test_sixteen_bits_of_a_tiff(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, shape, np.uint16)
    content = encode(pixels, Format("tiff"), METADATA)
    np.testing.assert_array_equal(with_tifffile(content), pixels)
    np.testing.assert_array_equal(with_opencv(content), pixels)
    if len(shape) == 3 and shape[2] == 4:
        assert np.abs(with_pillow(content).astype(int) - pixels // 256).max() <= 1  # Pillow has 8 bits for this


def test_a_lossy_cutout_has_exact_alpha_and_near_colours() -> None:
    read = with_opencv(encode(CUTOUT, Format("webp"), METADATA))
    np.testing.assert_array_equal(read[..., 3], GREY)
    seen = GREY > 0
    assert np.abs(read[seen, :3].astype(int) - PICTURE[seen]).mean() < 4
    assert len(encode(CUTOUT, Format("webp", quality=30))) < len(encode(CUTOUT, Format("webp", quality=95)))


@pytest.mark.parametrize("lossless", [False, True])
def test_hidden_colours_are_kept_where_there_are_any(lossless: bool) -> None:
    hiding = np.dstack((PICTURE, GREY))
    read = with_pillow(encode(hiding, Format("webp", lossless=lossless)))
    assert np.abs(read[..., :3].astype(int) - PICTURE).mean() < (0.1 if lossless else 4)


def test_a_matte_is_kept_exactly_by_whatever_holds_one() -> None:
    for format in (Format("png"), Format("webp", quality=10), Format("tiff")):
        read = with_opencv(encode(GREY, format))
        np.testing.assert_array_equal(read if read.ndim == 2 else read[..., 1], GREY)


def test_a_composite_as_jpeg() -> None:
    content = encode(PICTURE, Format("jpeg"), METADATA)
    for read in (with_pillow(content), with_opencv(content)):
        assert np.abs(read.astype(int) - PICTURE).mean() < 2
    assert len(encode(PICTURE, Format("jpeg", quality=30))) < len(content)


@pytest.mark.parametrize("bits", [8, 16])
def test_premultiplied_colours_are_marked_in_a_tiff(bits: int) -> None:
    pixels = NOISE if bits == 8 else NOISE.astype(np.uint16) * 257
    full = 2**bits - 1
    expected = np.rint(pixels[..., :3].astype(np.float64) * pixels[..., 3:] / full)
    for premultiplied, mark in ((True, 1), (False, 2)):
        content = encode(pixels, Format("tiff", premultiplied=premultiplied))
        with tifffile.TiffFile(io.BytesIO(content)) as file:
            assert file.pages[0].extrasamples == (mark,)
        found = with_tifffile(content)
        np.testing.assert_array_equal(found[..., 3], pixels[..., 3])
        np.testing.assert_array_equal(found[..., :3], expected if premultiplied else pixels[..., :3])
    if bits == 8:
        multiplied = with_pillow(encode(pixels, Format("png", premultiplied=True)))
        np.testing.assert_array_equal(multiplied[..., :3], expected)


@pytest.mark.parametrize("name", FORMATS)
def test_profile_resolution_and_harmless_exif_are_kept(name: str) -> None:
    content = bytes(encode(PICTURE, Format(name), METADATA))
    assert b"secret" not in content
    opened = Image.open(io.BytesIO(content))
    opened.load()
    assert opened.info["icc_profile"] == P3
    exif = opened.getexif()
    assert exif[ExifTags.Base.Make] == "Camera & Co" and exif[ExifTags.Base.Orientation] == 1
    assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FNumber] == 2.8
    if name == "webp":
        dpi = exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution]
        assert exif[ExifTags.Base.ResolutionUnit] == 2
    else:
        dpi = opened.info["dpi"]
    assert dpi == pytest.approx((300, 150), abs=0.02)


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_of_metadata_is_read_again(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"a.{Format(name).ending}"
    path.write_bytes(encode(PICTURE, Format(name), METADATA))
    found = read_photograph(path).metadata
    assert found.profile == P3 and found.dpi == pytest.approx((300, 150), abs=0.02)
    assert found.exif == METADATA.exif


@pytest.mark.parametrize("name", ["png", "webp", "tiff"])
def test_of_a_matte_the_resolution_alone(name: str) -> None:
    content = bytes(encode(GREY, Format(name), METADATA))
    opened = Image.open(io.BytesIO(content))
    assert "icc_profile" not in opened.info and ExifTags.Base.Make not in opened.getexif()
    assert b"Camera" not in content
    if name != "webp":
        assert opened.info["dpi"] == pytest.approx((300, 150), abs=0.02)


@pytest.mark.parametrize("ending", [".png", ".PNG", ".webp", ".jpg", ".jpeg", ".tif", ".tiff"])
def test_the_format_is_that_of_the_ending(tmp_path: Path, ending: str) -> None:
    write_image(tmp_path / f"a{ending}", PICTURE)
    opened = Image.open(tmp_path / f"a{ending}")
    assert opened.format == {"jpg": "JPEG", "jpeg": "JPEG", "tif": "TIFF"}.get(ending[1:], ending[1:].upper())
    assert np.abs(np.asarray(opened).astype(int) - PICTURE).mean() < 4


def test_a_floating_point_matte_keeps_sixteen_bits_in_a_tiff(tmp_path: Path) -> None:
    alpha = np.linspace(0, 1, 1000, dtype=np.float32).reshape(20, 50)
    write_image(tmp_path / "a.tif", alpha)
    np.testing.assert_allclose(read_alpha(tmp_path / "a.tif"), alpha, rtol=0, atol=0.51 / 65535)
    assert tifffile.imread(tmp_path / "a.tif").dtype == np.uint16


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda: encode(CUTOUT, Format("jpeg")), "a cutout cannot be written as jpeg.*; give png, webp or tiff"),
        (lambda: encode(np.zeros((1, 16384, 3), np.uint8), Format("webp")), "16384x1 cannot .* webp.* up to 16383"),
        (lambda: encode(np.zeros((65501, 1, 3), np.uint8), Format("jpeg")), "1x65501 cannot .* jpeg.* up to 65500"),
        (lambda: write_image("a.jpg", GREY), "a.jpg: JPEG changes the values of a matte"),
        (lambda: write_image("a.gif", PICTURE), "a.gif: its ending names no format"),
        (lambda: write_image("a", PICTURE), "a: its ending names no format .* .png .webp"),
        (lambda: write_image("a.png", NOISE.astype(np.uint16)), "uint16 .* is no picture"),
        (lambda: Format("gif"), "--format gif: it must be one of png, webp, jpeg, tiff"),
        (lambda: Format("jpeg", quality=0), "--quality 0"),
        (lambda: Format("tiff", bits=12), "--bits 12"),
        (lambda: Format("png", lossless=True), "--lossless is a choice of webp alone"),
        (lambda: Format("jpeg", premultiplied=True), "--premultiplied: jpeg holds no alpha"),
    ],
)
def test_what_a_format_cannot_hold_is_one_sentence(write: Any, said: str) -> None:
    with pytest.raises(MattingError, match=said):
        write()


def test_the_largest_sides_are_written() -> None:
    assert with_pillow(encode(np.zeros((1, 16383, 3), np.uint8), Format("webp"))).shape == (1, 16383, 3)
    assert with_pillow(encode(np.zeros((65500, 1, 3), np.uint8), Format("jpeg"))).shape == (65500, 1, 3)


def test_files_depend_on_what_their_settings_say_alone() -> None:
    every = [Format(), Format("webp"), Format("webp", 50), Format("webp", lossless=True)]
    every += [Format("jpeg"), Format("jpeg", 50), Format("tiff"), Format("tiff", bits=8)]
    every += [Format("webp", premultiplied=True)]
    for one in every:
        for other in every:
            assert (one.settings() == other.settings()) == (one == other)
    assert Format("png", quality=50).settings() == Format().settings()
    assert Metadata().exif_with_dpi() is None
