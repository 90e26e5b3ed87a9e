"""Files that appear under their name only when they are complete and on the disk."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matting.errors import MattingError, UnwritableError

_OF_ONE_NAME = (
    errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY, errno.ELOOP, errno.EILSEQ
)  # fmt: skip
"""What is wrong with a name alone, so that another file may well be written."""


@contextmanager
def explained(path: str | Path, of_all: bool = False) -> Iterator[None]:
    """Turn what the system says while `path` is written into a sentence.

    Args:
        of_all: nothing else can be written without this file, so that whatever is wrong with it is an UnwritableError.

    Raises:
        MattingError: instead of an OSError about the name: too long, or something else stands there.
        UnwritableError: instead of any other OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _OF_ONE_NAME and not of_all:
            raise MattingError(
                f"{path} cannot be written: {error.strerror}; choose another folder or a shorter name, or move what "
                "stands there"
            ) from None
        raise UnwritableError(
            f"{path} cannot be written: {error.strerror or error}; choose another folder or make room"
        ) from None


def make_folder(path: str | Path) -> None:
    """Make the folder that results will go into, before the work that makes them.

    Raises:
        UnwritableError: it cannot be made, or is no folder that can be written to.
    """
    with explained(path):
        Path(path).mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to; after the block the file takes its place, whole or not at all.

    The folder is made when it is missing. Whatever goes wrong in the block leaves the older file and no part of the
    new one; a kill leaves at most a hidden `.part`.

    Raises:
        MattingError: as `explained`.
    """
    path = Path(path)
    beside = path.with_name(f".{uuid.uuid4().hex}.part")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            # Else a power cut can leave the name with nothing behind it. Windows wants the right to write for this; a
            # second name of somebody's file, elsewhere, may not give it.
            with open(beside, "r+b" if os.name == "nt" else "rb") as file:
                os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes | memoryview) -> os.stat_result:
    """Write a file whole or not at all, raising as `replacing`; return its state, by which it is told from others."""
    with replacing(path) as beside:
        beside.write_bytes(content)
        return os.stat(beside)  # under its name somebody else's may stand a moment later


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all; raises as `replacing`.

    A byte 0xff of a name that is not UTF-8 is written as `\\udcff`, which JSON reads back.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))
