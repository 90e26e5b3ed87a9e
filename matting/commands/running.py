"""How a command runs and ends: process settings, signals, and errors as a sentence with a status."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Callable

from matting.errors import MattingError, Stopped
from matting.system import cpu, streams, termination
from matting.system.streams import say


def run(main: Callable[[], int | None]) -> None:
    """Run a tool: what the user can mend is printed as one line, with exit status 1.

    Ctrl-C and SIGTERM end it in order, with what a shell expects: 128 and the signal's number, 130 or 143.
    """
    streams.settle()
    cpu.tune()
    os.environ.setdefault("GLOG_minloglevel", "2")  # Paddle's own warnings, about which nobody here can do anything
    if threading.current_thread() is threading.main_thread():
        termination.answer(_stop)
    status: int | str | None
    try:
        status = main() or 0
    except SystemExit as end:
        status = end.code
    except Stopped as stop:
        say(stop, stream=sys.stderr)
        status = 128 + stop.signal
    except KeyboardInterrupt:
        say("stopped", stream=sys.stderr)
        status = 128 + signal.SIGINT
    except Exception as error:
        lines = explanation(error)
        if not lines:
            raise
        say(*lines, stream=sys.stderr)
        status = 1
    sys.exit(streams.finish(status))


def explanation(error: Exception) -> list[str]:
    """Return what to tell the user of an error, its lines; none of a defect of ours, which keeps its traceback."""
    if isinstance(error, MattingError):
        return f"error: {error}".split("\n")
    if isinstance(error, OSError):
        name = error.filename2 or error.filename
        if error.errno == errno.ENAMETOOLONG:
            return [f"error: the name {str(name):.60}... is too long for this system; shorten it"]
        where = f"{os.fsdecode(name)}: " if isinstance(name, (str, bytes)) else ""
        return [f"error: {where}{error.strerror or error}"]
    if isinstance(error, ModuleNotFoundError) and error.name == "paddle":  # as on Linux on Arm
        return ["error: this needs paddlepaddle, which is not installed; without it only exports predict (see README)"]
    if isinstance(error, MemoryError):
        return ["error: the memory is full; give smaller pictures or sizes, a smaller batch, or fewer workers"]
    if isinstance(error, ValueError) and "embedded null" in str(error):
        return ["error: the name of a file holds a NUL character, which no name can; correct it"]
    if isinstance(error, UnicodeEncodeError):
        return [f"error: {error.object!r} cannot be written in {error.encoding}; rename the file"]
    return []


def _stop(number: int, _: object) -> None:
    raise Stopped("stopped", number)
