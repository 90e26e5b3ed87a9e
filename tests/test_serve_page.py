"""The page in a real Chromium, where there is one: pictures in, looked at, corrected, taken away."""

from __future__ import annotations

import base64
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import moving
import serving
from browser import CHROMIUM, DRIVER, Browser, browser
from matting.engines.network import Interface
from matting.predictor import Predictor
from matting.serve import app
from matting.serve.limits import Access
from matting.video.clip import Clip
from serving import content, photograph, pixels_of

pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed")

WATCH = """
window.wrong = [];
addEventListener("error", (event) => wrong.push(event.message));
addEventListener("unhandledrejection", (event) => wrong.push(String(event.reason)));
document.addEventListener("securitypolicyviolation", (event) => wrong.push(event.violatedDirective));
"""

DONE = "document.querySelectorAll('#strip .state').length == {} && [...document.querySelectorAll('#strip li')].every(" \
    "(row) => !row.querySelector('progress') && /done|完成/.test(row.querySelector('.state').textContent))"  # fmt: skip

SHOWN = "return [...document.querySelector('#view').getContext('2d').getImageData(...arguments, 1, 1).data]"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATTING_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serving.listening(serving.application()) as (host, port):
        yield f"http://{host}:{port}/"


@pytest.fixture
def window(tmp_path: Path, address: str) -> Iterator[Browser]:
    with browser(tmp_path) as made:
        made.tell("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        made.open(address)
        made.until("document.documentElement.lang")
        yield made
        assert made.run("return window.wrong") == []


def files(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).write_bytes(content(photograph(), "jpeg" if name.endswith("jpg") else "png"))
    return "\n".join(str(folder / name) for name in names)


def downloaded(path: Path) -> bytes:
    end = time.monotonic() + 10
    while not path.is_file():
        assert time.monotonic() < end, sorted(path.parent.iterdir())
        time.sleep(0.02)
    return path.read_bytes()


def middle(window: Browser) -> list[int]:
    """Return the colour in the middle of what is looked at, where the person is."""
    window.run("return new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")
    width, height = window.run("const {width, height} = document.querySelector('#view'); return [width, height]")
    return window.run(SHOWN, width // 2 + 3, height // 2)


def slide(window: Browser, share: int) -> None:
    window.run(
        "const split = document.querySelector('#split'); split.value = arguments[0];"
        "split.dispatchEvent(new Event('input'))",
        share,
    )


def test_a_picture_is_chosen_corrected_and_taken_away(window: Browser, tmp_path: Path) -> None:
    window.type("#files", files(tmp_path, "anna.png", "ben.jpg"))
    window.until(DONE.format(2))
    window.click("#strip li:first-child button")  # whichever was done first is shown until one is chosen
    person = [220, 180, 150, 255]
    assert middle(window) == person
    slide(window, 0)
    window.click("input[name=brush][value=remove]")
    window.drag("#view", (0, 0), (6, 0), (12, 0))
    assert middle(window) == [0, 0, 0, 0]
    slide(window, 100)
    assert middle(window) == person  # before
    slide(window, 0)
    window.click("input[name=brush][value=keep]")
    window.drag("#view", (0, 0), (12, 0))
    assert middle(window) == person
    for _ in range(2):
        window.click("#undo")
    assert window.run("return document.querySelector('#undo').disabled")
    window.click("[data-download=png]")
    expected = serving.ask(serving.application(), "/cutout", content=(tmp_path / "anna.png").read_bytes()).content
    assert downloaded(tmp_path / "anna_cutout.png") == expected
    window.click("input[name=background][value='#000000']")
    window.click("[data-download=webp]")
    webp = pixels_of(downloaded(tmp_path / "anna_cutout.webp"))
    assert webp.shape[:2] == (48, 64) and webp[0, 0, :3].max() <= 3
    window.click("[data-download=zip]")
    downloaded(tmp_path / "cutouts.zip")
    with zipfile.ZipFile(tmp_path / "cutouts.zip") as archive:
        assert archive.testzip() is None and archive.namelist() == ["anna_cutout.png", "ben_cutout.png"]
        black = pixels_of(archive.read("ben_cutout.png"))
    assert (black[0, 0, :3] == 0).all() and (black[..., 3] == 255).all()


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted(window: Browser, way: str) -> None:
    window.run(
        """
        const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0)), data = new DataTransfer();
        data.items.add(new File([bytes], "<img src=x onerror=wrong.push(1)>.png", { type: "image/png" }));
        document.body.dispatchEvent(arguments[1] === "drop"
            ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
            : new ClipboardEvent("paste", { clipboardData: data, bubbles: true }))
        """,
        base64.b64encode(content()).decode(), way,
    )  # fmt: skip
    window.until(DONE.format(1))
    assert "<img src=x" in window.run("return document.querySelector('#strip').textContent")


def test_everything_works_by_keyboard(window: Browser, tmp_path: Path) -> None:
    window.type("#files", files(tmp_path, "anna.png"))
    window.until(DONE.format(1))
    slide(window, 0)
    window.click("input[name=brush][value=remove]")
    window.type("#view", " \ue012 ")  # paint, left, paint
    assert middle(window) == [0, 0, 0, 0]
    window.type("#view", "++0")
    window.type("#split", "\ue010")  # to its end
    assert window.run("return document.querySelector('#split').value") == "100"


def test_a_file_that_is_no_picture_is_named(window: Browser, tmp_path: Path) -> None:
    (tmp_path / "torn.png").write_bytes(content()[:200])
    window.type("#files", str(tmp_path / "torn.png"))
    window.until("document.querySelector('#status').className == 'bad'")
    assert "torn.png" in window.run("return document.querySelector('#status').textContent")


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_in_both_languages_on_a_telephone(tmp_path: Path, address: str, language: str) -> None:
    with browser(tmp_path, language, (390, 844)) as window:
        window.tell("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=2, mobile=True)
        window.open(address)
        window.type("#files", files(tmp_path, "anna.png"))
        window.until(DONE.format(1))
        assert window.run("return document.documentElement.lang") == language
        assert window.run("return document.documentElement.scrollWidth <= innerWidth")
        texts = window.run("return [...document.querySelectorAll('[data-t]')].map((element) => element.textContent)")
        labels = window.run("return [...document.querySelectorAll('[data-label]')].map((e) => e.ariaLabel)")
        for text in texts + labels:
            assert any("一" <= letter <= "鿿" for letter in text) == (language == "zh-CN"), text
        window.open(address + "docs")
        window.until("document.querySelectorAll('section').length > 5")


def test_a_token_is_asked_for(tmp_path: Path) -> None:
    with serving.listening(serving.application(access=Access("sesame"))) as (host, port), browser(tmp_path) as window:
        window.open(f"http://{host}:{port}/")
        window.until("!document.querySelector('#access').hidden")
        window.type("#files", files(tmp_path, "anna.png"))
        window.until("/Token/.test(document.querySelector('#strip').textContent)")
        window.type("#token", "wrong\n")
        window.until("document.querySelector('#status').className == 'bad'")
        window.type("#token", "\ue009a\ue000sesame\n")  # Ctrl-A, released
        window.until(DONE.format(1))
        moving.write(tmp_path / "walk.mp4", [photograph(32, 48)] * 3, sound=None)
        window.type("#files", str(tmp_path / "walk.mp4"))
        window.until("document.querySelector('.clip button')")
        window.click(".clip button")
        window.until("/done/.test(document.querySelector('.clip .state').textContent)")


def test_colours_survive_the_page(window: Browser, tmp_path: Path) -> None:
    picture: Any = np.full((40, 40, 3), (200, 90, 30), np.uint8)
    (tmp_path / "plain.png").write_bytes(content(picture))
    window.type("#files", str(tmp_path / "plain.png"))
    window.until(DONE.format(1))
    slide(window, 0)
    assert middle(window) == [200, 90, 30, 255]


def test_what_is_marked_goes_to_a_network_that_takes_trimaps(tmp_path: Path) -> None:
    class Trusting(serving.Bright):
        """Where it is to decide, it decides as `Bright`; it keeps the trimaps that it was shown."""

        seen: list[Any] = []

        def __call__(self, image: Any, *trimaps: Any) -> Any:
            self.seen.append(trimaps[0][0, 0])
            return super().__call__(image)

    network = Trusting(Interface(inputs=("image", "trimap")))
    api = app(Predictor(network, []), drawer=lambda image: np.full(image.shape[:2], 128, np.uint8))
    with serving.listening(api) as (host, port), browser(tmp_path) as window:
        window.open(f"http://{host}:{port}/")
        window.type("#files", files(tmp_path, "anna.png"))
        window.until(DONE.format(1))
        slide(window, 0)
        assert window.run("return document.querySelector('#edges').disabled")
        window.click("input[name=brush][value=remove]")
        window.drag("#view", (0, 0), (4, 0))
        window.click("#edges")
        window.until("document.querySelector('#edges').disabled && document.querySelector('#undo').disabled")
        serving.until(lambda: len(network.seen) == 2)
        assert middle(window) == [0, 0, 0, 0]
        assert window.run("return document.querySelector('#status').className") == ""
    drawn = network.seen[1]
    assert set(np.unique(drawn)) == {0, 128, 255} and drawn.shape == (48, 64)
    assert (drawn[24, 32], drawn[24, 35], drawn[24, 40], drawn[0, 0]) == (0, 128, 255, 0)  # the stroke, around, far


def test_a_clip_is_sent_followed_and_saved(window: Browser, tmp_path: Path) -> None:
    frames = [photograph(32, 48)] * 6
    moving.write(tmp_path / "walk.mp4", frames, sound=None)
    window.type("#files", str(tmp_path / "walk.mp4"))
    window.until("document.querySelector('#strip .clip')")
    window.run("document.querySelector('.clip select').value = 'lime'")
    window.click(".clip button")
    window.until("/done|完成/.test(document.querySelector('.clip .state').textContent)")
    window.click(".clip button")
    downloaded(tmp_path / "walk_cutout.mp4")
    shown = [frame.image for frame in Clip(tmp_path / "walk_cutout.mp4").frames()]
    assert len(shown) == 6 and np.abs(shown[2][1, 1].astype(int) - (0, 255, 0)).max() < 12


def test_a_clip_is_cancelled_and_a_broken_one_named(tmp_path: Path) -> None:
    free, network = threading.Event(), serving.Bright()
    network.before = lambda: free.wait(20)
    api = serving.application(network)
    moving.write(tmp_path / "walk.mp4", [photograph(32, 48)] * 6, sound=None)
    (tmp_path / "torn.mp4").write_bytes(b"no clip")
    with serving.listening(api) as (host, port), browser(tmp_path) as window:
        window.open(f"http://{host}:{port}/")
        window.type("#files", str(tmp_path / "walk.mp4"))
        window.until("document.querySelector('.clip button')")
        window.click(".clip button")
        serving.until(lambda: network.calls == 1)
        window.until("/cut out|抠图/.test(document.querySelector('.clip .state').textContent)")
        window.click(".clip button")
        window.until("!document.querySelector('.clip')")
        free.set()
        serving.until(lambda: not api.state.jobs._jobs)
        window.type("#files", str(tmp_path / "torn.mp4"))
        window.until("document.querySelector('.clip button')")
        window.click(".clip button")
        window.until("document.querySelector('.clip .bad')")
        assert "torn.mp4" in window.run("return document.querySelector('#status').textContent")
