"""Processes of our own: in order, bounded, and gone with whoever started them; none waits for a lock it inherited."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from matting.errors import MattingError
from matting.system import processes

LOCK = threading.Lock()
PROGRAM = """
import itertools, sys
sys.path[:0] = sys.argv[1:]
import test_processes
from matting.system import processes
for pid in processes.run(test_processes.own_pid, itertools.repeat(0.01), 2, ""):
    print(pid, flush=True)
"""


def own_pid(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def late(task: tuple[int, float]) -> int:
    time.sleep(task[1])
    return task[0]


def twice(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: array * 2 for name, array in arrays.items()}


def takes_the_lock(task: int) -> int:
    assert LOCK.acquire(timeout=2), "it is held by a thread that a forked process has not"
    LOCK.release()
    return task


def kills_itself(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def divides(number: int) -> float:
    return 1 / number


def refuses(number: int) -> None:
    raise MattingError(f"{number} is too many", "have fewer")


def prints(number: int) -> int:
    print("this is no answer", flush=True)  # noqa: T201
    return number


def complains(number: int) -> int:
    with contextlib.suppress(OSError):
        os.write(2, b"a library's message")
    return number


def loaded(module: str) -> bool:
    return module in sys.modules


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_results_come_in_the_order_of_the_tasks(workers: int) -> None:
    tasks = [(number, 0.05 * (number % 3 == 0)) for number in range(12)]
    assert list(processes.run(late, tasks, workers, "")) == list(range(12))


def test_arrays_of_any_size_and_layout_come_back_as_they_are() -> None:
    rng = np.random.default_rng(0)
    large = rng.random((3, 700, 500), np.float32)
    arrays = {"large": large, "none": large[:0], "turned": large.T, "gaps": large[:, ::3], "whole": np.arange(5)}
    (result,) = processes.run(twice, [arrays], 1, "")
    for name, array in arrays.items():
        np.testing.assert_array_equal(result[name], array * 2)
        assert result[name].dtype == array.dtype and result[name].flags.writeable


def test_a_lock_that_a_thread_holds_at_the_start_holds_nobody_up() -> None:
    with LOCK:
        assert list(processes.run(takes_the_lock, range(4), 2, "")) == [0, 1, 2, 3]


def test_tasks_are_begun_two_a_process_ahead_and_no_more() -> None:
    drawn: list[int] = []

    def tasks() -> Iterator[float]:
        for number in range(20):
            drawn.append(number)
            yield 0.0

    results = processes.run(own_pid, tasks(), 2, "")
    for number in range(8):
        next(results)
        assert len(drawn) == number + 5
    results.close()


def test_left_early_it_waits_for_nothing_and_leaves_no_process() -> None:
    results = processes.run(own_pid, [0, 600, 0, 600, 600], 2, "")
    pid = next(results)
    start = time.monotonic()
    results.close()
    assert time.monotonic() - start < 60
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_processes_end_with_their_parent(number: int) -> None:
    folders = [str(Path(processes.__file__).parents[2]), str(Path(__file__).parent)]
    parent = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *folders],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert parent.stdout
    pids = set()
    while len(pids) < 2:
        pids.add(int(parent.stdout.readline()))
    (os.kill if number == signal.SIGKILL else os.killpg)(parent.pid, number)
    _, error = parent.communicate(timeout=60)  # all of them hold the other end
    assert parent.returncode == -number
    # What the parent says of a Ctrl-C that nobody handles, once; nothing from the processes.
    assert error.count("Traceback") == (number == signal.SIGINT), error


def test_a_request_to_stop_is_the_parents_to_heed() -> None:
    results = processes.run(own_pid, [0.0] * 40, 1, "")
    pid = next(results)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(pid, number)
    assert set(results) == {pid}


def test_a_process_that_dies_is_one_sentence() -> None:
    with pytest.raises(MattingError, match=r"^a worker process ended unexpectedly.*; use --workers 0$"):
        list(processes.run(kills_itself, range(4), 2, "use --workers 0"))


@pytest.mark.parametrize("workers", [0, 2])
def test_errors_are_the_functions_own(workers: int) -> None:
    with pytest.raises(MattingError) as refusal:
        list(processes.run(refuses, [3], workers, ""))
    assert refusal.value.args == ("3 is too many", "have fewer")
    results = processes.run(divides, [1, 2, 0, 4], workers, "")
    assert [next(results), next(results)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError) as defect:
        next(results)
    assert not workers or "in divides" in str(defect.value.__cause__)


def test_what_cannot_be_sent_or_found_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MattingError, match=r"cannot be sent.*lambda.*; use --workers 0"):
        list(processes.run(lambda task: task, [1], 1, "use --workers 0"))
    monkeypatch.setattr(sys.modules["__main__"], "own_pid", own_pid, raising=False)
    monkeypatch.setattr(own_pid, "__module__", "__main__")
    with pytest.raises(MattingError, match=r"cannot import.*own_pid.*a file of its own"):
        list(processes.run(own_pid, [0.0], 1, ""))


def test_what_is_printed_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(processes.run(prints, range(3), 1, "")) == [0, 1, 2]
    assert capfd.readouterr() == ("", "this is no answer\n" * 3)


def test_a_closed_standard_error_costs_no_answer() -> None:
    kept = os.dup(2)
    os.close(2)
    try:
        results = list(processes.run(complains, range(3), 1, ""))
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    assert results == [0, 1, 2]


def test_a_process_does_not_import_paddle() -> None:
    assert list(processes.run(loaded, ["matting.system.processes", "paddle"], 1, "")) == [True, False]
