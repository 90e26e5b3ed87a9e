"""Files that appear under their name only when they are complete and on the disk."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matting.errors import UnwritableError


@contextmanager
def explained(path: str | Path) -> Iterator[None]:
    """Turn what the system says while `path` is written into a sentence.

    Raises:
        UnwritableError: instead of any OSError.
    """
    try:
        yield
    except OSError as error:
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
        UnwritableError: the folder or the file cannot be written.
    """
    path = Path(path)
    beside = path.with_name(f".{uuid.uuid4().hex}.part")
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            with open(beside, "rb") as file:
                os.fsync(file.fileno())  # else a power cut can leave the name with nothing behind it
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes | memoryview) -> None:
    """Write a file whole or not at all; raises as `replacing`."""
    with replacing(path) as beside:
        beside.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file whole or not at all; raises as `replacing`.

    A byte 0xff of a name that is not UTF-8 is written as `\\udcff`, which JSON reads back.
    """
    write_bytes(path, text.encode("utf-8", "backslashreplace"))
