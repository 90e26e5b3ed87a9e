"""Batches whose driver, workers and machines are killed at any moment: every output once, as a quiet run makes it.

MATTING_KILLS says how often each is killed; `make nightly` does it 30 times.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from matting.batch.running import Report
from stub_network import Stub
from test_batch import committed, contents, descendants, run, write_pictures
from tools import ROOT

KILLS = int(os.environ.get("MATTING_KILLS", "1"))
PICTURES = 120
PATIENCE = 120.0
SLOW = Stub(seconds=0.01)
DRIVER = """
import sys
from test_batch import run
from stub_network import Stub
run(sys.argv[1], sys.argv[2], Stub(seconds=0.01), cpus=1)
"""


@pytest.fixture(scope="module")
def quiet(ray_here: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pictures and what a run made of them that nobody disturbed."""
    folder = tmp_path_factory.mktemp("kills")
    write_pictures(folder / "in", PICTURES)
    assert run(folder / "in", folder / "quiet", SLOW).written == PICTURES
    return folder


def whole(folder: Path, output: Path) -> None:
    """Assert that every picture was committed once, and that all results are those of the quiet run."""
    names = [row["name"] for row in committed(output)]
    assert len(names) == len(set(names)) == PICTURES
    there = {name: content for name, content in contents(output).items() if not name.endswith(".part")}
    assert there == contents(folder / "quiet")


def killing(output: Path, moments: random.Random, killed: list[int]) -> None:
    """Kill a worker each time that some more results are there."""
    end, results = time.monotonic() + PATIENCE, 0
    while len(killed) < KILLS and time.monotonic() < end:
        count = len(list(output.glob("*/*.png"))) if output.is_dir() else 0
        workers = [pid for pid, title in descendants(os.getpid()).items() if title.startswith("ray::Actor")]
        if count > results and workers:
            time.sleep(moments.uniform(0, 0.1))
            killed.append(moments.choice(workers))
            os.kill(killed[-1], signal.SIGKILL)
            results = count + 2 * PICTURES // (KILLS + 2)
        time.sleep(0.01)


def test_workers_killed_at_any_moment_lose_nothing(quiet: Path) -> None:
    killed: list[int] = []
    output = quiet / "workers"
    killer = threading.Thread(target=killing, args=(output, random.Random(0), killed), daemon=True)
    killer.start()
    report: Report = run(quiet / "in", output, SLOW, cpus=1)
    killer.join()
    assert len(killed) == KILLS and report.written + report.skipped >= PICTURES and not report.failed
    whole(quiet, output)


@pytest.mark.skipif("MATTING_KILLS" not in os.environ, reason="a minute; make nightly does it")
def test_a_driver_killed_at_any_moment_is_succeeded(quiet: Path) -> None:
    moments, output, stopped = random.Random(1), quiet / "driver", 0
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    for kill in range(KILLS):
        before = len(list(output.glob("*/*.png"))) if output.is_dir() else 0
        command = [sys.executable, "-c", DRIVER, quiet / "in", output]
        driver = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path}, stderr=subprocess.DEVNULL)
        end = time.monotonic() + PATIENCE
        while driver.poll() is None and len(list(output.glob("*/*.png"))) <= min(before + 10 * kill, 2 * PICTURES - 20):
            assert time.monotonic() < end, "nothing happens"
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.3))
        orphans = [pid for pid, title in descendants(driver.pid).items() if title.startswith("ray::Actor")]
        stopped += driver.poll() is None
        driver.kill()
        driver.communicate()
        assert list((output / "_matting").glob("lease-*"))
        end = time.monotonic() + PATIENCE
        while any(Path(f"/proc/{pid}").exists() for pid in orphans):
            assert time.monotonic() < end, orphans
            time.sleep(0.05)
    assert stopped, "no kill hit a run; the test lost its point"
    run(quiet / "in", output, SLOW)
    whole(quiet, output)
    assert not list((output / "_matting").glob("lease-*"))
