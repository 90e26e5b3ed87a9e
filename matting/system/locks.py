"""One process at a time: a lock on a file, which the system frees when its holder ends, however it ends."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import filelock

from matting.errors import MattingError
from matting.system import private

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[BinaryIO]:
    """Hold the lock while the block runs; `path` is a small file that stays. Waiting for another process is logged.

    Where the file system has no locks (some network drives) nothing is held, so what the block makes must be renamed
    into place.

    Yields:
        The file, for reading and writing, in which the holder can leave a note for the next one.

    Raises:
        MattingError: the file cannot be made, or its folder is not the user's alone.
    """
    with _opened(path) as lock:
        with contextlib.suppress(OSError):
            if not filelock.lock_descriptor(lock.fileno(), blocking=False):
                logger.info("waiting for another process, which holds %s", path)
                filelock.lock_descriptor(lock.fileno())
        yield lock


@contextlib.contextmanager
def unless_held(path: Path) -> Iterator[bool]:
    """Hold the lock while the block runs, if nobody does, and yield whether; where nothing can be locked, False."""
    with contextlib.ExitStack() as stack:
        free = False
        with contextlib.suppress(OSError):
            lock = stack.enter_context(os.fdopen(_descriptor(path), "r+b", buffering=0))
            free = filelock.lock_descriptor(lock.fileno(), blocking=False)
        yield free


def _opened(path: Path) -> BinaryIO:
    """Open a lock as `_descriptor` does, in a folder that is made for this user alone if it is missing."""
    try:
        private.make(path.parent)
        if path.is_symlink():
            raise MattingError(f"{path} is a link, which no lock is; remove it")
        return os.fdopen(_descriptor(path), "r+b", buffering=0)
    except OSError as error:
        raise MattingError(
            f"{path} cannot be written: {error.strerror}; set MATTING_CACHE to a folder that can be"
        ) from None


def _descriptor(path: Path) -> int:
    """Open a lock as it is: not emptied, and never through a link, behind which any file of the user's may lie."""
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    # The flag closes the moment between the question and the opening, where the system has it.
    return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
