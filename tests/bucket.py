"""Object storage on loopback: as much of S3's protocol as batches speak, failing on plan, without another package."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

Fault = tuple[int, str]
"""A status and S3's name of the error; status 0 sends the half of the answer and closes the connection."""

CUT: Fault = (0, "")
SLOW_DOWN: Fault = (503, "SlowDown")
BROKEN: Fault = (500, "InternalError")
DENIED: Fault = (403, "AccessDenied")
UNKNOWN_KEY: Fault = (403, "InvalidAccessKeyId")


@dataclass
class Bucket:
    """Objects by `bucket/key`, and what to answer instead, by method, key and how often that was asked before."""

    objects: dict[str, bytes] = field(default_factory=dict)
    plan: Callable[[str, str, int], Fault | None] = lambda method, key, times: None
    asked: dict[tuple[str, str], int] = field(default_factory=dict)
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, method: str, key: str) -> Fault | None:
        with self.lock:
            times = self.asked[method, key] = self.asked.get((method, key), -1) + 1
        return self.plan(method, key, times)


@contextmanager
def serving(bucket: Bucket) -> Iterator[Bucket]:
    """Answer on a free port of loopback."""

    class Handler(_Handler):
        own = bucket

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    bucket.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join(30)


class _Handler(BaseHTTPRequestHandler):
    own: Bucket
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def do_GET(self) -> None:
        self._answer("GET")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        parts = urlsplit(self.path)
        key, query = unquote(parts.path).strip("/"), parse_qs(parts.query, keep_blank_values=True)
        content = self._body()
        fault = self.own.fault("LIST" if "list-type" in query else method, key)
        if fault is not None and fault[0]:
            self._send(fault[0], f"<Error><Code>{fault[1]}</Code><Message>{fault[1]}</Message></Error>".encode())
        elif "list-type" in query:
            self._send(200, self._listing(key, query).encode(), cut=fault is not None)
        elif method == "PUT":
            self._put(key, content)
        elif method == "DELETE":
            self.own.objects.pop(key, None)
            self._send(204)
        elif key in self.own.objects:
            self._get(self.own.objects[key], cut=fault is not None)
        elif "/" not in key and any(name.startswith(f"{key}/") for name in self.own.objects):
            self._send(200)
        else:
            self._send(404, b"<Error><Code>NoSuchKey</Code><Message>there is none</Message></Error>")

    def _body(self) -> bytes:
        """Return what was sent; s3fs sends in pieces with checksums or as a whole."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return content
        whole, rest = b"", content
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            length = int(size.split(b";")[0], 16)
            if not length:
                break
            whole, rest = whole + rest[:length], rest[length + 2 :]
        return whole

    def _put(self, key: str, content: bytes) -> None:
        with self.own.lock:
            if self.headers.get("If-None-Match") == "*" and key in self.own.objects:
                self._send(412, b"<Error><Code>PreconditionFailed</Code><Message>it is there</Message></Error>")
                return
            self.own.objects[key] = content
        self._send(200, headers={"ETag": _tag(content)})

    def _get(self, content: bytes, cut: bool) -> None:
        span = self.headers.get("Range", "").removeprefix("bytes=")
        headers = {"ETag": _tag(content), "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        if not span:
            self._send(200, content, headers, cut)
            return
        begin, _, end = span.partition("-")
        first, last = int(begin), min(int(end or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self._send(206, content[first : last + 1], headers, cut)

    def _send(
        self, status: int, content: bytes = b"", headers: dict[str, str] | None = None, cut: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True

    def _listing(self, name: str, query: dict[str, list[str]]) -> str:
        prefix, bound = query.get("prefix", [""])[0], query.get("delimiter", [""])[0]
        rows, folders = [], set()
        for key, content in sorted(self.own.objects.items()):
            own, _, rest = key.partition("/")
            if own != name or not rest.startswith(prefix):
                continue
            head, sign, _ = rest[len(prefix) :].partition(bound) if bound else (rest, "", "")
            if sign:
                folders.add(f"{prefix}{head}/")
            else:
                about = f"<Size>{len(content)}</Size><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                rows.append(f"<Contents><Key>{escape(rest)}</Key><ETag>{_tag(content)}</ETag>{about}</Contents>")
        rows += [f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in sorted(folders)]
        about = f"<Name>{name}</Name><KeyCount>{len(rows)}</KeyCount><IsTruncated>false</IsTruncated>"
        return f"<ListBucketResult>{about}{''.join(rows)}</ListBucketResult>"


def _tag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
