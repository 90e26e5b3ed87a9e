"""Photographs of telephones: HEIC and AVIF pass the same gates as the others."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

import drawn
import profiles
from matting.errors import MattingError
from matting.pictures.decoding import describe
from matting.pictures.files import image_size, read_image, read_photograph, write_png
from matting.pictures.listing import list_images
from test_colour import camera_exif

pillow_heif = pytest.importorskip("pillow_heif")

PICTURE = drawn.texture(60, 92)
P3 = profiles.rgb(profiles.P3)
KINDS = ["heic", "avif"]


def saved(path: Path, kind: str, pixels: np.ndarray = PICTURE, **options: object) -> Path:
    buffer = io.BytesIO()
    if kind == "avif":
        Image.fromarray(pixels).save(buffer, "AVIF", quality=95, subsampling="4:4:4", **options)
    else:
        pillow_heif.from_pillow(Image.fromarray(pixels)).save(buffer, quality=95, chroma=444, **options)
    path.write_bytes(buffer.getvalue())
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_read_like_a_png(tmp_path: Path, kind: str) -> None:
    for pixels in (PICTURE, PICTURE[..., 0], np.dstack((PICTURE, np.full((60, 92), 99, np.uint8)))):
        path = saved(tmp_path / f"a.{kind}", kind, pixels)
        found = read_image(path)
        expected = pixels if pixels.ndim == 3 else np.dstack([pixels] * 3)
        assert found.shape == (60, 92, 3) and np.abs(found.astype(int) - expected[..., :3]).mean() < 2.5
        assert image_size(path) == (60, 92)
    assert list_images(tmp_path) == [tmp_path / f"a.{kind}"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_they_are_turned_upright(tmp_path: Path, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = saved(tmp_path / "a", kind, exif=exif.tobytes())
    jpeg = tmp_path / "a.jpg"
    Image.fromarray(PICTURE).save(jpeg, exif=exif, quality=95)
    expected, found = read_image(jpeg), read_image(path)
    assert found.shape == expected.shape == (*image_size(path), 3)
    assert np.abs(found.astype(int) - expected).mean() < 3


@pytest.mark.parametrize("kind", KINDS)
def test_profile_resolution_and_harmless_exif_are_carried_on(tmp_path: Path, kind: str) -> None:
    exif = camera_exif()
    exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution] = 300, 150
    path = saved(tmp_path / "a", kind, exif=exif.tobytes(), icc_profile=P3)
    photograph = read_photograph(path)
    assert photograph.own.shape == (92, 60, 3)  # held upright
    metadata = photograph.metadata
    assert metadata.profile == P3 and metadata.exif and b"Camera & Co" in metadata.exif
    assert b"secret" not in metadata.exif
    assert metadata.dpi == ((150, 300) if describe(path, 10**6).orientation == 6 else (300, 150))
    assert np.abs(photograph.srgb.astype(int) - photograph.own).max() > 8


@pytest.mark.parametrize("kind", KINDS)
def test_they_are_refused_before_they_are_decoded_when_too_large(tmp_path: Path, kind: str) -> None:
    path = saved(tmp_path / "a", kind)
    with pytest.raises(MattingError, match="is 92x60; a picture may have at most 0.005 megapixels"):
        read_image(path, 5000)


@pytest.mark.parametrize("kind", KINDS)
def test_no_part_of_one_is_taken_for_the_whole(tmp_path: Path, kind: str) -> None:
    content = saved(tmp_path / "a", kind, exif=camera_exif().tobytes()).read_bytes()
    for length in [*range(12, len(content), max(len(content) // 60, 1)), *range(len(content) - 20, len(content))]:
        (tmp_path / "a").write_bytes(content[:length])
        with pytest.raises(MattingError, match="cannot be (read|decoded)"):
            read_image(tmp_path / "a")
    (tmp_path / "a").write_bytes(content + struct.pack(">I4s", 12, b"free") + bytes(4))
    read_image(tmp_path / "a")  # a box that means nothing


def test_without_its_reader_a_heic_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "a.heic", "heic")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(MattingError, match="a.heic is a HEIC photograph, and pillow-heif, .* is not installed; add it"):
        read_image(path)
    write_png(tmp_path / "b.png", PICTURE)
    np.testing.assert_array_equal(read_image(tmp_path / "b.png"), PICTURE)


@pytest.mark.parametrize("brands", [b"isom\0\0\0\0isommp42", b"heic\0\0\0\0mif1heic"])
def test_other_files_of_boxes_are_no_pictures(tmp_path: Path, brands: bytes) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftyp" + brands + bytes(99))
    with pytest.raises(MattingError, match="a.heic cannot be read"):
        read_image(tmp_path / "a.heic")
