"""Batches on Ray, whose workers, driver, servers and command are ended at any moment: every output once, as a quiet run
in one process makes it. Ray always lives in processes of its own, never in the one that tests run in.

MATTING_KILLS says how often each is killed; `make nightly` does it 30 times.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from matting.batch import driver
from matting.errors import MattingError
from stub_network import Stub
from test_batch import committed, contents, run, write_pictures
from tools import ROOT

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found by /proc")
KILLS = int(os.environ.get("MATTING_KILLS", "1"))
AT_NIGHT = pytest.mark.skipif("MATTING_KILLS" not in os.environ, reason="a minute; make nightly does it")
PICTURES = 120
PATIENCE = 200.0
SLOW = Stub(seconds=0.02)
COMMAND = """
import signal, sys
from matting.commands.running import run as command
from test_batch import run
from stub_network import Stub
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in a shell's background
command(lambda: run(sys.argv[1], sys.argv[2], Stub(seconds=0.02), hire=None, cpus=1, workers=2) and None)
"""


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures and what a run made of them that nobody disturbed."""
    folder = tmp_path_factory.mktemp("kills")
    write_pictures(folder / "in", PICTURES)
    assert run(folder / "in", folder / "quiet").written == PICTURES
    return folder


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """See that no process and no file of Ray outlives its run; those of one that was killed may take seconds."""
    with tempfile.TemporaryDirectory(prefix="m-") as short:  # the names of sockets may have 107 characters
        monkeypatch.setenv("TMPDIR", short)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield
        monkeypatch.undo()
        until(lambda: not processes_with(short), "processes are left")
    tempfile.tempdir = None


