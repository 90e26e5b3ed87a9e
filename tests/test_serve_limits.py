"""What the server refuses, by which status and sentence; what it survives; how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import json
import logging
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import serving
from matting import serve
from matting.errors import MattingError
from matting.pictures import png
from matting.serve.limits import Access, Limits
from serving import ask, ask_all, content
from tools import ROOT, one_sentence, run_tool


@pytest.fixture(scope="module")
def api() -> Any:
    return serving.application(body=1 << 20, pixels=10_000, fields=8, files=5)


def bomb(width: int, height: int) -> bytes:
    """Return a PNG that announces many pixels in a few bytes."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(png.chunk(kind, body) for kind, body in chunks)


ZIP_PATH = serving.zipped({f"{number}.png": b"" for number in range(6)})

REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("/cutout", {}, 400, "no picture was sent"),
    ("/cutout", {"files": {"file": b""}}, 400, "is empty"),
    ("/cutout", {"files": {"image": content()}}, 400, "no picture was sent"),
    ("/cutout", {"content": b"hello"}, 415, "none of JPEG, PNG"),
    ("/cutout", {"content": b"GIF89a" + bytes(99)}, 415, "none of JPEG, PNG"),
    ("/cutout", {"content": content()[:300]}, 422, "cut short"),
    ("/cutout", {"content": content(np.zeros((101, 100, 3), np.uint8))}, 413, "at most 0.01 megapixels"),
    ("/cutout", {"content": bomb(60_000, 60_000)}, 413, "60000x60000"),
    ("/cutout", {"content": bytes((1 << 20) + 1)}, 413, "more than 1,048,576 bytes"),
    ("/cutout", {"content": content(), "params": {"format": "gif"}}, 422, "format: "),
    ("/cutout", {"content": content(), "params": {"quality": "0"}}, 422, "quality 0: it must be 1 to 100"),
    ("/cutout", {"content": content(), "params": {"qualty": "9"}}, 422, "mean quality"),
    ("/cutout", {"content": content(), "params": {"max_size": "1e9"}}, 422, "max_size"),
    ("/cutout", {"content": content(), "params": {"canvas": "65535x65535"}}, 422, "megapixels"),
    ("/cutout", {"content": content(), "params": {"canvas": "200x100"}}, 413, "0.01 megapixels"),
    ("/cutout", {"content": content(), "params": {"format": "jpeg"}}, 422, "no transparency"),
    ("/cutout", {"content": content(), "params": {"background": "/etc/passwd"}}, 422, "neither a colour"),
    ("/cutout", {"content": content(), "params": {"background": str(ROOT)}}, 422, "neither a colour"),
    ("/cutout", {"content": content(), "params": {"kind": "alpha", "background": "red"}}, 422, "composites alone"),
    ("/cutout", {"content": content(), "params": {"kind": "trimap"}}, 422, "draws no trimap"),
    ("/cutout", {"files": {"file": content(), "trimap": content()}}, 422, "trimap"),
    ("/cutout", {"files": {"file": content(), "background_file": b"x"}}, 415, "the background"),
    ("/cutout", {"files": [("file", content()), ("file", content())]}, 400, "twice"),
    ("/cutout", {"data": {f"a{number}": "1" for number in range(3000)}, "files": {"file": b"x"}}, 400, "fields"),
    ("/cutout", {"data": {f"a{number}": "1" for number in range(3000)}}, 400, "fields"),
    ("/cutout", {"content": content(), "params": {f"a{number}": "1" for number in range(999)}}, 400, "999 fields"),
    ("/cutout", {"data": {"kind": "a" * 5000}}, 400, "cannot be read"),
    ("/cutout", {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, 400, "boundary"),
    ("/cutout", {"content": b"--x", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400, ""),
    ("/alpha", {"content": content(), "params": {"background": "red"}}, 422, "composites alone"),
    ("/batch", {"content": content()}, 422, "no zip"),
    ("/batch", {"content": ZIP_PATH}, 413, "holds 6 files; at most 5"),
    ("/batch", {"content": ZIP_PATH[:-30]}, 413, "holds 6 files"),
    ("/v1.0/removebg", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400, "not JSON"),
    ("/v1.0/removebg", {"json": [1]}, 400, "no object"),
    ("/v1.0/removebg", {"data": {"image_file_b64": "!!!"}}, 400, "not base64"),
    ("/v1.0/removebg", {"files": {"image_file": content()}, "data": {"roi": "0 0 9 9"}}, 422, "roi is not served"),
    ("/v1.0/removebg", {"files": {"image_file": content()}, "data": {"bg_color": "81d4fa77"}}, 422, "shows through"),
    ("/v1.0/removebg", {"files": {"image_file": content()}, "data": {"bg_color": "~/x"}}, 422, "neither a colour"),
    ("/api/remove", {"files": {"file": content()}, "data": {"bgc": "1,2"}}, 422, "neither a colour"),
]


@pytest.mark.parametrize(("path", "request_", "status", "said"), REFUSED)
def test_what_cannot_be_served_is_one_sentence(
    api: Any, path: str, request_: dict[str, Any], status: int, said: str
) -> None:
    answer = ask(api, path, **request_)
    assert answer.status_code == status, answer.text
    sentence = answer.json()["detail"]
    assert said in sentence and "--" not in sentence and "\n" not in sentence, sentence


def test_methods_and_paths_that_there_are_not(api: Any) -> None:
    assert ask(api, "/cutout", "GET").status_code == 405
    assert ask(api, "/../../etc/passwd", "GET").status_code == 404
    assert ask(api, "/page/..%2f..%2fguard.py", "GET").status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Basic sesame"}, 401),
        ({"X-Api-Key": "sesam"}, 401),
        ({"X-Api-Key": "ⓢesame".encode()}, 401),
        ({"Authorization": "Bearer sesame"}, 200),
        ({"authorization": "bearer sesame"}, 200),
        ({"X-Api-Key": "sesame"}, 200),
    ],
)
def test_a_token_is_asked_for(headers: dict[str, Any], status: int) -> None:
    api = serving.application(access=Access("sesame"))
    for path in ("/cutout", "/v1.0/removebg"):
        answer = ask(api, path, files={"file": content(), "image_file": content()}, headers=headers)
        assert answer.status_code in (status, 400)
        assert (answer.status_code == 401) == (status == 401)
    assert ask(api, "/metrics", "GET", headers=headers).status_code == status
    for path in ("/", "/page/main.js", "/health", "/ready"):
        assert ask(api, path, "GET").status_code == 200


