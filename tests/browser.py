"""Chromium by the WebDriver protocol, for tests of pages where it is installed."""

from __future__ import annotations

import base64
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


class Browser:
    """One window."""

    def __init__(self, http: httpx.Client, session: str) -> None:
        self._http, self._session = http, session

    def _call(self, path: str, **values: Any) -> Any:
        answer = self._http.post(f"/session/{self._session}/{path}", json=values).json()["value"]
        assert not (isinstance(answer, dict) and "error" in answer), answer
        return answer

    def open(self, address: str) -> None:
        self._call("url", url=address)

    def run(self, script: str, *arguments: Any) -> Any:
        """Return what a script returns, or what its promise comes to."""
        return self._call("execute/sync", script=script, args=list(arguments))

    def until(self, script: str, seconds: float = 20) -> None:
        """Wait until a script returns what is true."""
        end = time.monotonic() + seconds
        while not self.run(f"return {script}"):
            assert time.monotonic() < end, script
            time.sleep(0.02)

    def find(self, selector: str) -> str:
        return self._call("element", using="css selector", value=selector)[_ELEMENT]

    def click(self, selector: str) -> None:
        self._call(f"element/{self.find(selector)}/click")

    def type(self, selector: str, text: str) -> None:
        """Type into an element, or choose files of an input for files, a line each."""
        self._call(f"element/{self.find(selector)}/value", text=text)

    def drag(self, selector: str, *places: tuple[int, int]) -> None:
        """Press at the first place, counted from an element's middle, and move over the others."""
        origin = {_ELEMENT: self.find(selector)}
        moves = [{"type": "pointerMove", "duration": 30, "origin": origin, "x": x, "y": y} for x, y in places]
        actions = [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], {"type": "pointerUp", "button": 0}]
        self._call("actions", actions=[{"type": "pointer", "id": "mouse", "actions": actions}])

    def tell(self, command: str, **parameters: Any) -> Any:
        """Call Chromium's own protocol (CDP)."""
        return self._call("goog/cdp/execute", cmd=command, params=parameters)

    def screenshot(self, path: Path) -> None:
        data = self._http.get(f"/session/{self._session}/screenshot").json()["value"]
        path.write_bytes(base64.b64decode(data))


@contextlib.contextmanager
def browser(folder: Path, language: str = "en", size: tuple[int, int] = (1280, 900)) -> Iterator[Browser]:
    """Yield a fresh Chromium whose downloads go into a folder."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert DRIVER
    process = subprocess.Popen([DRIVER, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            for _ in range(200):
                with contextlib.suppress(httpx.TransportError):
                    if http.get("/status").json()["value"]["ready"]:
                        break
                time.sleep(0.05)
            flags = [
                *FLAGS,
                f"--user-data-dir={folder / 'profile'}",
                f"--lang={language}",
                f"--window-size={size[0]},{size[1]}",
            ]
            options = {"binary": CHROMIUM, "args": flags, "prefs": {"intl.accept_languages": language}}
            wanted = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}
            session = http.post("/session", json={"capabilities": wanted}).json()["value"]
            made = Browser(http, session["sessionId"])
            made.tell("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
            yield made
            http.delete(f"/session/{session['sessionId']}")
    finally:
        process.terminate()
        process.wait(10)
