"""One process at a time: a lock on a file, which the system frees when its holder ends, however it ends."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from matting.errors import MattingError
from matting.system import private

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[BinaryIO]:
    """Hold the lock while the block runs; `path` is a small file that stays. Waiting for another process is logged.

    Where the system has no such locks (Windows) nothing is held, so what the block makes must be renamed into place.

    Yields:
        The file, for reading and writing, in which the holder can leave a note for the next one.

    Raises:
        MattingError: the file cannot be made, or its folder is not the user's alone.
    """
    with _opened(path) as lock:
        try:
            import fcntl
        except ImportError:
            yield lock
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("waiting for another process, which holds %s", path)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def _opened(path: Path) -> BinaryIO:
    """Open a lock as it is: not emptied, and never through a link, behind which any file of the user's may lie."""
    try:
        private.make(path.parent)
        if path.is_symlink():
            raise MattingError(f"{path} is a link, which no lock is; remove it")
        # The flag closes the moment between the question and the opening, where the system has it.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except OSError as error:
        raise MattingError(
            f"{path} cannot be written: {error.strerror}; set MATTING_CACHE to a folder that can be"
        ) from None
    return os.fdopen(descriptor, "r+b", buffering=0)