def test_the_token_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from matting.serve import guard

    seen: list[tuple[bytes, bytes]] = []
    monkeypatch.setattr(guard.hmac, "compare_digest", lambda *pair: seen.append(pair) or False)
    assert ask(serving.application(access=Access("sesame")), "/metrics", "GET").status_code == 401
    assert seen == [(b"", b"sesame")]


def test_other_sites_and_names_are_refused_unless_named() -> None:
    api = serving.application(access=Access(hosts=("testserver",), origins=("https://shop.example",)))
    there, other = {"Origin": "https://shop.example"}, {"Origin": "https://evil.example"}
    answer = ask(api, "/cutout", content=content(), headers=there)
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == "https://shop.example"
    for origin in (other, {"Origin": "null"}):
        refused = ask(api, "/cutout", content=content(), headers=origin)
        assert refused.status_code == 403 and "access-control-allow-origin" not in refused.headers
    assert ask(api, "/cutout", content=content(), headers={"Origin": "http://testserver"}).status_code == 200
    assert ask(api, "/cutout", content=content(), headers={"Host": "evil.example"}).status_code == 421
    assert ask(api, "/cutout", content=content(), headers={"Host": "testserver:7000"}).status_code == 200
    closed = ask(serving.application(), "/cutout", "OPTIONS", headers=there | {"Access-Control-Request-Method": "POST"})
    assert closed.status_code >= 400 and "access-control-allow-origin" not in closed.headers


