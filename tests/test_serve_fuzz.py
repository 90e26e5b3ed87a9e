"""Whatever is sent, the server answers with a status that says whose fault it is, and never with 500."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import moving
import serving
from matting.serve.wishes import Wishes
from serving import ask, content

MANY = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

PICTURE = content()
ARCHIVE = serving.zipped({"a.png": PICTURE, "b/c.jpg": content(format="jpeg")})

NAMES = st.sampled_from(
    [
        *Wishes.model_fields,
        "file",
        "trimap",
        "background_file",
        "image_file",
        "image_url",
        "size",
        "bg_color",
        "bgc",
        "crop_margin",
        "channels",
        "om",
        "roi",
        "image_file_b64",
        "scale",
        "url",
    ]
) | st.text(max_size=8)
VALUES = st.sampled_from(
    [
        "true",
        "0",
        "-1",
        "1e400",
        "NaN",
        "9" * 30,
        "png",
        "jpg",
        "rgba",
        "alpha",
        "composite",
        "blur",
        "red",
        "#12",
        "1,2,3",
        "10%",
        "999%",
        "0.0001%",
        "10px",
        "3x3",
        "0x0",
        "99999x1",
        "1x",
        "../..",
        "\0",
        "\ud800",
        "auto",
        "preview",
        "65536",
    ]
) | st.text(max_size=12)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=6)
ROUTES = st.sampled_from(["/cutout", "/alpha", "/batch", "/video", "/v1.0/removebg", "/api/remove"])


@st.composite
def mangled(draw: st.DrawFn, original: bytes) -> bytes:
    """A file that was right, cut or changed."""
    data = bytearray(original)
    for _ in range(draw(st.integers(0, 3))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


FILES = st.one_of(mangled(PICTURE), mangled(ARCHIVE), st.binary(max_size=64), st.just(PICTURE), st.just(ARCHIVE))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATTING_CACHE", str(tmp_path_factory.mktemp("cache")))
        made = serving.application(body=1 << 20, pixels=100_000, seconds=20)
        yield made
        made.state.desk.close()
        made.state.jobs.close()


def check(answer: Any) -> None:
    assert answer.status_code in (200, 202, 400, 403, 413, 415, 422), (answer.status_code, answer.text)
    if answer.status_code not in (200, 202):
        assert answer.json()["detail"] and "\n" not in answer.json()["detail"]
    elif answer.headers["content-type"] == "application/zip":
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            assert not any(".." in name or name.startswith("/") for name in archive.namelist())


def sendable(fields: dict[str, str]) -> dict[str, str]:
    return {
        name.encode("utf-8", "replace").decode(): value.encode("utf-8", "replace").decode()
        for name, value in fields.items()
    }


@MANY
@given(path=ROUTES, fields=FIELDS, name=NAMES, file=FILES)
def test_forms(api: Any, path: str, fields: dict[str, str], name: str, file: bytes) -> None:
    usual = "image_file" if "removebg" in path else "file"
    sent = {usual: ("a.png", file)} | ({name: ("b", file)} if name.isidentifier() and name.isascii() else {})
    check(ask(api, path, data=sendable(fields), files=sent))


@MANY
@given(path=ROUTES, fields=FIELDS, file=FILES)
def test_bodies_and_addresses(api: Any, path: str, fields: dict[str, str], file: bytes) -> None:
    check(ask(api, path, params=sendable(fields), content=file))


@MANY
@given(
    path=ROUTES,
    kind=st.sampled_from(
        [
            "multipart/form-data; boundary=x",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=x; charset=utf-7",
            "application/json",
            "application/x-www-form-urlencoded",
            'text/html; charset="',
            ";",
            "multipart/mixed",
        ]
    ),
    body=st.binary(max_size=80)
    | st.lists(
        st.sampled_from(
            [
                b"--x\r\n",
                b"--x--\r\n",
                b'Content-Disposition: form-data; name="file"; filename="a"\r\n',
                b"\r\n",
                b"Content-Disposition: form-data; name=crop\r\n",
                b"Content-Disposition: x\r\n",
                b"1",
                PICTURE,
                b"Content-Type: \xff\r\n",
                b"{",
                b"}",
                b'"image_file_b64":',
                b"null",
                b"[" * 3000,
                b"a=b&",
                b"%zz",
            ]
        ),
        max_size=10,
    ).map(b"".join),
)
def test_content_types(api: Any, path: str, kind: str, body: bytes) -> None:
    check(ask(api, path, content=body, headers={"Content-Type": kind}))


@MANY
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH"]),
    path=st.text(max_size=20).map(lambda text: "/" + text) | ROUTES | st.sampled_from(["/", "/docs", "/page/main.js"]),
    headers=st.dictionaries(
        st.sampled_from(["Origin", "Authorization", "X-Api-Key", "Accept", "Content-Length", "Expect", "Host"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
    ),
)
def test_paths_methods_and_headers(api: Any, method: str, path: str, headers: dict[str, str]) -> None:
    import urllib.parse

    raw = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = ask(api, urllib.parse.quote(path, errors="replace"), method, headers=raw)
    assert answer.status_code < 500


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("clips") / "a.mp4"
    return moving.write(path, moving.pictures(4, 32, 48)).read_bytes()


@settings(MANY, max_examples=60)
@given(data=st.data(), fields=FIELDS)
def test_clips(api: Any, clip: bytes, data: st.DataObject, fields: dict[str, str]) -> None:
    answer = ask(api, "/video", content=data.draw(mangled(clip)), params=sendable(fields))
    check(answer)
    if answer.status_code == 202:
        link = answer.headers["location"]
        serving.until(lambda: ask(api, link, "GET").json()["status"] in ("done", "failed"), 120)
        told = ask(api, link, "GET").json()
        assert "error of its own" not in told.get("detail", ""), told
        assert ask(api, link, "DELETE").status_code == 204
    assert not any(path.is_file() for path in Path(os.environ["MATTING_CACHE"]).rglob("*"))
