"""Clips by HTTP: sent, asked about, taken, cancelled; what is refused, and that nothing stays behind."""

from __future__ import annotations

import struct
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import moving
import serving
from matting.engines.network import Interface
from matting.predictor import Predictor
from matting.serve import app
from matting.serve.desk import Turns
from matting.serve.limits import Access, Limits
from matting.video.clip import Clip
from serving import ask, content

FRAMES = 8


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MATTING_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/clips"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A clip whose right half is a person to `serving.Bright`, with sound."""
    frames = []
    for number in range(FRAMES):
        frame = np.full((32, 48, 3), (20, 40, 60 + 5 * number), np.uint8)
        frame[:, 24:] = (220, 180, 150)
        frames.append(frame)
    return moving.write(tmp_path_factory.mktemp("clips") / "a.mp4", frames).read_bytes()


@pytest.fixture
def api(cache: Path) -> Iterator[Any]:
    made = serving.application()
    yield made
    closed(made)
    assert list(cache.glob("*")) == []


def closed(api: Any) -> None:
    api.state.desk.close()
    api.state.jobs.close()


def finished(api: Any, link: str, seconds: float = 120) -> dict[str, Any]:
    """Return what is told of a clip when it waits and runs no more."""
    told: dict[str, Any] = {}

    def is_over() -> bool:
        told.update(ask(api, link, "GET").json())
        return told["status"] not in ("waiting", "running")

    serving.until(is_over, seconds)
    return told


def taken(api: Any, clip: bytes, path: Path, **wishes: Any) -> tuple[Clip, dict[str, Any]]:
    """Return the result of a clip, and what was told of it."""
    begun = ask(api, "/video", content=clip, params=wishes)
    assert begun.status_code == 202, begun.text
    assert begun.json()["status"] in ("waiting", "running", "done") and begun.headers["location"].startswith("/video/")
    told = finished(api, begun.headers["location"])
    assert told["status"] == "done", told
    assert (told["progress"], told["frames"]) == (1.0, FRAMES)
    answer = ask(api, told["result"], "GET")
    assert answer.status_code == 200 and len(answer.content) == told["bytes"]
    file = path / f"result.{wishes.get('format', 'mp4')}"
    file.write_bytes(answer.content)
    return Clip(file), told


def test_a_clip_comes_back_before_a_colour_with_its_sound(api: Any, clip: bytes, tmp_path: Path, cache: Path) -> None:
    result, told = taken(api, clip, tmp_path, background="lime")
    frames = [frame.image for frame in result.frames()]
    assert len(frames) == FRAMES and told["notes"] == []
    assert np.abs(frames[3][16, 4].astype(int) - (0, 255, 0)).max() < 12
    assert np.abs(frames[3][16, 40].astype(int) - (220, 180, 150)).max() < 12
    with result.opened() as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
    assert len(list(cache.iterdir())) == 1 and list(cache.glob("*/*")) == []  # taken, and gone


def test_a_form_a_picture_behind_and_a_matte(api: Any, clip: bytes, tmp_path: Path) -> None:
    blue = content(np.full((9, 9, 3), (10, 20, 230), np.uint8))
    files = {"file": ("../../a.mp4", clip), "background_file": blue}
    begun = ask(api, "/video", files=files, data={"no_sound": "true", "start": "0.1"})
    told = finished(api, begun.headers["location"])
    (tmp_path / "b.mp4").write_bytes(ask(api, told["result"], "GET").content)
    frames = [frame.image for frame in Clip(tmp_path / "b.mp4").frames()]
    assert len(frames) == FRAMES - 3 and np.abs(frames[0][16, 4].astype(int) - (10, 20, 230)).max() < 14
    mattes = list(taken(api, clip, tmp_path, kind="alpha", format="mkv")[0].mattes())
    assert mattes[2][16, 4] < 0.02 and mattes[2][16, 40] > 0.98


def test_a_cutout_leaves_out_a_sound_that_its_file_cannot_hold(api: Any, clip: bytes, tmp_path: Path) -> None:
    result, told = taken(api, clip, tmp_path)
    with result.opened() as container:
        assert [stream.type for stream in container.streams] == ["video"]
    assert len(told["notes"]) == 1 and "aac" in told["notes"][0] and "left out" in told["notes"][0]
    assert str(tmp_path) not in told["notes"][0] and "--" not in told["notes"][0]
    refused = ask(api, "/video", content=clip, params={"format": "webm"})
    assert refused.status_code == 422 and "no_sound" in refused.json()["detail"]