@pytest.mark.parametrize("path", ["/", "/cutout", "/nowhere", "/health"])
def test_every_answer_is_safe_for_browsers(api: Any, path: str) -> None:
    headers = ask(api, path, "GET").headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff" and headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer" and "cache-control" in headers


def test_the_page_asks_nobody_else() -> None:
    for file in (ROOT / "matting/serve/assets").iterdir():
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http:" not in text and "https:" not in text and "//cdn" not in text, file
        assert "innerHTML" not in text and "eval(" not in text, file


def slow(seconds: float = 0.3) -> serving.Bright:
    network = serving.Bright()
    network.before = lambda: time.sleep(seconds)
    return network


def test_a_full_queue_refuses_and_loses_nobody() -> None:
    api = serving.application(slow(0.02), queue=5, threads=2, per_client=0)
    answers = ask_all(api, [{"method": "POST", "url": "/cutout", "content": content()}] * 40)
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429} and statuses.count(200) == 7
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert int(refused.headers["retry-after"]) >= 1 and "queue is full" in refused.json()["detail"]
    assert ask(api, "/cutout", content=content()).status_code == 200


def test_a_client_has_its_share() -> None:
    api = serving.application(slow(0.02), per_client=3)
    request = {"method": "POST", "url": "/cutout", "content": content()}
    statuses = [answer.status_code for answer in ask_all(api, [request] * 10)]
    assert statuses.count(200) == 3 and statuses.count(429) == 7
    proxied = serving.application(slow(0.02), Access(proxies=("10.0.0.1",)), per_client=1)
    requests = [request | {"headers": {"X-Forwarded-For": f"192.0.2.{number}"}} for number in range(5)]
    assert {answer.status_code for answer in ask_all(proxied, requests)} == {200}
    assert [answer.status_code for answer in ask_all(proxied, requests, "10.0.0.2")].count(200) == 1


def test_what_takes_too_long_is_given_up() -> None:
    api = serving.application(slow(0.5), seconds=0.2, threads=1)
    answers = ask_all(api, [{"method": "POST", "url": "/cutout", "content": content()}] * 3)
    assert sorted(answer.status_code for answer in answers) == [503, 503, 504]


def test_a_client_that_left_costs_no_network() -> None:
    network = slow(0.4)
    api = serving.application(network, threads=2)
    with serving.listening(api) as (host, port):
        first = raw(host, port, content())
        serving.until(lambda: network.calls == 1)
        others = [raw(host, port, content()) for _ in range(5)]
        serving.until(lambda: api.state.desk.inside == 6)
        for other in others:
            other.close()
        serving.until(lambda: api.state.desk.inside == 1)
        assert first.recv(12) == b"HTTP/1.1 200"
        first.close()
    assert network.calls == 1


def raw(host: str, port: int, body: bytes, announced: int | None = None) -> socket.socket:
    """Return a connection over which a request was sent by hand."""
    connection = socket.create_connection((host, port), 10)
    length = len(body) if announced is None else announced
    connection.sendall(f"POST /cutout HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n".encode() + body)
    return connection


def answered(connection: socket.socket) -> bytes:
    """Return all that comes until the server closes the connection."""
    received = b""
    with connection, contextlib.suppress(ConnectionError):
        while part := connection.recv(1 << 16):
            received += part
    return received


def test_slow_senders_half_bodies_and_headers_without_end_are_left() -> None:
    api = serving.application(patience=0.2, rate=1 << 20)
    with serving.listening(api) as (host, port):
        half = raw(host, port, content()[:100], announced=10_000)
        silent = socket.create_connection((host, port), 10)
        dripping = socket.create_connection((host, port), 10)
        dripping.sendall(b"POST /cutout HTTP/1.1\r\nHost: x\r\nX-A: ")
        cut = raw(host, port, content()[:100], announced=10_000)
        cut.shutdown(socket.SHUT_WR)
        assert b"408" in answered(half)[:20]
        assert answered(silent) == answered(dripping) == b""
        answered(cut)
        garbage = socket.create_connection((host, port), 10)
        garbage.sendall(b"\x16\x03\x01\x02\x00" + bytes(range(256)))
        assert b"400" in answered(garbage)[:20]
        assert httpx.post(f"http://{host}:{port}/cutout", content=content(), trust_env=False).status_code == 200
    assert api.state.desk.inside == 0


