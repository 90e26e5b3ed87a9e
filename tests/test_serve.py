"""What the server answers to programs: its own routes, and those of remove.bg and rembg."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest

import drawn
import serving
from matting import cutout
from matting.engines.network import Interface
from matting.predictor import Predictor
from serving import ask, content, pixels_of


@pytest.fixture(scope="module")
def api() -> Any:
    return serving.application()


@pytest.mark.parametrize(
    "wishes",
    [
        {},
        {"format": "webp", "lossless": "true"},
        {"kind": "alpha"},
        {"background": "#204060", "format": "jpeg", "quality": "80"},
        {"background": "blur", "crop": "true", "margin": "10%"},
        {"canvas": "50x40", "position": "bottom", "format": "tiff", "bits": "8"},
        {"crop": "1", "max_size": "20"},
    ],
)
def test_a_result_is_that_of_the_call_from_python(api: Any, wishes: dict[str, str]) -> None:
    data = content()
    numbers = {"quality": int, "bits": int, "max_size": int, "lossless": bool, "crop": bool}
    options: dict[str, Any] = {name: numbers.get(name, str)(value) for name, value in wishes.items()}
    made = {name: options.pop(name) for name in ("quality", "lossless", "bits") if name in options}
    if "format" in options or made:
        from matting.pictures.encoding import Format

        options["format"] = Format(options.get("format", "png"), **made)
    expected = cutout(data, Predictor(serving.Bright(), []), **options)
    for answer in (
        ask(api, "/cutout", files={"file": ("a.png", data)}, data=wishes),
        ask(api, "/cutout", params=wishes, content=data),
    ):
        assert answer.status_code == 200, answer.text
        assert answer.content == expected
        assert answer.headers["content-type"] == f"image/{wishes.get('format', 'png')}"


def test_a_matte_and_an_own_background(api: Any) -> None:
    matte = pixels_of(ask(api, "/alpha", content=content()).content)
    assert (matte == 255 * (serving.photograph()[..., 0] > 128)).all()
    green = content(np.full((9, 9, 3), (10, 200, 30), np.uint8))
    shown = ask(api, "/cutout", files={"file": content(), "background_file": green})
    assert (pixels_of(shown.content)[matte == 0] == (10, 200, 30)).all()


def test_a_trimap_is_kept_to(api: Any) -> None:
    trimap = np.full((48, 64), 128, np.uint8)
    trimap[:10] = 255
    answer = ask(api, "/alpha", files={"file": content(), "trimap": content(trimap)})
    assert (pixels_of(answer.content)[:10] == 255).all()
    needy = serving.application(serving.Bright(Interface(inputs=("image", "trimap"))))
    refused = ask(needy, "/cutout", content=content())
    assert refused.status_code == 422 and "needs a trimap" in refused.json()["detail"]


def test_a_zip_comes_back_as_a_zip(api: Any) -> None:
    files = {
        "wedding/a.jpg": content(format="jpeg"), "b.png": content(), "b.webp": content(format="webp"),
        "notes.txt": b"hello", "__MACOSX/b.png": b"x", "../../etc/evil.png": content(), "C:\\x\\..\\con.png": content(),
    }  # fmt: skip
    answer = ask(api, "/batch", files={"file": ("p.zip", serving.zipped(files))}, data={"kind": "alpha"})
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = archive.namelist()
        assert names == ["wedding/a.png", "b.png", "b-2.png", "etc/evil.png", "C_/x/_con.png", "errors.json"]
        assert pixels_of(archive.read("b.png")).shape == (48, 64)
        failures = json.loads(archive.read("errors.json"))
    assert list(failures) == ["notes.txt"] and "none of JPEG" in failures["notes.txt"]


REMOVE_BG: list[tuple[dict[str, str], str, tuple[int, ...]]] = [
    ({}, "image/png", (48, 64, 4)),
    ({"size": "preview", "format": "jpg"}, "image/jpeg", (48, 64, 3)),
    ({"bg_color": "81d4fa"}, "image/jpeg", (48, 64, 3)),
    ({"bg_color": "green", "format": "png"}, "image/png", (48, 64, 3)),
    ({"channels": "alpha", "format": "webp"}, "image/webp", (48, 64, 3)),
    ({"crop": "true", "crop_margin": "2px", "type": "person", "position": "original"}, "image/png", (37, 37, 4)),
]


@pytest.mark.parametrize(("fields", "kind", "shape"), REMOVE_BG)
def test_remove_bg_by_its_own_fields(api: Any, fields: dict[str, str], kind: str, shape: tuple[int, ...]) -> None:
    answer = ask(api, "/v1.0/removebg", files={"image_file": ("a.png", content())}, data=fields)
    assert answer.status_code == 200, answer.text
    shown = pixels_of(answer.content)
    assert (answer.headers["content-type"], shown.shape) == (kind, shape)
    assert (answer.headers["x-width"], answer.headers["x-height"]) == (str(shape[1]), str(shape[0]))
    if fields.get("bg_color") == "81d4fa":
        assert np.abs(shown[0, 0].astype(int) - (0x81, 0xD4, 0xFA)).max() <= 3


def test_remove_bg_in_base64_and_json(api: Any) -> None:
    text = base64.b64encode(content()).decode()
    as_form = ask(api, "/v1.0/removebg", data={"image_file_b64": text})
    as_json = ask(
        api, "/v1.0/removebg", json={"image_file_b64": text, "crop": False}, headers={"Accept": "application/json"}
    )
    assert as_form.status_code == 200
    assert base64.b64decode(as_json.json()["data"]["result_b64"]) == as_form.content


def test_remove_bg_has_an_account_that_is_never_empty(api: Any) -> None:
    attributes = ask(api, "/v1.0/account", "GET").json()["data"]["attributes"]
    assert attributes["credits"]["total"] > 1000 and attributes["api"]["free_calls"] > 1000


def test_remove_bg_makes_previews_small(api: Any) -> None:
    large = content(np.zeros((1000, 2000, 3), np.uint8))
    answer = ask(api, "/v1.0/removebg", files={"image_file": large}, data={"size": "preview"})
    width, height = int(answer.headers["x-width"]), int(answer.headers["x-height"])
    assert 0.249e6 < width * height < 0.251e6


def test_rembg_by_its_own_fields(api: Any) -> None:
    files = {"file": ("a.png", content())}
    usual = {"model": "u2net", "a": "false", "af": "240", "ab": "10", "ae": "10", "ppm": "false", "extras": ""}
    assert pixels_of(ask(api, "/api/remove", files=files, data=usual).content).shape == (48, 64, 4)
    assert pixels_of(ask(api, "/api/remove", files=files, data={"om": "true"}).content).ndim == 2
    composite = ask(api, "/api/remove", files=files, data={"bgc": "1,2,3,255"})
    assert pixels_of(composite.content)[0, 0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("method", "path", "request_", "status"),
    [
        ("GET", "/api/remove", {"params": {"url": "http://127.0.0.1/"}}, 403),
        ("POST", "/api/remove", {"data": {"url": "http://127.0.0.1/"}}, 403),
        ("POST", "/v1.0/removebg", {"data": {"image_url": "http://127.0.0.1/"}}, 400),
        ("POST", "/v1.0/removebg", {"files": {"image_file": b"x"}, "data": {"bg_image_url": "http://a/"}}, 400),
    ],
)
def test_no_address_is_ever_asked(
    api: Any, method: str, path: str, request_: dict[str, Any], status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("something was asked"))
    answer = ask(api, path, method, **request_)
    assert answer.status_code == status and "fetches nothing" in answer.json()["detail"]
    assert answer.json()["errors"][0]["title"] == answer.json()["detail"]


def test_what_watches_it_can_ask(api: Any) -> None:
    assert ask(api, "/health", "GET").json()["status"] == "alive"
    assert ask(api, "/ready", "GET").json()["status"] == "ready"
    ask(api, "/cutout", content=content())
    counted = ask(api, "/metrics", "GET").text
    assert 'matting_requests_total{route="/cutout",status="200"}' in counted and "matting_waiting 0.0" in counted


def test_the_routes_are_described(api: Any) -> None:
    described = ask(api, "/openapi.json", "GET").json()
    assert set(described["paths"]) >= {"/cutout", "/alpha", "/batch", "/v1.0/removebg", "/api/remove", "/health"}
    form = described["paths"]["/cutout"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert {"file", "background_file", "trimap", "canvas", "max_size"} <= set(form["properties"])
    assert "429" in described["paths"]["/cutout"]["post"]["responses"]


def test_it_can_be_mounted() -> None:
    from fastapi import FastAPI

    outer, network = FastAPI(), serving.Bright()
    outer.mount("/people", serving.application(network))
    assert ask(outer, "/people/cutout", content=content()).status_code == 200
    assert network.calls == 1


def test_a_picture_keeps_its_orientation_and_profile(api: Any) -> None:
    import profiles
    from matting.pictures.encoding import PNG, encode
    from matting.pictures.headers import read_header
    from matting.pictures.metadata import Metadata

    data = bytes(encode(drawn.texture(20, 30), PNG, Metadata(profile=profiles.rgb(profiles.P3))))
    assert read_header(ask(api, "/cutout", content=data).content, "the result", 10**6).profile == profiles.rgb(
        profiles.P3
    )
