"""One process at a time: a lock on a file, which the system frees when its holder ends, however it ends."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

from matting.errors import MattingError

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock while the block runs; `path` is an empty file that stays. Waiting for another process is logged.

    Where the system has no such locks (Windows) nothing is held, so what the block makes must be renamed into place.

    Raises:
        MattingError: the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = open(path, "w")  # noqa: SIM115
    except OSError as error:
        raise MattingError(
            f"{path} cannot be written: {error.strerror}; set MATTING_CACHE to a folder that can be"
        ) from None
    with lock:
        try:
            import fcntl
        except ImportError:
            yield
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("waiting for another process, which holds %s", path)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
