"""Files of which a part is missing although decoders give a picture; and odd files that are whole."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import drawn
from matting.errors import MattingError
from matting.pictures.files import read_image


def noisy(height: int = 300, width: int = 400) -> np.ndarray:
    grain = np.random.default_rng(0).integers(-8, 9, (height, width, 3))
    return np.clip(drawn.texture(height, width) + grain, 0, 255).astype(np.uint8)


def studio(level: int) -> np.ndarray:
    """Return a picture in front of plain white, grey or black, which optimised files hold as zeros."""
    picture = np.full((300, 400, 3), level, np.uint8)
    picture[:60], picture[100:200, 150:250] = noisy(60), noisy(100, 100)
    return picture


def encoded(pixels: np.ndarray, kind: str, mode: str = "RGB", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(file, kind, **options)
    return file.getvalue()


def zeroed(data: bytes, first: float, last: float = 1.0) -> bytes:
    start, stop = int(len(data) * first), int(len(data) * last)
    return data[:start] + bytes(stop - start) + data[stop:]


PLAIN = {"quality": 90}
OPTIMISED = {"quality": 90, "optimize": True}
RESTARTS = {"quality": 90, "restart_marker_rows": 2}
JPEGS = {"plain": PLAIN, "optimised": OPTIMISED, "restarts": RESTARTS, "full colour": {"quality": 98, "subsampling": 0}}
END = b"\xff\xd9"


@pytest.mark.parametrize("options", JPEGS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_jpeg_with_zeros_or_nothing_in_place_of_data_is_cut_short(tmp_path: Path, options: str, mode: str) -> None:
    whole = encoded(noisy(), "JPEG", mode, **JPEGS[options])
    cases = {
        "half": zeroed(whole, 0.5), "third": zeroed(whole, 0.33), "half and end": zeroed(whole, 0.5)[:-2] + END,
        "hole": zeroed(whole, 0.4, 0.7), "ended early": whole[: len(whole) // 2] + END,
        "ended early, more behind": whole[: len(whole) // 2] + END + bytes(500),
    }  # fmt: skip
    for name, content in cases.items():
        (tmp_path / "a.jpg").write_bytes(content)
        with pytest.raises(MattingError, match=r"a\.jpg cannot be decoded: .*cut short"):
            pytest.fail(f"{name}: read as {read_image(tmp_path / 'a.jpg').shape}")


@pytest.mark.parametrize("quality", [50, 90, 100])
def test_a_webp_with_zeros_in_place_of_data_is_cut_short(tmp_path: Path, quality: int) -> None:
    whole = encoded(noisy(), "WEBP", quality=quality)
    for content in (zeroed(whole, 0.5), zeroed(whole, 0.75), zeroed(encoded(noisy(), "WEBP", lossless=True), 0.5)):
        (tmp_path / "a.webp").write_bytes(content)
        with pytest.raises(MattingError, match=r"a\.webp cannot be decoded: .*cut short"):
            read_image(tmp_path / "a.webp")


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_flat_colour_is_not_taken_for_missing_data(tmp_path: Path, level: int, mode: str) -> None:
    for pixels in (studio(level), np.full((400, 600, 3), level, np.uint8)):
        options = [*JPEGS.values(), {"progressive": True}, {"quality": 100, "optimize": True}]
        files = [encoded(pixels, "JPEG", mode, **some) for some in options]
        if mode == "RGB":
            some = [{"quality": 30}, {"quality": 100, "method": 0}, {"lossless": True, "method": 0}, {"lossless": True}]
            files += [encoded(pixels, "WEBP", **more) for more in some]
        for content in files:
            (tmp_path / "a").write_bytes(content)
            assert np.abs(read_image(tmp_path / "a")[-1, -1].astype(int) - level).max() <= 3


@pytest.mark.parametrize("options", [*JPEGS, "progressive"])
def test_what_cameras_add_to_a_whole_jpeg_is_passed_over(tmp_path: Path, options: str) -> None:
    whole = encoded(noisy(), "JPEG", **JPEGS.get(options, {"progressive": True}))
    (tmp_path / "a.jpg").write_bytes(whole)
    expected = read_image(tmp_path / "a.jpg")
    tails = {
        "zeros": bytes(4000),
        "second picture": whole,
        "half a picture": whole[: len(whole) // 2],
        "text": b"x" * 99,
    }
    odd = {name: whole + tail for name, tail in tails.items()}
    odd["zeros in front of the end"] = whole[:-2] + bytes(3000) + END
    odd["filling in front of the end"] = whole[:-2] + b"\xff" * 3000 + END
    if options != "progressive":
        odd["zeros for an end"] = whole[:-2] + bytes(3000)
    for name, content in odd.items():
        (tmp_path / "a.jpg").write_bytes(content)
        np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), expected, err_msg=name)


def test_a_picture_without_zeros_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, decode = [], cv2.imdecode
    monkeypatch.setattr(cv2, "imdecode", lambda *given: calls.append(0) or decode(*given))
    monkeypatch.setattr("matting.pictures.completeness._look_at_jpeg", lambda _: pytest.fail("looked at again"))
    for kind in ("JPEG", "WEBP"):
        (tmp_path / "a").write_bytes(encoded(noisy(), kind))
        read_image(tmp_path / "a")
    assert len(calls) == 2
