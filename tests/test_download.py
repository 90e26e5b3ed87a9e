"""Fetching: whole, resumed, mirrored, offline, and nothing wrong ever enters the cache; against a loopback server."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import http.server
import io
import os
import pickle
import pwd
import tarfile
import threading
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from matting.errors import MattingError
from matting.system.locks import locked
from matting.weights import cache, download, transfer
from matting.weights.published import PUBLISHED, Published
from tools import run_tool

CONTENT = pickle.dumps({"weight": np.arange(2560, dtype=np.float32)}, 4)


def archive(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as made:
        member = tarfile.TarInfo("w.pdparams")
        member.size = len(content)
        made.addfile(member, io.BytesIO(content))
    return file.getvalue()


class Server(http.server.ThreadingHTTPServer):
    """Serves `content`, cutting the first `cuts` transfers in the middle.

    Attributes:
        announced: whether it says how long its file is.
        careless: it sends a part of whatever it has, whichever version was asked for.
        lie: how far from the place that was asked for the part begins that it sends.
        moved: addresses that it redirects to others.
        endless: bytes that it goes on to send in all.
    """

    content, cuts, ranges, etag = CONTENT, 0, True, '"1"'
    announced, careless, lie, endless = True, False, 0, 0
    moved: dict[str, str] = {}

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/models/net.pdparams"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.seen.append(wanted)
        if self.path in server.moved:
            self.send_response(302)
            self.send_header("Location", server.moved[self.path])
            return self.end_headers()
        if self.path != "/models/net.pdparams":
            return self.send_error(404)
        start = 0
        if wanted and server.ranges and (server.careless or self.headers.get("If-Range") == server.etag):
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(server.content):
                return self.send_error(416)
            start += server.lie
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.content) - 1}/{len(server.content)}")
        if server.announced:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", server.etag)
        self.end_headers()
        if server.cuts:
            server.cuts -= 1
            body = body[: len(body) // 2]
            self.close_connection = True
        with contextlib.suppress(ConnectionError):
            self.wfile.write(body)
            for _ in range(server.endless >> 16):
                self.wfile.write(bytes(1 << 16))
        return None


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("MATTING_CACHE", str(tmp_path / "cache"))
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()


def test_a_file_is_fetched_once(server: Server) -> None:
    path = download.fetch(server.url, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))
    assert path.read_bytes() == CONTENT
    assert download.fetch(server.url) == path and len(server.seen) == 1
    assert not list(path.parent.glob("*.part*"))


def test_a_broken_transfer_goes_on_where_it_stopped(server: Server) -> None:
    server.cuts = 2
    assert download.fetch(server.url).read_bytes() == CONTENT
    assert server.seen == [None, f"bytes={len(CONTENT) // 2}-", f"bytes={len(CONTENT) * 3 // 4}-"]


def test_the_next_call_resumes_too(server: Server) -> None:
    server.cuts = 3
    with pytest.raises(MattingError, match="cannot be fetched"):
        download.fetch(server.url)
    assert not download.cached(server.url).exists()
    assert download.fetch(server.url).read_bytes() == CONTENT
    assert server.seen[-1] == f"bytes={len(CONTENT) * 7 // 8}-"


def test_two_versions_of_a_file_are_never_joined(server: Server) -> None:
    server.cuts = 3
    with pytest.raises(MattingError):
        download.fetch(server.url)
    other = pickle.dumps({"weight": np.arange(2560, dtype=np.float32)[::-1]}, 4)
    server.content, server.etag = other, '"2"'
    assert download.fetch(server.url).read_bytes() == other


def test_a_server_without_ranges_sends_all_again(server: Server) -> None:
    server.cuts, server.ranges = 1, False
    assert download.fetch(server.url).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "expected", "said"),
    [
        (b"  <!DOCTYPE html><html>login</html>", {}, "a web page came"),
        (b'{"error": "expired"}', {}, "a JSON message came"),
        (b"Too many requests", {}, "what came cannot be read"),
        (CONTENT[:5000], {}, "what came cannot be read"),
        (b"", {}, "an empty file came"),
        (CONTENT, {"size": 5}, "the file has 5"),
        (CONTENT, {"sha256": "0" * 64}, "SHA-256"),
    ],
)
def test_what_is_not_the_file_never_enters_the_cache(server: Server, content: bytes, expected, said: str) -> None:
    server.content = content
    with pytest.raises(MattingError, match=said) as error:
        download.fetch(server.url, **expected)
    assert "put it at" in str(error.value)
    assert not [path for path in download.cache_dir().iterdir() if path.suffix != ".lock"]


@pytest.mark.parametrize("content", [CONTENT, archive(CONTENT)], ids=["pickle", "archive"])
def test_a_file_of_unstated_length_must_be_whole(server: Server, content: bytes) -> None:
    server.content, server.announced, server.cuts = content, False, 1
    with pytest.raises(MattingError, match="what came cannot be read, or its end is missing"):
        download.fetch(server.url)
    assert not [path for path in download.cache_dir().iterdir() if path.suffix != ".lock"]
    assert download.fetch(server.url).read_bytes() == content


def test_an_archive_of_data_must_be_whole_too(server: Server) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("list.txt", "a\n" * 500)
    server.moved, server.content, server.announced, server.cuts = {"/data.zip": server.url}, file.getvalue(), False, 1
    url = server.url.replace("/models/net.pdparams", "/data.zip")
    with pytest.raises(MattingError, match="its end is missing"):
        download.fetch(url)
    assert download.fetch(url).read_bytes() == file.getvalue()


def broken_off(server: Server) -> None:
    server.cuts = 3
    with pytest.raises(MattingError, match="cannot be fetched"):
        download.fetch(server.url)


def test_a_part_of_another_version_is_not_joined(server: Server) -> None:
    broken_off(server)
    server.content = pickle.dumps({"weight": np.arange(2560, dtype=np.float32) + 1}, 4)
    server.etag, server.careless = '"2"', True
    assert download.fetch(server.url).read_bytes() == server.content


def test_a_part_from_another_place_or_of_another_length_is_not_joined(server: Server) -> None:
    broken_off(server)
    server.lie = -1
    assert download.fetch(server.url).read_bytes() == CONTENT
    download.cached(server.url).unlink()
    server.lie = 0
    broken_off(server)
    server.content = pickle.dumps({"weight": np.arange(2600, dtype=np.float32) + 1}, 4)
    assert download.fetch(server.url).read_bytes() == server.content


def test_a_part_from_another_mirror_is_not_joined(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_off(server)
    monkeypatch.setenv(
        "MATTING_MIRROR", server.url.replace("127.0.0.1", "localhost").removesuffix("/models/net.pdparams")
    )
    assert download.fetch(server.url).read_bytes() == CONTENT
    assert server.seen[-1] is None


def test_an_endless_body_ends_at_the_limit(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.announced, server.endless = False, 64 << 20
    for limits in ({"size": len(CONTENT)}, {}):
        monkeypatch.setattr(download, "LARGEST", 8 << 20)
        with pytest.raises(MattingError, match="more than .* bytes come"):
            download.fetch(server.url, **limits)
        assert not [path for path in download.cache_dir().iterdir() if path.suffix != ".lock"]
    server.announced, server.endless, server.content = True, 0, bytes(9 << 20)
    with pytest.raises(MattingError, match="9437184 bytes come"):
        download.fetch(server.url)


@pytest.mark.parametrize("to", ["ftp://127.0.0.1/net.pdparams", "file:///etc/hostname", "data:,x"])
def test_redirects_lead_to_http_only(server: Server, to: str) -> None:
    server.moved = {"/models/net.pdparams": to}
    with pytest.raises(MattingError, match=r"\(it redirects from http to ftp|is not allowed"):
        download.fetch(server.url)
    server.moved = {"/old": server.url}
    assert download.fetch(server.url.replace("/models/net.pdparams", "/old")).read_bytes() == CONTENT


def test_a_redirect_does_not_leave_https() -> None:
    request = urllib.request.Request("https://host.invalid/net")
    for address, admitted in (("https://other.invalid/net", True), ("http://host.invalid/net", False)):
        follow = transfer._Redirects().redirect_request
        arguments = request, io.BytesIO(), 302, "Found", http.client.HTTPMessage(), address
        if admitted:
            assert follow(*arguments)
        else:
            with pytest.raises(ValueError, match="from https to http"):
                follow(*arguments)


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1", "http://", "http://host:99999999/net", "http://a b/net", "https://\udcff/net", "http://\0/net",
        "http://127.0.0.1:9/" + "x" * 3000, "gopher://host/net", "://", "http://127.0.0.1:9/模型 %00.pdparams",
    ],
)  # fmt: skip
def test_a_malformed_url_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("MATTING_CACHE", str(tmp_path))
    with pytest.raises(MattingError, match="is no URL|cannot be fetched"):
        download.located(url)


def test_without_a_home_the_cache_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> None:
        raise KeyError("getpwuid(): uid not found")

    for name in ("MATTING_CACHE", "XDG_CACHE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(MattingError, match="set MATTING_CACHE"):
        download.cache_dir()
    outcome = run_tool("download", "list")
    assert outcome.status == 1 and "MATTING_CACHE" in outcome.error and "Traceback" not in outcome.error


def test_a_missing_file_and_a_missing_server_are_named(server: Server) -> None:
    with pytest.raises(MattingError, match="404"):
        download.fetch(server.url + "x")
    with pytest.raises(MattingError, match="cannot be fetched"):
        download.fetch("http://127.0.0.1:9/net.pdparams")
    with pytest.raises(MattingError, match="only http"):
        download.fetch("file:///etc/hostname")


def test_a_mirror_takes_the_place_of_the_host(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATTING_MIRROR", server.url.removesuffix("/models/net.pdparams") + "/")
    path = download.fetch("https://nowhere.invalid/models/net.pdparams")
    assert path.read_bytes() == CONTENT
    assert path == download.cached("https://nowhere.invalid/models/net.pdparams")


def test_offline_only_the_cache_serves(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATTING_OFFLINE", "1")
    with pytest.raises(MattingError, match="fetching is off"):
        download.fetch(server.url)
    monkeypatch.setenv("MATTING_OFFLINE", "0")
    download.fetch(server.url)
    assert download.fetch(server.url, offline=True).read_bytes() == CONTENT
    assert len(server.seen) == 1


def test_a_name_means_its_file_unless_a_path_has_it(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PUBLISHED, "net", Published("net", server.url, "none", "a test"))
    assert download.located("net").read_bytes() == CONTENT
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net").mkdir()
    assert download.located("net") == Path("net")
    assert download.located("other/model") == Path("other/model")


def test_the_tool_lists_and_gets(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PUBLISHED, "net", Published("net", server.url, "none", "a test"))
    listed = run_tool("download", "list")
    assert listed.status == 0 and all(name in listed.output for name in PUBLISHED)
    got = run_tool("download", "get", "net")
    assert got.status == 0 and Path(got.output.strip()).read_bytes() == CONTENT
    assert hashlib.sha256(CONTENT).hexdigest() in run_tool("download", "list").output
    wrong = run_tool("download", "get", "nut")
    assert wrong.status == 1 and "modnet-hrnet_w18" in wrong.error


def left(name: str, days: float = 0, content: bytes = b"half", version: bool = False) -> Path:
    """Leave a file in the cache, as a process would that was killed some days ago."""
    path = download.cache_dir() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if version:
        transfer._Version("http://elsewhere", '"1"', None).note(path)
    os.utime(path, (time.time() - days * 86400,) * 2)
    return path


def test_parts_of_killed_downloads_go_with_the_next(server: Server) -> None:
    """Unless they can be gone on with, or a process goes on with them."""
    useless, old = left("1-a.pdparams.part"), left("2-b.pdparams.part", 8, version=True)
    fresh, alive = left("3-c.pdparams.part", version=True), left("4-d.pdparams.part", 8)
    with locked(cache.lock_of(alive.with_suffix(""))):
        download.fetch(server.url)
    assert not useless.exists() and not old.exists() and not old.with_name(old.name + ".version").exists()
    assert fresh.exists() and alive.exists()


@pytest.mark.parametrize("ending", [".part", ".version"])
def test_a_name_that_looks_like_a_part_is_kept(server: Server, ending: str) -> None:
    server.moved = {f"/net{ending}": server.url}
    path = download.fetch(server.url.replace("/models/net.pdparams", f"/net{ending}"))
    download.fetch(server.url)
    assert path.read_bytes() == CONTENT and path in [one.path for one in cache.contents()]


def test_parts_go_before_what_is_whole(server: Server) -> None:
    path, part = left("1-a.pdparams", 5), left("2-b.pdparams.part", 1, bytes(9000), version=True)
    removed, held = cache.prune(max_size=100)
    assert [one.path for one in removed] == [part] and not held and path.exists()


def test_the_tool_prunes_by_age_and_size(server: Server) -> None:
    path = download.fetch(server.url)
    old = left("1-a.pdparams", 40)
    export = left("exports/abc/model.onnx", 20, bytes(3000)).parent
    os.utime(export, (time.time() - 20 * 86400,) * 2)
    held = left("exports/held/model.onnx", 50).parent
    os.utime(held, (time.time() - 50 * 86400,) * 2)
    part = left("2-b.pdparams.part", version=True)
    shown = run_tool("download", "cache")
    assert shown.status == 0 and all(str(one) in shown.output for one in (path, old, export, held, part))
    assert "5 in " in shown.output
    assert "prune what?" in run_tool("download", "prune").error
    assert run_tool("download", "prune", "--max_size", "-1").status == 2
    with locked(cache.lock_of(held)):
        pruned = run_tool("download", "prune", "--older_than", 30)
        assert "2 removed" in pruned.output and f"holds it: {held}" in pruned.output
    assert not old.exists() and not part.exists() and held.is_dir() and export.is_dir() and path.is_file()
    assert run_tool("download", "prune", "--max_size", (path.stat().st_size + 5) / 1e9).status == 0
    assert path.is_file() and not held.exists() and not export.exists()
    left_over = {one for one in download.cache_dir().rglob("*") if not one.name.endswith(".lock")}
    assert left_over == {path, export.parent}
