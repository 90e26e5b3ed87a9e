"""Reading and writing pictures: every format and depth, orientation, and each way in which a file can be broken."""

from __future__ import annotations

import io
import logging
import os
import struct
import sys
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

import drawn
from matting.errors import MattingError
from matting.pictures import files, png
from matting.pictures.files import image_size, quantise, read_alpha, read_image, read_trimap, write_png
from matting.pictures.listing import list_images

PICTURE = drawn.texture(40, 64)
UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: np.swapaxes(stored, 0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.swapaxes(np.rot90(stored, 2), 0, 1),
    8: np.rot90,
}
"""From what EXIF's eight orientations store to what the photographer saw."""

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.TIFF", "a.PNG", "猫 🐈.png", "with space.bmp"])
def test_lossless_formats_are_read_exactly(tmp_path, name):
    path = tmp_path / name
    drawn.save(path.with_suffix(path.suffix.lower()), PICTURE).rename(path)
    np.testing.assert_array_equal(read_image(path), PICTURE)


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "A.JPEG"])
def test_lossy_formats_are_read_closely(tmp_path, name):
    path = tmp_path / name
    drawn.save(path.with_suffix(path.suffix.lower()), PICTURE).rename(path)
    assert np.abs(read_image(path).astype(int) - PICTURE).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_orientation_is_honoured_for_images_and_mattes(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    for pixels, read in ((PICTURE, read_image), (PICTURE[..., 0], read_alpha)):
        Image.fromarray(pixels).save(tmp_path / "plain", kind)
        Image.fromarray(pixels).save(tmp_path / "turned", kind, exif=exif)
        np.testing.assert_array_equal(read(tmp_path / "turned"), UPRIGHT[orientation](read(tmp_path / "plain")))


def test_an_orientation_that_does_not_exist_turns_nothing(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 1536
    Image.fromarray(drawn.texture(20, 30)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape[:2] == image_size(tmp_path / "a.jpg") == (20, 30)


def test_orientation_behind_the_pixels_of_a_png_is_found(tmp_path):
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    chunk = struct.pack(">I", len(exif)) + b"eXIf" + exif + struct.pack(">I", zlib.crc32(b"eXIf" + exif))
    encoded = drawn.save(tmp_path / "a.png", PICTURE).read_bytes()
    (tmp_path / "a.png").write_bytes(encoded[:-12] + chunk + encoded[-12:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.rot90(PICTURE, -1))


@pytest.mark.parametrize("extension", [".png", ".tif"])
def test_16_bits_are_rounded_for_images_and_kept_for_alpha(tmp_path, extension):
    levels = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    path = drawn.save(tmp_path / f"grey{extension}", levels)
    np.testing.assert_array_equal(read_image(path)[..., 1], np.rint(levels / 257))
    np.testing.assert_allclose(read_alpha(path), levels / 65535, atol=1e-7)
    colours = np.dstack([levels, levels[::-1], levels.T])
    path = drawn.save(tmp_path / f"colour{extension}", colours)
    np.testing.assert_array_equal(read_image(path), np.rint(colours / 257))


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGBA", "CMYK"])
def test_modes_are_brought_to_rgb(tmp_path, mode):
    source = Image.fromarray(PICTURE).convert(mode)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    source.save(path)
    found = read_image(path)
    assert found.shape == PICTURE.shape and found.dtype == np.uint8
    assert np.abs(found.astype(int) - np.asarray(source.convert("RGB"))).max() <= 1


def test_cmyk_jpeg_is_read(tmp_path):
    Image.new("CMYK", (32, 24), (0, 255, 255, 0)).save(tmp_path / "red.jpg")
    assert read_image(tmp_path / "red.jpg").reshape(-1, 3).mean(0) == pytest.approx((254, 0, 0), abs=3)


def test_first_picture_of_an_animation_is_taken(tmp_path):
    frames = [Image.fromarray(np.full((16, 16, 3), level, np.uint8)) for level in (50, 200)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    for name in ("a.webp", "a.tif"):
        assert (read_image(tmp_path / name) == 50).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_colours_of_rgba_are_used_as_they_are(tmp_path, kind):
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    Image.fromarray(np.dstack([PICTURE, PICTURE[..., 0] // 128 * 100])).save(tmp_path / "a", kind, **options)
    np.testing.assert_array_equal(read_image(tmp_path / "a"), PICTURE)


def test_colours_of_deep_rgba_are_used_as_they_are(tmp_path):
    deep = np.dstack([PICTURE, PICTURE[..., 0] // 128 * 100]).astype(np.uint16) * 257
    for name in ("a.png", "a.tif"):
        np.testing.assert_array_equal(read_image(drawn.save(tmp_path / name, deep)), PICTURE)


def test_which_channel_is_the_alpha(tmp_path):
    colours = PICTURE[:16, :16]
    cases = {
        "cutout": np.dstack([colours, GREY]),
        "grey": GREY,
        "grey as rgb": np.dstack([GREY] * 3),
        "grey as rgba": np.dstack([GREY] * 3 + [np.full_like(GREY, 255)]),
    }
    for name, pixels in cases.items():
        found = read_alpha(drawn.save(tmp_path / f"{name}.png", pixels))
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, (GREY / 255).astype(np.float32))
    with pytest.raises(MattingError, match=r"photo\.png is in colour, not a matte"):
        read_alpha(drawn.save(tmp_path / "photo.png", PICTURE))


def test_an_opaque_photograph_is_no_matte_whatever_its_fourth_channel(tmp_path):
    for full, depth in ((255, np.uint8), (65535, np.uint16)):
        colours = PICTURE.astype(depth) * (full // 255)
        path = drawn.save(tmp_path / "photo.png", np.dstack([colours, np.full(PICTURE.shape[:2], full, depth)]))
        for read in (read_alpha, read_trimap):
            with pytest.raises(MattingError, match=r"photo\.png is a photograph, not a matte .* opaque everywhere"):
                read(path)


def test_float_tiff_must_lie_in_the_unit_range(tmp_path):
    values = np.linspace(0, 1, 30, dtype=np.float32).reshape(5, 6)
    np.testing.assert_array_equal(read_alpha(drawn.save(tmp_path / "a.tiff", values)), values)
    np.testing.assert_array_equal(read_image(drawn.save(tmp_path / "a.tiff", values))[..., 0], np.rint(values * 255))
    for bad in (np.nan, 1.5, -0.1):
        spoilt = values.copy()
        spoilt[2, 2] = bad
        with pytest.raises(MattingError, match=r"must lie in \[0, 1\]"):
            read_alpha(drawn.save(tmp_path / "a.tiff", spoilt))


def test_trimap_between_counts_as_unknown_with_one_warning(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(files, "_warned_of_trimap", False)
    regular = drawn.save(tmp_path / "regular.png", np.array([[0, 128, 255]], np.uint8))
    odd = drawn.save(tmp_path / "odd.png", np.array([[0, 127, 255, 1, 254]], np.uint8))
    with caplog.at_level(logging.WARNING):
        assert read_trimap(regular).tolist() == [[0, 128, 255]]
        assert not caplog.records
        assert read_trimap(odd).tolist() == [[0, 128, 255, 128, 128]]
        read_trimap(odd)
    assert [record.getMessage() for record in caplog.records] == [
        f"{odd} holds values other than 0, 128 and 255 (1, 127, 254): "
        "they count as unknown, in this and every other trimap"
    ]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.bmp", "a.tif"])
@pytest.mark.parametrize("share", [0.33, 0.6, 0.97])
def test_files_cut_short_are_errors(tmp_path, name, share):
    path = drawn.save(tmp_path / name, drawn.texture(200, 300))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(MattingError, match=str(path)):
        read_image(path)


def test_cut_jpeg_whose_preview_has_an_end_mark_is_an_error(tmp_path):
    preview = io.BytesIO()
    Image.fromarray(PICTURE).save(preview, "JPEG")
    Image.fromarray(drawn.texture(200, 300)).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + preview.getvalue())
    whole = (tmp_path / "a.jpg").read_bytes()
    assert read_image(tmp_path / "a.jpg").shape == (200, 300, 3)
    (tmp_path / "a.jpg").write_bytes(whole[: len(preview.getvalue()) + (len(whole) - len(preview.getvalue())) // 2])
    with pytest.raises(MattingError, match="cut short"):
        read_image(tmp_path / "a.jpg")


def test_truncation_is_found_even_if_opencv_fills_in_the_rest(tmp_path, monkeypatch):
    path = drawn.save(tmp_path / "a.jpg", drawn.texture(200, 300))
    path.write_bytes(path.read_bytes()[:-900])
    monkeypatch.setattr(cv2, "imdecode", lambda data, flags: np.full((200, 300, 3), 128, np.uint8))
    with pytest.raises(MattingError, match="truncated"):
        read_image(path)


def test_what_is_no_picture_is_named_with_its_reason(tmp_path):
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "header.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 40)
    (tmp_path / "device.jpg").symlink_to(os.devnull)
    cases = {"text.jpg": "none of JPEG", "empty.png": "empty", "folder.jpg": "folder", "gone.jpg": "no such file"}
    for name, reason in (cases | {"header.png": "header is broken", "device.jpg": "a pipe or device"}).items():
        with pytest.raises(MattingError, match=f"{name} cannot be read: .*{reason}"):
            read_image(tmp_path / name)


def test_pixel_limit_is_checked_before_decoding(tmp_path, monkeypatch):
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    size = struct.pack(">IIBBBBB", 30000, 30000, 8, 0, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )
    (tmp_path / "bomb.png").write_bytes(bomb)
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(MattingError, match=r"bomb\.png is 30000x30000; .* at most 200 megapixels"):
        read_image(tmp_path / "bomb.png")
    with pytest.raises(MattingError, match="announces more than it holds"):
        read_image(tmp_path / "bomb.png", pixel_limit=10**9)


def test_the_emptiest_png_is_not_taken_for_a_broken_one(tmp_path):
    for shape in ((2000, 3000), (2000, 3000, 3)):
        path = tmp_path / "a.png"
        Image.fromarray(np.zeros(shape, np.uint8)).save(path, compress_level=9)
        assert not read_image(path).any()


def test_extreme_shapes(tmp_path):
    for shape in ((1, 1, 3), (1, 10000, 3), (10000, 1, 3)):
        pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
        np.testing.assert_array_equal(read_image(drawn.save(tmp_path / "a.png", pixels)), pixels)


def test_write_png_is_exact_and_leaves_nothing_else(tmp_path):
    for pixels in (GREY, PICTURE, np.dstack([PICTURE, PICTURE[..., 0]])):
        path = tmp_path / "new" / "folder" / "猫.png"
        write_png(path, pixels)
        np.testing.assert_array_equal(np.asarray(Image.open(path)), pixels)
        assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("deflater", ["zlib", "isal"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 4), (37, 53), (37, 53, 3), (40, 33, 4)])
def test_pngs_are_read_alike_by_every_library(monkeypatch, deflater, shape):
    faster = SimpleNamespace(isal_zlib=SimpleNamespace(compressobj=zlib.compressobj)) if deflater == "isal" else None
    monkeypatch.setitem(sys.modules, "isal", faster)
    monkeypatch.setattr(png, "_STRIP", 500)  # rows that lie on both sides of a border between strips
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    pixels[5:20] = 0
    content = png.encode(pixels)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), pixels)
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if len(shape) == 3:
        decoded = cv2.cvtColor(decoded, cv2.COLOR_BGRA2RGBA if shape[2] == 4 else cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(decoded, pixels)
    for _, start, end in png.chunks(content):
        assert zlib.crc32(content[start - 4 : end]).to_bytes(4, "big") == content[end : end + 4]


def test_a_part_of_a_picture_is_written_as_it_is():
    whole = np.random.default_rng(1).integers(0, 256, (20, 30, 4), np.uint8)
    for part in (whole[3:9, 4:20], whole[:, ::-1], whole[..., :3], whole[..., 3]):
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png.encode(part)))), part)


def test_a_cutout_is_stored_smaller_than_by_pillow_at_its_fastest():
    height, width = 300, 400
    rows, columns = np.mgrid[:height, :width]
    person = np.hypot(rows - 150, columns - 200) < 120
    noise = np.random.default_rng(0).normal(0, 3, (height, width))
    skin = 150 + 60 * np.sin(rows / 40) + 30 * np.cos(columns / 30)
    pixels = np.where(person, skin + noise, 0).astype(np.uint8)
    pixels = np.dstack((pixels, pixels // 2, pixels // 3, np.where(person, 255, 0).astype(np.uint8)))
    fast = io.BytesIO()
    Image.fromarray(pixels).save(fast, "PNG", compress_level=1)
    assert len(png.encode(pixels)) < 1.05 * fast.tell()


def test_write_png_to_an_impossible_place_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(MattingError, match="cannot be written"):
        write_png(tmp_path / "file" / "a.png", GREY)
    (tmp_path / "a.png").mkdir()
    with pytest.raises(MattingError, match="cannot be written"):
        write_png(tmp_path / "a.png", GREY)
    assert sorted(os.listdir(tmp_path)) == ["a.png", "file"]


def test_quantise_rounds_and_inverts_reading():
    np.testing.assert_array_equal(quantise((GREY / 255).astype(np.float32)), GREY)
    assert quantise(np.array([-0.1, 0.0019, 0.002, 0.5, 0.999, 1.1])).tolist() == [0, 0, 1, 128, 255, 255]


def test_list_images_is_sorted_and_skips_hidden_files(tmp_path):
    for name in ("b.JPG", "a/c.png", "._b.jpg", ".hidden/d.png", "a/notes.txt", "a.webp"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "z.png").mkdir()
    assert [path.relative_to(tmp_path).as_posix() for path in list_images(tmp_path)] == ["a/c.png", "a.webp", "b.JPG"]
    assert [path.name for path in list_images(tmp_path, recursive=False)] == ["a.webp", "b.JPG"]
    with pytest.raises(MattingError, match="cannot be listed"):
        list_images(tmp_path / "gone")
