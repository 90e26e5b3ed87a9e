"""Standard output and error that outlive whatever becomes of them: narrow encodings, readers who leave, full disks."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import BinaryIO, TextIO

from matting.errors import UnwritableError
from matting.text import visible_lines

_LOST = "the output cannot be written: {}; make room, or lead it elsewhere"


def settle() -> None:
    """Make both streams usable, before anything is opened or printed.

    A stream that was closed (`>&-`) leads nowhere from now on: otherwise the next file opened would get its number,
    and a library's messages would land among its bytes. A character that the terminal's encoding lacks is escaped.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # takes the lowest free number, which is this one
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8")
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8")
    escape_what_is_lacking(sys.stdout)
    escape_what_is_lacking(sys.stderr)


def escape_what_is_lacking(stream: TextIO) -> None:
    """Have the characters that a stream's encoding lacks written as `\\u4eba` instead of failing."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")


def say(*lines: object, stream: TextIO | None = None) -> None:
    """Print lines for a person; what a file's name holds cannot begin another one.

    Work does not end because nobody reads on (`| head -1`): what is left to say is dropped.

    Raises:
        UnwritableError: the disk is full.
    """
    stream = sys.stdout if stream is None else stream
    try:
        print(visible_lines(lines), file=stream, flush=True)
    except OSError as error:
        let_go(stream)
        if not isinstance(error, BrokenPipeError):
            raise UnwritableError(_LOST.format(error.strerror)) from None


@contextlib.contextmanager
def bytes_out() -> Iterator[BinaryIO]:
    """Yield standard output for a file's bytes; what anybody prints inside the block goes to standard error.

    Raises:
        UnwritableError: the disk is full.
    """
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)  # libraries print past Python
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.setmode(kept, os.O_BINARY)  # type: ignore[attr-defined]
        with open(os.dup(kept), "wb") as stream:
            yield stream
    except BrokenPipeError:  # nobody reads any more
        pass
    except OSError as error:
        raise UnwritableError(_LOST.format(error.strerror)) from None
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def let_go(stream: TextIO) -> None:
    """Lead a stream nowhere, with what it still holds, so that nothing written to it can fail."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # in tests it is no file
        number, nowhere = stream.fileno(), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


def finish(status: int | str | None) -> int | str | None:
    """Bring out what the streams still hold, and return the status to end with, which is this one if that worked."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        let_go(sys.stdout)
    except OSError as error:
        let_go(sys.stdout)
        say(f"error: {_LOST.format(error.strerror)}", stream=sys.stderr)
        status = status or 1
    try:
        sys.stderr.flush()
    except OSError:
        let_go(sys.stderr)
    return status
