"""Running out of memory over one picture, in whatever words a library says it, as a sentence about that picture."""

from __future__ import annotations

import re
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
