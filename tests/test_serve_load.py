"""Many requests at once, and a server that is killed under load and started again: nobody is lost, nothing is left."""

from __future__ import annotations

import asyncio
import collections
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

import moving
import serving
from serving import ask, content
from tools import ROOT

SERVER = """
import sys, time, uvicorn, serving
from matting.serve import running

network = serving.Bright()
network.before = lambda: time.sleep(0.02)
listening = running.bound("127.0.0.1", int(sys.argv[1]))
uvicorn.Server(running.configured(serving.application(network, per_client=0), 2)).run([listening])
"""

CLIENTS, EACH = 8, 12


def test_400_at_once_are_answered_or_refused() -> None:
    api = serving.application(per_client=0)
    data = content()
    expected = ask(serving.application(), "/cutout", content=data).content

    async def together(address: str) -> list[httpx.Response]:
        everything = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=60, limits=everything) as session:
            return await asyncio.gather(*(session.post("/cutout", content=data) for _ in range(400)))

    with serving.listening(api) as (host, port):
        answers = asyncio.run(together(f"http://{host}:{port}"))
    counted = collections.Counter(answer.status_code for answer in answers)
    assert set(counted) <= {200, 429} and counted.total() == 400 and counted[200] >= 35
    assert all(answer.content == expected for answer in answers if answer.status_code == 200)
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 429)
    assert api.state.desk.inside == 0


@pytest.mark.skipif(os.name == "nt", reason="processes are killed by SIGKILL here")
def test_a_server_that_was_killed_under_load_is_started_again(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, clips = f"http://127.0.0.1:{port}", tmp_path / "cache/clips"
    long = moving.write(tmp_path / "long.mp4", moving.pictures(300, 32, 48), sound=None).read_bytes()
    answers: list[bytes] = []
    failed = collections.Counter()
    threads = [threading.Thread(target=visit, args=(address, answers, failed), daemon=True) for _ in range(CLIENTS)]
    first = started(tmp_path, address, port)
    try:
        assert httpx.post(f"{address}/video", content=long, trust_env=False).status_code == 202
        for thread in threads:
            thread.start()
        serving.until(lambda: len(answers) >= CLIENTS, 120)
        assert len(list(clips.iterdir())) == 1
    finally:
        first.kill()
        first.wait(20)
    second = started(tmp_path, address, port)
    try:
        for thread in threads:
            thread.join(60)
        expected = ask(serving.application(), "/cutout", content=content()).content
        assert len(answers) == CLIENTS * EACH and set(answers) == {expected}
        assert failed["broken"] >= 1  # the kill was noticed, and asked again after
        assert list(clips.iterdir()) == []
    finally:
        second.terminate()
        assert second.wait(20) in (0, -15)


def started(folder: Path, address: str, port: int) -> subprocess.Popen:
    """Return a server that answers."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    environment = os.environ | {"PYTHONPATH": paths, "MATTING_CACHE": str(folder / "cache")}
    process = subprocess.Popen([sys.executable, "-c", SERVER, str(port)], env=environment)

    def is_ready() -> bool:
        assert process.poll() is None, "the server ended"
        try:
            return httpx.get(f"{address}/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    serving.until(is_ready, 120)
    return process


def visit(address: str, answers: list[bytes], failed: collections.Counter) -> None:
    """Ask for a cutout again and again, each time until it is there whole."""
    end = time.monotonic() + 120
    with httpx.Client(base_url=address, trust_env=False, timeout=20) as session:
        done = 0
        while done < EACH and time.monotonic() < end:
            try:
                answer = session.post("/cutout", content=content())
            except httpx.TransportError:
                failed["broken"] += 1
                time.sleep(0.1)
                continue
            if answer.status_code == 200:
                answers.append(answer.content)
                done += 1
            else:
                failed[answer.status_code] += 1
                time.sleep(0.05)
