"""What is told from a header: pictures that would flood the memory are refused, odd but right ones are read."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import drawn
from matting.errors import MattingError
from matting.pictures.files import image_size, read_alpha, read_image

PICTURE = drawn.texture(40, 64)


def tiff(tags: dict[int, tuple[int, list[int]]], tail: bytes = b"", form: str = "<") -> bytes:
    """Return a TIFF with these tags, each a type (3 or 4, 8 more for BigTIFF) and numbers, and `tail` behind them."""
    count, lists = len(tags), b""
    at = 8 + 2 + 12 * count + 4
    entries = b""
    for tag, (kind, numbers) in sorted(tags.items()):
        content = struct.pack(f"{form}{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
        if len(content) > 4:
            content, lists = struct.pack(form + "I", at + len(lists)), lists + content
        entries += struct.pack(form + "HHI", tag, kind, len(numbers)) + content.ljust(4, b"\0")
    start = b"II*\0" if form == "<" else b"MM\0*"
    return start + struct.pack(form + "IH", 8, count) + entries + bytes(4) + lists + tail


def described(width: int, height: int, **more: tuple[int, list[int]]) -> dict[int, tuple[int, list[int]]]:
    """Return the tags of an RGB picture of 8 bits in one strip of deflated rows, changed by `tN`."""
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [8] * 3), 259: (3, [8]), 262: (3, [2]), 273: (4, [8]),
            277: (3, [3]), 278: (4, [height]), 279: (4, [9000])}  # fmt: skip
    return tags | {int(name[1:]): value for name, value in more.items()}


STRIPS = tiff(described(14_000, 14_000, t278=(4, [14]), t273=(4, [8] * 1000), t279=(4, [900] * 1000)))
BOMBS = {
    "one strip for all": (STRIPS, "announces more than it holds"),
    "floating point": (
        tiff(described(14_000, 14_000, t258=(3, [64] * 6), t277=(3, [6]), t339=(3, [3] * 6), t259=(3, [50000]))),
        r"unfolds to 9\.4 GB",
    ),
    "channels": (tiff(described(9000, 9000, t277=(3, [60_000]), t259=(3, [2]))), r"unfolds to 4860\.0 GB"),
    "tiles": (tiff(described(100, 100, t322=(4, [60_000]), t323=(4, [60_000]))), r"unfolds to 10\.8 GB"),
    "size": (tiff(described(60_000, 60_000)), "at most 200 megapixels"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_tiff_that_unfolds_to_gigabytes_is_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    content, said = BOMBS[name]
    (tmp_path / "bomb.tif").write_bytes(content.ljust(9000, b"\0"))
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(MattingError, match=rf"bomb\.tif .*{said}"):
        read_image(tmp_path / "bomb.tif")


@pytest.mark.parametrize("start", [b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"II*\0\x08\0\0\0", b"RIFF\0\0\0\0WEBP"])
def test_a_sparse_file_of_30_gigabytes_is_refused_before_reading(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / "sparse.jpg"
    path.write_bytes(start)
    os.truncate(path, 30 * 10**9)
    for read in (read_image, read_alpha, image_size):
        with pytest.raises(MattingError, match=r"sparse\.jpg has 30\.0 GB; a picture's file may have at most 1\.7 GB"):
            read(path)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


LONG = bytes(range(256)) * 8192
TEXTS = {
    "xmp": png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + LONG.replace(b"\0", b" ")),
    "packed xmp": png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"x" * 5_000_000)),
    "text": png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 5_000_000)),
    "profile": png_chunk(b"iCCP", b"press\0\0" + zlib.compress(LONG)),
}


@pytest.mark.parametrize("where", ["before", "behind"])
@pytest.mark.parametrize("name", TEXTS)
def test_a_png_with_megabytes_of_text_or_profile_is_read(tmp_path: Path, name: str, where: str) -> None:
    whole = drawn.save(tmp_path / "a.png", PICTURE).read_bytes()
    cut = 33 if where == "before" else len(whole) - 12
    (tmp_path / "a.png").write_bytes(whole[:cut] + TEXTS[name] + whole[cut:])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), PICTURE)
    assert image_size(tmp_path / "a.png") == (40, 64)


@pytest.mark.parametrize("pixels", [PICTURE, PICTURE[..., 0], np.dstack((PICTURE, PICTURE[..., :1]))])
def test_bigtiff_is_read_upright(tmp_path: Path, pixels: np.ndarray) -> None:
    file = io.BytesIO()
    Image.fromarray(np.rot90(pixels)).save(file, "TIFF", big_tiff=True, tiffinfo={274: 6})
    assert file.getvalue()[2] == 43
    (tmp_path / "a.tif").write_bytes(file.getvalue())
    expected = pixels[..., :3] if pixels.ndim == 3 else np.dstack([pixels] * 3)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), expected)
    assert image_size(tmp_path / "a.tif") == (40, 64)


def test_a_tiff_of_the_other_byte_order_is_read(tmp_path: Path) -> None:
    packed = zlib.compress(PICTURE.tobytes())
    tags = described(64, 40, t279=(4, [len(packed)]), t274=(3, [1]))
    at = len(tiff(tags, form=">"))
    (tmp_path / "a.tif").write_bytes(tiff(tags | {273: (4, [at])}, packed, ">"))
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), PICTURE)


@pytest.mark.parametrize("depth", [np.float32, np.float64])
def test_a_photograph_in_floating_point_must_lie_in_the_unit_range(tmp_path: Path, depth: type) -> None:
    values = PICTURE.astype(depth) / 255
    np.testing.assert_array_equal(read_image(drawn.save(tmp_path / "a.tif", values)), PICTURE)
    with pytest.raises(MattingError, match=r"values from .* to .*; in floating point they must lie in \[0, 1\]"):
        read_image(drawn.save(tmp_path / "a.tif", values * 255))
