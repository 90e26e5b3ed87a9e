"""Computing in processes of its own: started afresh, in order, a few tasks ahead, and gone when their parent is."""

from __future__ import annotations

import contextlib
import io
import os
import queue
import signal
import struct
import subprocess
import sys
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.reduction import ForkingPickler
from pickle import PickleBuffer
from typing import IO, Any, TypeVar

import cv2

from matting.errors import MattingError
from matting.system import groups, streams

Task = TypeVar("Task")
Result = TypeVar("Result")

_AHEAD = 2
"""Tasks for each process that may be begun or finished before they are asked for: what bounds the memory."""

_START = "import sys; sys.path[:] = sys.argv[1:]; from matting.system import processes; processes.serve()"


def run(
    function: Callable[[Task], Result], tasks: Iterable[Task], workers: int, cure: str
) -> Generator[Result, None, None]:
    """Yield `function(task)` for each task in order, computed in `workers` processes.

    Two tasks a process are begun ahead. With 0 workers everything happens here. A process is started afresh and never
    forked: a fork inherits the locks that threads of Paddle, OpenCV or Python hold at that moment, and nobody opens
    them again. It is told everything through pipes, whose end tells it that its parent is gone, however that went.

    Args:
        function: what is computed; it, its tasks and its results can be pickled. It goes to each process once.
        cure: what to do about a process that cannot be had, such as "use --num_workers 0 or fewer".

    Raises:
        MattingError: a process was killed, or `function` cannot be sent to one.
        Exception: whatever `function` raises, when its task is due; its traceback in the process is the cause.
    """
    if workers == 0:
        yield from map(function, tasks)
        return
    pickled = packed(function, cure)
    free: queue.SimpleQueue[Process] = queue.SimpleQueue()
    waiting: deque[Future[Result]] = deque()

    def ask(task: Task) -> Result:
        process = free.get()
        try:
            return process.ask(task)
        finally:
            free.put(process)

    with contextlib.ExitStack() as stack:
        started = [stack.enter_context(contextlib.closing(Process(pickled, cure))) for _ in range(workers)]
        pool = stack.enter_context(ThreadPoolExecutor(workers))
        stack.callback(_give_up, started, waiting)  # else the pool would wait until all is computed
        for process in started:
            free.put(process)
        for task in tasks:
            waiting.append(pool.submit(ask, task))
            if len(waiting) > _AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _give_up(processes: Iterable[Process], waiting: Iterable[Future[Any]]) -> None:
    for future in waiting:
        future.cancel()
    for process in processes:
        process.kill()


class Process:
    """A process that computes one task after the other.

    Args:
        function: what is computed, `packed`.
        cure: what to do when the process ends before it was asked to.
        name: what it is called then.
        leads: all processes that it starts end with it.
    """

    def __init__(
        self, function: list[memoryview], cure: str, name: str = "a worker process", leads: bool = False
    ) -> None:
        self._packed: list[memoryview] | None = function
        self._cure, self._name, self._leads = cure, name, leads and groups.ARE_THERE
        with _deaf_to_requests_to_stop():
            self._popen = subprocess.Popen(
                [sys.executable, "-c", _START, *sys.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                process_group=0 if self._leads else None,
            )  # fmt: skip

    def ask(self, task: Any) -> Any:
        """Return what the process computes from the task, or raise what it raised."""
        tasks, answers = self._popen.stdin, self._popen.stdout
        assert tasks and answers
        try:
            if self._packed is not None:
                _send(tasks, self._packed)
                self._packed = None
            _send(tasks, _pickled(task))
            result, error, trace = _unpickled(_receive(answers))
        except (EOFError, BrokenPipeError):
            raise MattingError(f"{self._name} ended unexpectedly, perhaps for want of memory; {self._cure}") from None
        if error is None:
            return result
        if isinstance(error, MattingError):
            raise error
        raise error from _RemoteTraceback(trace)

    def kill(self) -> None:
        """End the process at once: it holds nothing that could be left half-done."""
        if self._leads and self._popen.returncode is None:  # its number is its own until it is waited for
            groups.kill(self._popen.pid)
        self._popen.kill()

    def close(self) -> None:
        """Leave nothing of the process behind."""
        self.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout):
            assert pipe
            with contextlib.suppress(BrokenPipeError):  # of what was still to be sent
                pipe.close()


@contextlib.contextmanager
def _deaf_to_requests_to_stop() -> Iterator[None]:
    """Block Ctrl-C and SIGTERM: what is started here never gets them.

    A terminal and a service manager send them to every process of a run, but to heed them is the parent's alone.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _RemoteTraceback(Exception):
    """A traceback of another process, to be shown as the cause of its error."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def serve() -> None:
    """Compute what the parent asks for, until it closes the pipe or is gone."""
    streams.settle()  # else the answers might get the number of a closed standard error, and messages land among them
    tasks, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)  # what is started here holds no end of the pipes
    os.dup2(2, 1)  # what is printed is no answer
    cv2.setNumThreads(1)  # the processes are the parallelism
    function: Callable[[Any], Any] | None = None
    with contextlib.suppress(EOFError, BrokenPipeError):
        pickled = _receive(tasks)
        while True:
            task = _receive(tasks)
            try:
                function = function or _loaded(pickled)
                answer = _pickled((function(_unpickled(task)), None, ""))
            except Exception as error:
                answer = _pickled((None, _portable(error), traceback.format_exc()))
            _send(answers, answer)
    groups.leave()  # without the complaint that nobody reads the answers any more


def _loaded(pickled: list[bytearray]) -> Callable[[Any], Any]:
    try:
        return _unpickled(pickled)
    except (AttributeError, ImportError) as error:
        raise MattingError(
            f"a worker process cannot import what it needs ({error}); define it in a file of its own, not in the "
            "program that is run, or use no workers"
        ) from error


def _portable(error: Exception) -> Exception:
    """Return an error that pickling does not change."""
    try:
        _unpickled(_pickled(error))
        return error
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")


def packed(function: Callable[..., Any], cure: str) -> list[memoryview]:
    """Return a function as `Process` takes it.

    Raises:
        MattingError: it cannot be pickled.
    """
    try:
        return _pickled(function)
    except Exception as error:  # pickling raises many kinds
        raise MattingError(f"what the worker processes need cannot be sent to them ({error}); {cure}") from None


def _pickled(value: Any) -> list[memoryview]:
    """Return a value as bytes: its structure, and after it the memory of its arrays, which is not copied."""
    structure, arrays = io.BytesIO(), list[PickleBuffer]()
    ForkingPickler(structure, 5, True, arrays.append).dump(value)
    return [structure.getbuffer(), *(array.raw() for array in arrays)]


def _unpickled(parts: list[Any]) -> Any:
    """Return the value. Pickles run what they say; these come from our own program, through a pipe nobody else has."""
    return ForkingPickler.loads(parts[0], buffers=parts[1:])


def _send(pipe: IO[bytes], parts: list[memoryview]) -> None:
    pipe.write(struct.pack(f"<{1 + len(parts)}Q", len(parts), *map(len, parts)))
    for part in parts:
        pipe.write(part)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> list[bytearray]:
    (count,) = struct.unpack("<Q", _exactly(pipe, 8))
    return [_exactly(pipe, length) for length in struct.unpack(f"<{count}Q", _exactly(pipe, 8 * count))]


def _exactly(pipe: Any, length: int) -> bytearray:
    """Return so many bytes; EOFError if the pipe ends before."""
    content = bytearray(length)
    if pipe.readinto(content) < length:
        raise EOFError
    return content
