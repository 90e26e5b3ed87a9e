"""Fetching: whole, resumed, mirrored, offline, and nothing wrong ever enters the cache; against a loopback server."""

from __future__ import annotations

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from matting.errors import MattingError
from matting.weights import download
from matting.weights.published import PUBLISHED, Published
from tools import run_tool

CONTENT = bytes(range(256)) * 40


class Server(http.server.ThreadingHTTPServer):
    """Serves `content`, cutting the first `cuts` transfers in the middle."""

    content, cuts, ranges, etag = CONTENT, 0, True, '"1"'

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
        if self.path != "/models/net.pdparams":
            return self.send_error(404)
        start = 0
        if wanted and server.ranges and self.headers.get("If-Range") == server.etag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(server.content):
                return self.send_error(416)
        body = server.content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", server.etag)
        self.end_headers()
        if server.cuts:
            server.cuts -= 1
            body = body[: len(body) // 2]
            self.close_connection = True
        self.wfile.write(body)
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
    server.content, server.etag = CONTENT[::-1], '"2"'
    assert download.fetch(server.url).read_bytes() == CONTENT[::-1]


def test_a_server_without_ranges_sends_all_again(server: Server) -> None:
    server.cuts, server.ranges = 1, False
    assert download.fetch(server.url).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "expected", "said"),
    [
        (b"  <!DOCTYPE html><html>login</html>", {}, "a web page came"),
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