def test_a_client_that_asks_now_and_then_keeps_its_connection() -> None:
    api = serving.application(patience=0.2)
    with serving.listening(api) as (host, port):
        connection = http.client.HTTPConnection(host, port, timeout=10)
        connection.connect()
        own = connection.sock.getsockname()
        for _ in range(20):
            connection.request("GET", "/ready")
            assert connection.getresponse().read() and connection.sock.getsockname() == own
            time.sleep(0.05)
        connection.close()


def test_a_reader_that_does_not_read_is_left() -> None:
    api = serving.application(patience=0.2)
    large = np.random.default_rng(0).integers(130, 255, (1500, 1500, 3), np.uint8)  # of which nothing becomes smaller
    with serving.listening(api) as (host, port):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((host, port))
        body = content(large)
        head = f"POST /cutout HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        serving.until(lambda: len(api.state.desk._clients) == 0 and api.state.desk.inside == 0)
        time.sleep(0.8)
        assert len(answered(connection)) < len(body) / 2


def test_a_refusal_is_heard_while_the_body_is_still_sent() -> None:
    api = serving.application(body=1 << 20)
    with serving.listening(api) as (host, port):
        address = f"http://{host}:{port}/cutout"
        for _ in range(5):
            answer = httpx.post(address, content=bytes(2 << 20), trust_env=False)
            assert answer.status_code == 413
        endless = httpx.post(address, content=(bytes(1 << 16) for _ in range(25)), trust_env=False)
        assert endless.status_code == 413


