"""Cutting out from a program: what comes back for what is given, one by one and as a stream."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image

import drawn
import profiles
from matting import cutout, cutouts
from matting.errors import MattingError
from matting.pictures.encoding import Format
from matting.pictures.files import read_image, read_photograph
from matting.prediction.backgrounds import Blur
from matting.prediction.outputs import Outputs
from matting.predictor import Predictor
from test_predict_jobs import Bright

PREDICTOR = Predictor(Bright(), [])
PICTURE = drawn.texture(40, 56)
PICTURE[:, :10] = 20  # so that something is background
P3 = profiles.rgb(profiles.P3)


def saved(path: Path, **options: Any) -> Path:
    Image.fromarray(PICTURE).save(path, **options)
    return path


def test_what_is_given_comes_back(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png")
    expected = cutout(PICTURE, PREDICTOR)
    assert expected.shape == (40, 56, 4) and 0 < expected[..., 3].mean() < 255
    for given in (path, str(path)):
        np.testing.assert_array_equal(cutout(given, PREDICTOR), expected)
    content = cutout(path.read_bytes(), PREDICTOR)
    assert isinstance(content, bytes) and content[:4] == b"\x89PNG"
    image = cutout(Image.open(path), PREDICTOR)
    assert isinstance(image, Image.Image) and image.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(content))), expected)
    np.testing.assert_array_equal(np.asarray(image), expected)


def test_colours_are_the_photographs_own_or_srgb_as_each_kind_can_say(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.png", icc_profile=P3, dpi=(300, 300))
    own = read_photograph(path).own
    array = cutout(path, PREDICTOR)
    np.testing.assert_array_equal(array, cutout(read_image(path), PREDICTOR))
    opaque = array[..., 3] == 255
    for result in (Image.open(io.BytesIO(cutout(path.read_bytes(), PREDICTOR))), cutout(Image.open(path), PREDICTOR)):
        assert result.info["icc_profile"] == P3 and result.info["dpi"] == pytest.approx((300, 300), abs=0.02)
        np.testing.assert_array_equal(np.asarray(result)[opaque][:, :3], own[opaque])
    assert (array[opaque][:, :3] != own[opaque]).any()


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "YCbCr", "1", "I;16", "I;16B", "F"])
def test_images_of_every_mode(mode: str, tmp_path: Path) -> None:
    if mode == "I;16":
        image = Image.fromarray(PICTURE[..., 0].astype(np.uint16) * 257)
    elif mode == "I;16B":  # as of a TIFF that a Macintosh wrote
        image = Image.frombytes(mode, (56, 40), (PICTURE[..., 0].astype(">u2") * 257).tobytes())
    elif mode == "F":
        image = Image.fromarray(PICTURE[..., 0].astype(np.float32) / 255)
    else:
        image = Image.fromarray(PICTURE).convert(mode)
    result = cutout(image, PREDICTOR, background="white")
    assert result.mode == "RGB" and result.size == (56, 40)
    if mode in ("I;16", "I;16B", "F"):
        grey = np.dstack([PICTURE[..., 0]] * 3)
        np.testing.assert_array_equal(np.asarray(result), cutout(grey, PREDICTOR, background="white"))


def test_images_are_turned_upright_and_keep_what_is_harmless(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = saved(tmp_path / "a.jpg", exif=exif, quality=95)
    image = Image.open(path)
    result = cutout(image, PREDICTOR)
    assert result.size == (40, 56) and image.size == (56, 40)
    content = Image.open(io.BytesIO(cutout(path.read_bytes(), PREDICTOR)))
    assert content.size == (40, 56)
    np.testing.assert_allclose(np.asarray(content)[..., 3], np.asarray(result)[..., 3], atol=6)


def test_choices_are_those_of_the_outputs(tmp_path: Path) -> None:
    content = saved(tmp_path / "a.png").read_bytes()
    webp = cutout(content, PREDICTOR, format=Format("webp", lossless=True), crop=True, margin=2)
    assert webp[8:12] == b"WEBP"
    cropped = cutout(PICTURE, PREDICTOR, crop=True, margin=2)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(webp))), cropped)
    assert cutout(content, PREDICTOR, format="jpeg", background="b")[:2] == b"\xff\xd8"
    assert cutout(PICTURE, PREDICTOR, canvas=(30, 20)).shape == (20, 30, 4)
    assert cutout(PICTURE, PREDICTOR, canvas="30x20", position="bottom", background=Blur()).shape == (20, 30, 3)
    assert cutout(PICTURE, PREDICTOR, max_size=28, kind="alpha").shape == (20, 28)
    for same in ((10, 20, 30), "10,20,30", np.full((9, 9, 3), (10, 20, 30), np.uint8)):
        np.testing.assert_array_equal(
            cutout(PICTURE, PREDICTOR, background=same), cutout(PICTURE, PREDICTOR, background="#0a141e")
        )
    sixteen = cv2.imdecode(np.frombuffer(cutout(content, PREDICTOR, format="tiff"), np.uint8), cv2.IMREAD_UNCHANGED)
    assert sixteen.dtype == np.uint16
    outputs = Outputs(("composite",), background=Blur())
    alpha = PREDICTOR(PICTURE)
    photograph = read_photograph(tmp_path / "a.png")
    (composite,) = outputs.render(photograph, alpha).values()
    np.testing.assert_array_equal(cutout(PICTURE, PREDICTOR, background="blur"), composite)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: cutout(3, PREDICTOR), "the picture is int; give a path, the bytes of a file"),
        (lambda: cutout(b"GIF89a" + bytes(99), PREDICTOR), "the bytes cannot be read: its content is none of"),
        (lambda: cutout(b"", PREDICTOR), "the bytes cannot be read: it is empty"),
        (lambda: cutout(PICTURE[..., 0], PREDICTOR), r"the image is uint8 \(40, 56\)"),
        (lambda: cutout(PICTURE, PREDICTOR, background="beige and teal"), "--background beige and teal is neither"),
        (lambda: cutout(PICTURE, PREDICTOR, format="gif"), "--format gif"),
        (lambda: cutout(PICTURE, PREDICTOR, format="jpeg"), "--save rgba: jpeg"),
        (lambda: cutout(PICTURE, PREDICTOR, kind="mask"), "--save mask"),
        (lambda: cutout(PICTURE, PREDICTOR, kind="trimap"), "draws no trimap"),
        (lambda: cutout(PICTURE, PREDICTOR, kind="alpha", background="white"), "shown by composites alone"),
        (lambda: cutouts([], PREDICTOR, margin=3), "--margin 3"),
        (lambda: cutout(PICTURE, PREDICTOR, background=(1, 2)), "--background 1,2 is neither a colour"),
        (lambda: cutout(PICTURE, PREDICTOR, background=5), "the background is int; give a colour"),
        (lambda: cutout(PICTURE, PREDICTOR, background=PICTURE[..., 0]), "the background is ndarray; give a colour"),
        (lambda: cutout(PICTURE, PREDICTOR, trimap="t.png"), "the trimap is str; give .H, W. uint8"),
        (lambda: cutout(PICTURE, PREDICTOR, trimap=np.ones((40, 56))), "the trimap is float64; give .H, W. uint8"),
        (lambda: cutout(PICTURE, "modnet-photografic"), "do not exist; did you mean modnet-photographic?"),
        (lambda: cutout(PICTURE, ""), "the weights are named by an empty text"),
        (lambda: cutout(PICTURE, None), "the weights are NoneType; give a name, a path or a predictor"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(call: Any, said: str) -> None:
    with pytest.raises(MattingError, match=said):
        call()


def test_a_broken_image_is_one_sentence(tmp_path: Path) -> None:
    content = saved(tmp_path / "a.png").read_bytes()
    with pytest.raises(MattingError, match="the image cannot be decoded"):
        cutout(Image.open(io.BytesIO(content[: len(content) // 2])), PREDICTOR)
    with pytest.raises(MattingError, match="the bytes cannot be decoded"):
        cutout(content[: len(content) // 2], PREDICTOR)
    with pytest.raises(MattingError, match="the image holds int32; save it with 8 or 16 bits"):
        cutout(Image.fromarray(np.full((4, 4), 40_000, np.int32)), PREDICTOR)
    with pytest.raises(MattingError, match="the image cannot be decoded: conversion from La"):
        cutout(Image.new("La", (4, 4)), PREDICTOR)


@pytest.mark.parametrize("num_workers", [0, 1, 3])
def test_a_stream_gives_what_single_calls_give_in_order(tmp_path: Path, num_workers: int) -> None:
    path = saved(tmp_path / "a.png")
    given = [path, path.read_bytes(), PICTURE, Image.open(path), PICTURE[:20]] * 3
    for picture, found in zip(given, cutouts(given, PREDICTOR, num_workers=num_workers), strict=True):
        expected = cutout(picture, PREDICTOR)
        assert type(found) is type(expected)
        same = np.array_equal(np.asarray(found), np.asarray(expected))
        assert same


def test_a_stream_has_no_end_and_little_in_memory() -> None:
    taken = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield PICTURE

    stream = cutouts(endless(), PREDICTOR, num_workers=1)
    for _ in range(3):
        next(stream)
    assert taken <= 10


def test_a_broken_picture_stops_a_stream_or_is_told_of() -> None:
    given = [PICTURE, b"nonsense", PICTURE]
    stream = cutouts(given, PREDICTOR)
    next(stream)
    with pytest.raises(MattingError, match="the bytes cannot be read"):
        next(stream)
    told: list[tuple[Any, str]] = []
    results = list(cutouts(given, PREDICTOR, on_error=lambda picture, error: told.append((picture, str(error)))))
    assert [result is None for result in results] == [False, True, False]
    assert len(told) == 1 and told[0][0] == b"nonsense" and "cannot be read" in told[0][1]


def test_decoding_and_finishing_leave_the_network_alone() -> None:
    threads: dict[str, set[int]] = {"network": set(), "finish": set()}

    class Watched(Predictor):
        def run(self, *arguments: Any) -> Any:
            threads["network"].add(threading.get_ident())
            return super().run(*arguments)

    class Seen(Blur):
        def behind(self, scene: Any) -> np.ndarray:
            threads["finish"].add(threading.get_ident())
            return super().behind(scene)

    list(cutouts([PICTURE] * 4, Watched(Bright(), []), num_workers=1, background=Seen()))
    assert threads["network"] == {threading.get_ident()} and not threads["finish"] & threads["network"]


def test_each_picture_gets_its_trimap() -> None:
    trimaps = [np.full((40, 56), value, np.uint8) for value in (0, 255, 128)]
    found = list(cutouts([PICTURE] * 3, PREDICTOR, trimaps=trimaps, kind="alpha"))
    assert found[0].max() == 0 and found[1].min() == 255
    np.testing.assert_array_equal(found[2], cutout(PICTURE, PREDICTOR, kind="alpha"))
    np.testing.assert_array_equal(cutout(PICTURE, PREDICTOR, trimap=trimaps[1], kind="alpha"), found[1])
