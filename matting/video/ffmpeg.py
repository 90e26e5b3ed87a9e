"""PyAV, the FFmpeg within a wheel: imported where it is used, and missed in one sentence."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import ModuleType

from matting.errors import MattingError


def address(path: Path) -> str:
    """Return a file for FFmpeg, which would take `a:b.mp4` for an address of the protocol a."""
    return f"file:{path}"


@cache
def pyav() -> ModuleType:
    """Return the module `av`, with FFmpeg's own messages off: what matters of them is told by ours.

    Raises:
        MattingError: it is not installed.
    """
    try:
        import av
        import av.logging
    except ModuleNotFoundError:
        raise MattingError("clips need PyAV, which is not installed: pip install av, or the extra `video`") from None
    av.logging.set_level(None)
    return av