SONG = b"RIFF" + bytes(4) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16) + b"data" + bytes(4000)

REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "no clip was sent"),
    ({"content": b"hello"}, 422, "the clip is no clip that FFmpeg reads"),
    ({"content": content()}, 422, "/cutout cuts out pictures"),
    ({"content": SONG}, 422, "no video"),
    ({"content": b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"}, 422, "the clip"),
    ({"content": b"ffconcat version 1.0\nfile /etc/passwd\n"}, 422, "the clip"),
    ({"content": "clip", "params": {"format": "mp4"}}, 422, "holds no transparency"),
    ({"content": "clip", "params": {"kind": "composite"}}, 422, "needs a background"),
    ({"content": "clip", "params": {"kind": "alpha", "background": "red"}}, 422, "shows no background"),
    ({"content": "clip", "params": {"background": "/etc/passwd"}}, 422, "neither a colour"),
    ({"content": "clip", "params": {"background": "red", "quality": "99"}}, 422, "quality 99"),
    ({"content": "clip", "params": {"start": "2", "end": "1"}}, 422, "no frame would be left"),
    ({"content": "clip", "params": {"start": "nan"}}, 422, "start: "),
    ({"content": "clip", "params": {"precision": "int8"}}, 422, "precision int8 is not served"),
    ({"content": "clip", "params": {"url": "http://127.0.0.1/"}}, 422, "is no field here"),
    ({"files": {"film": b"x"}}, 400, "no clip was sent"),
    ({"files": [("file", b"x"), ("file", b"y")]}, 400, "twice"),
    ({"files": {"file": "clip", "background_file": bytes(2 << 20)}}, 413, "what comes with the clip"),
    ({"files": {"file": "clip", "background_file": b"x"}}, 415, "the background"),
    ({"content": bytes((3 << 20) + 1)}, 413, "more than 3,145,728 bytes"),
]


@pytest.mark.parametrize(("request_", "status", "said"), REFUSED)
def test_what_cannot_be_served_is_one_sentence_and_leaves_nothing(
    clip: bytes, cache: Path, request_: dict[str, Any], status: int, said: str
) -> None:
    api = serving.application(body=1 << 20, clip=3 << 20)
    for sent in (request_, request_.get("files", {})):
        for name, value in sent.items() if isinstance(sent, dict) else []:
            if value == "clip":
                sent[name] = clip
    answer = ask(api, "/video", **request_)
    assert answer.status_code == status, answer.text
    sentence = answer.json()["detail"]
    assert said in sentence and "--" not in sentence and str(cache) not in sentence, sentence
    assert list(cache.glob("*/*")) == []
    closed(api)
    assert list(cache.glob("*")) == []


def test_frames_are_bounded_and_networks_with_trimaps_refused(clip: bytes) -> None:
    small = serving.application(pixels=1000)
    assert ask(small, "/video", content=clip).status_code == 413
    needy = serving.application(serving.Bright(Interface(inputs=("image", "trimap"))))
    assert "trimap" in ask(needy, "/video", content=clip).json()["detail"]
    none = serving.application(clip=0)
    refused = ask(none, "/video", content=clip)
    assert refused.status_code == 403 and "not served here" in refused.json()["detail"]
    for api in (small, needy, none):
        closed(api)


def test_a_server_without_pyav_says_so(clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    api = serving.application()
    monkeypatch.setattr("matting.serve.clips.importlib.util.find_spec", lambda name: None)
    refused = ask(api, "/video", content=clip)
    assert refused.status_code == 501 and "extra `video`" in refused.json()["detail"]


def held(**limits: Any) -> tuple[Any, serving.Bright, threading.Event]:
    """Return a server whose network computes when it is let to."""
    network, free = serving.Bright(), threading.Event()
    network.before = lambda: free.wait(60)
    return serving.application(network, **limits), network, free


def test_one_is_worked_on_the_others_wait_and_too_many_are_refused(clip: bytes, cache: Path) -> None:
    api, network, free = held(jobs=2)
    begun = [ask(api, "/video", content=clip, params={"background": "red"}) for _ in range(3)]
    assert [answer.status_code for answer in begun] == [202, 202, 429] and "retry-after" in begun[2].headers
    links = [answer.headers["location"] for answer in begun[:2]]
    serving.until(lambda: network.calls == 1)
    assert [ask(api, link, "GET").json()["status"] for link in links] == ["running", "waiting"]
    early = ask(api, links[0] + "/result", "GET")
    assert early.status_code == 409 and "running" in early.json()["detail"]
    assert ask(api, links[1], "DELETE").status_code == 204
    assert ask(api, links[1], "GET").status_code == 404
    free.set()
    assert finished(api, links[0])["status"] == "done"
    assert ask(api, links[0], "DELETE").status_code == 204
    assert list(cache.glob("*/*")) == []
    closed(api)


def test_the_one_that_runs_is_cancelled(clip: bytes, cache: Path) -> None:
    api, network, free = held()
    link = ask(api, "/video", content=clip).headers["location"]
    serving.until(lambda: network.calls == 1)
    assert ask(api, link, "DELETE").status_code == 204
    free.set()
    serving.until(lambda: ask(api, link, "GET").status_code == 404)
    serving.until(lambda: list(cache.glob("*/*")) == [])
    assert finished(api, ask(api, "/video", content=clip).headers["location"])["status"] == "done"
    closed(api)


@pytest.mark.parametrize(("limits", "said"), [({"clip_seconds": 1e-9}, "takes more than"), ({}, "no frame lies")])
def test_what_goes_wrong_later_is_told(clip: bytes, limits: dict[str, Any], said: str) -> None:
    api = serving.application(**limits)
    link = ask(api, "/video", content=clip, params={} if limits else {"start": "100"}).headers["location"]
    told = finished(api, link)
    assert told["status"] == "failed" and said in told["detail"] and "--" not in told["detail"]
    assert ask(api, link + "/result", "GET").status_code == 409
    closed(api)


def test_a_result_that_grows_too_large_is_given_up(tmp_path: Path) -> None:
    frames = moving.pictures(60, 32, 48)
    data = moving.write(tmp_path / "long.mp4", frames, sound=None).read_bytes()
    api = serving.application(clip_result=1, clip=len(data))
    told = finished(api, ask(api, "/video", content=data, params={"format": "mkv"}).headers["location"])
    assert told["status"] == "failed" and "more than 1 bytes" in told["detail"]
    closed(api)


def test_what_nobody_takes_is_removed_after_a_time(clip: bytes, cache: Path) -> None:
    api = serving.application(kept=0.05)
    link = ask(api, "/video", content=clip).headers["location"]
    serving.until(lambda: ask(api, link, "GET").status_code == 404)
    serving.until(lambda: list(cache.glob("*/*")) == [])  # it is forgotten first
    closed(api)


def test_a_result_that_was_taken_in_part_is_kept(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(130, 255, (20, 300, 400, 3), np.uint8)
    data = moving.write(tmp_path / "noise.mp4", list(noise), sound=None).read_bytes()
    api = serving.application(patience=5)
    with serving.listening(api) as (host, port), httpx.Client(base_url=f"http://{host}:{port}", trust_env=False) as web:
        link = web.post("/video", content=data, params={"format": "mkv"}).headers["location"]
        serving.until(lambda: web.get(link).json()["status"] == "done", 120)
        with web.stream("GET", link + "/result") as answer:
            next(answer.iter_bytes(1000))
        told = web.get(link).json()
        assert told["status"] == "done" and told["bytes"] > 3 << 20
        # Who has everything leaves at once.
        whole = httpx.get(f"http://{host}:{port}{link}/result", headers={"Connection": "close"}, trust_env=False)
        assert len(whole.content) == told["bytes"]
        assert web.get(link).status_code == 404


def test_a_photograph_waits_for_one_frame_at_most(clip: bytes) -> None:
    network = serving.Bright()
    network.before = lambda: time.sleep(0.05)
    api = serving.application(network)
    link = ask(api, "/video", content=clip).headers["location"]
    serving.until(lambda: network.calls == 2)
    assert ask(api, "/cutout", content=content()).status_code == 200
    assert network.calls <= 5 and ask(api, link, "GET").json()["status"] == "running"
    closed(api)


def test_turns_are_taken_in_the_order_of_coming() -> None:
    turns, order = Turns(), []

    def wait(number: int) -> None:
        with turns:
            order.append(number)

    threads = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
    with turns:
        for number, thread in enumerate(threads):
            thread.start()
            serving.until(lambda number=number: turns._next == number + 2)
        order.append(-1)
    for thread in threads:
        thread.join(10)
    assert order == [-1, 0, 1, 2, 3, 4]


def test_clips_of_a_server_with_a_token_are_its_own(clip: bytes) -> None:
    api = serving.application(access=Access("sesame"))
    assert ask(api, "/video", content=clip).status_code == 401
    right = {"Authorization": "Bearer sesame"}
    link = ask(api, "/video", content=clip, headers=right).headers["location"]
    for method in ("GET", "DELETE"):
        assert ask(api, link, method).status_code == 401
    assert ask(api, link, "DELETE", headers=right).status_code == 204
    closed(api)


def test_links_lead_there_where_the_server_is_mounted(clip: bytes) -> None:
    from fastapi import FastAPI

    outer, inner = FastAPI(), serving.application()
    outer.mount("/people", inner)
    link = ask(outer, "/people/video", content=clip).headers["location"]
    assert link.startswith("/people/video/") and finished(outer, link)["result"] == link + "/result"
    closed(inner)


def test_a_precision_is_computed_by_its_own_network(api: Any) -> None:
    exact, fast = serving.Bright(), serving.Bright()
    both = app(Predictor(exact, []), Limits(), None, {"fp32": Predictor(exact, []), "int8": Predictor(fast, [])})
    for precision, calls in ((None, (1, 0)), ("int8", (1, 1)), ("fp32", (2, 1))):
        fields = {} if precision is None else {"precision": precision}
        assert ask(both, "/cutout", content=content(), params=fields).status_code == 200
        assert (exact.calls, fast.calls) == calls
    zipped = ask(both, "/batch", content=serving.zipped({"a.png": content()}), params={"precision": "int8"})
    assert zipped.status_code == 200 and fast.calls == 2
    for path, data in (("/cutout", content()), ("/batch", serving.zipped({"a.png": content()}))):
        refused = ask(both, path, content=data, params={"precision": "bf16"})
        assert refused.status_code == 422 and "ask for fp32, int8" in refused.json()["detail"]
    assert "leave it out" in ask(api, "/alpha", content=content(), params={"precision": "fp32"}).json()["detail"]


def test_a_trimap_is_drawn_where_a_network_needs_one_and_none_was_sent() -> None:
    network = serving.Bright(Interface(inputs=("image", "trimap")))
    drawn = np.full((48, 64), 128, np.uint8)
    drawn[:10] = 255
    api = app(Predictor(network, []), drawer=lambda image: drawn)
    assert (serving.pixels_of(ask(api, "/alpha", content=content()).content)[:10] == 255).all()
    own = np.zeros((48, 64), np.uint8)
    files = {"file": content(), "trimap": content(own)}
    assert (serving.pixels_of(ask(api, "/alpha", files=files).content) == 0).all()


def test_results_that_nobody_takes_make_room_for_others(clip: bytes, tmp_path: Path) -> None:
    once = serving.application()
    size = finished(once, ask(once, "/video", content=clip).headers["location"])["bytes"]
    closed(once)
    api = serving.application(jobs=1, clip_result=2 * size + size // 2)
    links = []
    for _ in range(4):
        links.append(ask(api, "/video", content=clip).headers["location"])
        assert finished(api, links[-1])["status"] == "done"
    serving.until(lambda: ask(api, links[1], "GET").status_code == 404)
    assert [ask(api, link, "GET").status_code for link in links] == [404, 404, 200, 200]
    closed(api)


def test_what_a_clip_took_is_given_back(clip: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    from matting.serve import clips
    from matting.system import memory

    made: list[weakref.ref] = []
    first, calls = clips._Work.__init__, []

    def noted(self: Any, *arguments: Any) -> None:
        made.append(weakref.ref(self))
        first(self, *arguments)

    monkeypatch.setattr(clips._Work, "__init__", noted)
    give_back = memory.give_back
    monkeypatch.setattr(memory, "give_back", lambda: calls.append(give_back()))
    api = serving.application()
    assert finished(api, ask(api, "/video", content=clip).headers["location"])["status"] == "done"
    serving.until(lambda: len(calls) == 1)
    assert [work() for work in made] == [None]
    closed(api)
