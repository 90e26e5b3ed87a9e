"""Memory: how much this process has held, and running out of it over one picture as a sentence about that picture."""

from __future__ import annotations

import ctypes
import gc
import platform
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matting.errors import MattingError

_SAID = re.compile(
    r"bad_alloc|out of memory|insufficient memory|resource ?exhausted|(failed to|can ?not|can't|unable to) m?alloc",
    re.IGNORECASE,
)
"""OpenCV, OpenVINO, ONNX Runtime and Paddle raise errors of their own; only the words are alike."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an error that says that the memory is used up into a sentence; every other one passes.

    Args:
        path: the picture that the block works on.

    Raises:
        MattingError: instead of it.
    """
    try:
        yield
    except MattingError:
        raise
    except Exception as error:
        if not isinstance(error, MemoryError) and not _SAID.search(str(error)):
            raise
        raise MattingError(
            f"{path} takes more memory than there is; make the picture smaller, run with fewer --num_workers, or, with "
            "a trimap, with a smaller --tile_size"
        ) from None


def give_back() -> None:
    """Return what is free to the system, where the C library can: for processes that live on after large work.

    Frames and encoders that refer to each other wait for Python's collector, and glibc keeps what threads that are gone
    had freed.
    """
    gc.collect()
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)


def peak() -> int | None:
    """Return the most bytes of memory that this process has held; None where the system does not tell (Windows)."""
    try:
        # getrusage would count what the parent held when this process was made.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(next(line.split()[1] for line in status.split("\n") if line.startswith("VmHWM"))) * 1024
    except (OSError, StopIteration):
        pass
    try:
        import resource
    except ImportError:
        return None
    # Bytes on macOS, kilobytes elsewhere.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