def processes_with(folder: str) -> dict[int, str]:
    """Return the processes whose files lie in a folder, with what they call themselves."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if f"TMPDIR={folder}".encode() in (place / "environ").read_bytes().split(b"\0"):
                found[int(place.name)] = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has just ended, or is another user's
            continue
    found.pop(os.getpid(), None)
    return found


def until(is_so, said: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, said
        time.sleep(0.02)


def ray_processes(name: str) -> list[int]:
    """Return those of this test that are called so."""
    return [pid for pid, title in processes_with(os.environ["TMPDIR"]).items() if name in title.split(" ")[0]]


def results(output: Path) -> int:
    return len(list(output.glob("*/*.png"))) if output.is_dir() else 0


def whole(folder: Path, output: Path) -> None:
    """Assert that every picture was committed once, and that all results are those of the quiet run."""
    names = [row["name"] for row in committed(output)]
    assert len(names) == len(set(names)) == PICTURES
    there = {name: content for name, content in contents(output).items() if not name.endswith(".part")}
    assert there == contents(folder / "quiet")


def killing(output: Path, moments: random.Random, killed: list[int]) -> None:
    """Kill a worker each time that some more results are there."""
    end, seen = time.monotonic() + PATIENCE, 0
    while len(killed) < KILLS and time.monotonic() < end:
        count, workers = results(output), ray_processes("ray::Actor")
        if count > seen and workers:
            time.sleep(moments.uniform(0, 0.1))
            killed.append(moments.choice(workers))
            os.kill(killed[-1], signal.SIGKILL)
            seen = count + 2 * PICTURES // (KILLS + 2)
        time.sleep(0.01)


def test_workers_killed_at_any_moment_lose_nothing(quiet: Path) -> None:
    killed, addresses = list[int](), list[str]()
    output = quiet / "workers"

    def disturb() -> None:
        until(lambda: results(output), "nothing is done")
        addresses.extend(listened_on(set(processes_with(os.environ["TMPDIR"]))))
        killing(output, random.Random(0), killed)

    killer = threading.Thread(target=disturb, daemon=True)
    killer.start()
    report = run(quiet / "in", output, SLOW, hire=None, cpus=1, workers=2)
    killer.join()
    given_up = report.failed.pop("worker", 0)  # what three workers died over is left to the next run
    assert len(killed) == KILLS and not report.failed and (KILLS >= 3 or not given_up)
    assert report.written + report.skipped + given_up >= PICTURES
    if given_up:
        run(quiet / "in", output)
    whole(quiet, output)
    if shutil.which("ss"):
        assert addresses and all(re.match(r"(\[::ffff:)?127\.|\[::1\]", address) for address in addresses), addresses
    assert "ray" not in sys.modules


def listened_on(processes: set[int]) -> list[str]:
    """Return the addresses that processes listen on, as far as they can be seen."""
    if not shutil.which("ss"):
        return []
    told = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True, timeout=PATIENCE).stdout
    lines = [line for line in told.splitlines() if processes & set(map(int, re.findall(r"pid=(\d+)", line)))]
    return [line.split()[3] for line in lines]


@pytest.mark.parametrize(
    "name, number, said",
    [
        ("gcs_server", signal.SIGKILL, "Ray ended unexpectedly"),
        pytest.param("raylet", signal.SIGKILL, "Ray has lost the machine|Ray failed", marks=AT_NIGHT),
        pytest.param("gcs_server", signal.SIGSTOP, "Ray has not answered for 20 s", marks=AT_NIGHT),
    ],
)
def test_a_ray_that_is_lost_is_said_and_succeeded(
    quiet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: signal.Signals, said: str
) -> None:
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "2")  # a minute, if nothing is said

    def disturb() -> None:
        until(lambda: results(tmp_path) > 10, "nothing is done")
        monkeypatch.setattr(driver, "PATIENCE", 20.0)
        os.kill(ray_processes(f"/{name}")[0], number)

    killer = threading.Thread(target=disturb, daemon=True)
    killer.start()
    with pytest.raises(MattingError, match=f"({said}).*the same command goes on"):
        run(quiet / "in", tmp_path, Stub(seconds=2.0), hire=None, cpus=1, workers=2, num_workers=8)
    killer.join()
    assert not list((tmp_path / "_matting").glob("lease-*"))
    run(quiet / "in", tmp_path)
    whole(quiet, tmp_path)


def test_a_command_that_is_asked_to_stop_commits_and_says_by_which_signal(quiet: Path, tmp_path: Path) -> None:
    for number, status in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
        before = results(tmp_path)
        command = started(quiet, tmp_path)
        until(lambda b=before, c=command: results(tmp_path) > b or c.poll() is not None, "nothing is done")
        command.send_signal(number)
        told = command.communicate(timeout=PATIENCE)[1]
        assert command.returncode == status and b"the same command goes on" in told, told.decode()
        assert b"Traceback" not in told and not list((tmp_path / "_matting").glob("lease-*"))
        assert 0 <= results(tmp_path) - 2 * len(committed(tmp_path)) <= 2 * 2 * 4, "what was written is not committed"
    run(quiet / "in", tmp_path)
    whole(quiet, tmp_path)


def started(quiet: Path, output: Path) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    command = [sys.executable, "-c", COMMAND, quiet / "in", output]
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path}, stderr=subprocess.PIPE)


@AT_NIGHT
def test_a_command_killed_at_any_moment_is_succeeded(quiet: Path, tmp_path: Path) -> None:
    moments, stopped = random.Random(1), 0
    for kill in range(KILLS):
        before = results(tmp_path)
        command = started(quiet, tmp_path)
        end = time.monotonic() + PATIENCE
        while command.poll() is None and results(tmp_path) <= min(before + 10 * kill, 2 * PICTURES - 20):
            assert time.monotonic() < end, "nothing happens"
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.3))
        stopped += command.poll() is None
        command.kill()
        command.communicate()
        assert list((tmp_path / "_matting").glob("lease-*"))
        until(lambda: not ray_processes("ray::Actor"), "workers are left")
    assert stopped, "no kill hit a run; the test lost its point"
    run(quiet / "in", tmp_path)
    whole(quiet, tmp_path)
    assert not list((tmp_path / "_matting").glob("lease-*"))