def test_names_are_neither_paths_nor_headers(api: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("../../evil.png", "a\r\nSet-Cookie: x=1.png", "a\0b.png", "/etc/passwd", "人.png", "a" * 3000):
        answer = ask(api, "/cutout", files={"file": (name, content())})
        assert answer.status_code == 200 and "set-cookie" not in answer.headers
        assert "evil" not in str(answer.headers)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_and_nothing_of_a_picture_logged(
    api: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "_get_candidate_names", lambda: pytest.fail("a file was made"))
    monkeypatch.setattr(logging.getLogger("matting"), "propagate", True)
    with caplog.at_level(logging.INFO, "matting.serve"):
        large = np.random.default_rng(0).integers(0, 255, (99, 100, 3), np.uint8)
        noisy = serving.application(body=1 << 24)
        assert ask(noisy, "/cutout", files={"file": ("secret.png", content() + bytes(3 << 20))}).status_code == 200
        assert ask(noisy, "/batch", content=serving.zipped({"secret.png": content(large)})).status_code == 200
        assert ask(noisy, "/secret").status_code == 404
    lines = [record.getMessage() for record in dict.fromkeys(caplog.records) if record.name.startswith("matting")]
    assert len(lines) == 3 and all("status=" in line and "secret" not in line for line in lines)


def test_zips_that_mean_harm(api: Any) -> None:
    unfolds = serving.zipped({"big.png": bytes(50 << 20), "ok.png": content()})
    twice = bytearray(serving.zipped({"a.png": content(), "b.png": content()}))
    twice[len(twice) // 3] ^= 255
    answers = {
        "bomb": unfolds,
        "lzma": serving.zipped({"a.png": content()}, zipfile.ZIP_LZMA),
        "torn": bytes(twice),
        "nested": serving.zipped({"in.zip": serving.zipped({"a.png": content()})}),
    }
    failures = {}
    for name, data in answers.items():
        answer = ask(api, "/batch", content=data)
        assert answer.status_code == 200, (name, answer.text)
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            failures[name] = json.loads(archive.read("errors.json"))
            assert archive.testzip() is None
    assert "unfolds to more than" in failures["bomb"]["big.png"] and "ok.png" not in failures["bomb"]
    assert "deflate" in failures["lzma"]["a.png"]
    assert "none of JPEG" in failures["nested"]["in.zip"]


def test_a_zip_whose_client_leaves_is_not_worked_on() -> None:
    network = slow(0.05)
    api = serving.application(network)
    data = serving.zipped({f"{number}.png": content() for number in range(60)})
    with serving.listening(api) as (host, port):
        with socket.create_connection((host, port), 10) as connection:
            head = f"POST /batch HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
            connection.sendall(head.encode() + data)
            connection.recv(1000)
        serving.until(lambda: api.state.desk.inside == 0)
    assert network.calls < 30


def test_when_it_ends_what_runs_is_finished_and_the_rest_refused() -> None:
    network = slow(0.4)
    api = serving.application(network, threads=1)

    async def collected() -> list[int]:
        transport = httpx.ASGITransport(api)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as session:
            tasks = [asyncio.create_task(session.post("/cutout", content=content())) for _ in range(3)]
            while not network.calls:
                await asyncio.sleep(0.01)
            api.state.desk.close()
            late, ready = await session.post("/cutout", content=content()), await session.get("/ready")
            return [answer.status_code for answer in (*await asyncio.gather(*tasks), late, ready)]

    assert asyncio.run(collected()) == [200, 503, 503, 503, 503]
    assert network.calls == 1


@pytest.fixture(scope="module")
def process(trained: Path) -> Iterator[tuple[subprocess.Popen, str]]:
    """The command itself, with a network that trained a moment, in Paddle's dynamic graph."""
    command = [
        sys.executable, ROOT / "tools/serve.py", "--port", "0", "--engine", "dynamic",
        "--config", trained / "config.yml", "--weights", trained / "run/best_model", "--precisions", "fp32",
        "--trimap_from", f"{trained}/config.yml:{trained}/run/best_model",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as made:
        assert made.stdout
        line = made.stdout.readline()
        assert "serving at" in line, made.stderr and made.stderr.read()
        yield made, line.split()[2].rstrip(";")
        made.kill()


@pytest.mark.skipif(os.name == "nt", reason="SIGTERM ends processes at once there")
def test_the_command_serves_and_ends_in_order(process: tuple[subprocess.Popen, str]) -> None:
    running, address = process
    answers: list[httpx.Response] = []
    with httpx.Client(base_url=address, trust_env=False, timeout=30) as session:
        assert session.get("/ready").status_code == 200
        assert session.get("/", headers={"Host": "evil.example"}).status_code == 421
        assert serving.pixels_of(session.post("/cutout", content=content()).content).shape == (48, 64, 4)
        exact = session.post("/cutout", content=content(), params={"precision": "fp32"})
        assert exact.status_code == 200
        assert session.post("/cutout", content=content(), params={"precision": "bf16"}).status_code == 422
        large = content(np.full((700, 700, 3), 200, np.uint8))
        thread = threading.Thread(target=lambda: answers.append(session.post("/alpha", content=large)))
        thread.start()
        time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        thread.join(20)
    assert running.wait(20) == 0
    assert [answer.status_code for answer in answers] == [200]
    assert running.stderr and "Traceback" not in running.stderr.read()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--host", "0.0.0.0"), "give --token"),
        (("--host", "192.0.2.1", "--token", "a"), "cannot be listened at"),
        (("--token", "ключ"), "ASCII"),
        (("--port", "99999"), "0 to 65535"),
    ],
)
def test_what_the_command_refuses(flags: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MATTING_TOKEN", raising=False)
    one_sentence(run_tool("serve", *flags), said)


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MattingError, match="extra `serve`"):
        serve.check_installed()
    with pytest.raises(MattingError, match="queue is 0"):
        Limits(queue=0)
