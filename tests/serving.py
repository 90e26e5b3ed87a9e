"""A server with a network that needs no weights, and calls of it without a port."""

from __future__ import annotations

import asyncio
import contextlib
import io
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import cv2
import httpx
import numpy as np
import uvicorn

import drawn
from matting import serve
from matting.engines.network import Interface
from matting.pictures.encoding import Format, encode
from matting.predictor import Predictor
from matting.serve import running
from matting.serve.limits import Access, Limits


class Bright:
    """A network for which what is bright in red is the person.

    Attributes:
        calls: how often it computed.
        before: is called each time, in the thread that computes.
    """

    def __init__(self, interface: Interface | None = None) -> None:
        self.interface = interface or Interface()
        self.calls = 0
        self.before: Callable[[], object] = lambda: None

    def __call__(self, image: np.ndarray, *_: np.ndarray) -> dict[str, np.ndarray]:
        self.calls += 1
        self.before()
        return {"alpha": (image[:, :1] > 128).astype(np.float32)}


def application(network: Bright | None = None, access: Access | None = None, **limits: Any) -> Any:
    """Return a server around the network."""
    return serve.app(Predictor(network or Bright(), []), Limits(**limits), access)


def ask(api: Any, path: str, method: str = "POST", client: str = "10.0.0.1", **request: Any) -> httpx.Response:
    """Return the answer to one request."""
    return ask_all(api, [{"method": method, "url": path, **request}], client)[0]


def ask_all(api: Any, requests: list[Mapping[str, Any]], client: str = "10.0.0.1") -> list[httpx.Response]:
    """Return the answers to requests that are sent at the same time."""

    async def together() -> list[httpx.Response]:
        transport = httpx.ASGITransport(api, client=(client, 4711))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as session:
            return list(await asyncio.gather(*(session.request(**request) for request in requests)))

    return asyncio.run(together())


@contextlib.contextmanager
def listening(api: Any) -> Iterator[tuple[str, int]]:
    """Yield where a server really listens, in a thread of this process."""
    made = running.bound("127.0.0.1", 0)
    server = uvicorn.Server(running.configured(api, 2))
    thread = threading.Thread(target=server.run, args=([made],))
    thread.start()
    try:
        until(lambda: server.started)
        yield made.getsockname()
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()


def photograph(height: int = 48, width: int = 64) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 with a person that `Bright` finds: a bright disc."""
    pixels = drawn.texture(height, width) // 3
    pixels[drawn.disc(height, width) > 0.5] = (220, 180, 150)
    return pixels


def content(pixels: np.ndarray | None = None, format: str = "png") -> bytes:
    """Return a picture as the content of a file."""
    return bytes(encode(photograph() if pixels is None else pixels, Format(format)))


def pixels_of(data: bytes) -> np.ndarray:
    """Return a picture's pixels as they are stored: (H, W), or RGB(A)."""
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded.ndim == 2:
        return decoded
    return cv2.cvtColor(decoded, cv2.COLOR_BGRA2RGBA if decoded.shape[2] == 4 else cv2.COLOR_BGR2RGB)


def zipped(files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip of contents by name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that another thread brings about."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.005)
