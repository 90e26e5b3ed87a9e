"""Bringing files into a prepared set: linked rather than copied, complete or absent, and made only once."""

from __future__ import annotations

import json
import logging
import os
import shutil
from pathlib import Path

from matting.errors import MattingError
from matting.system import atomic
from matting.text import written

MARKER = "made_with.json"
"""Tells a restart from another preparation into the same folder."""

_logger = logging.getLogger(__name__)
_warned_of_copying = False


def claim(target: Path, source: Path, arguments: dict[str, str]) -> None:
    """Mark a folder as made from `source` with these arguments, or refuse it as something else's.

    Raises:
        MattingError: the folder lies in the source, was made with other arguments, or holds other files.
    """
    if target.resolve().is_relative_to(source.resolve()):
        raise MattingError(f"--target {target} lies in {source}, where it would be read as pictures; move it")
    marker = target / MARKER
    if marker.is_file():
        before = json.loads(marker.read_text(encoding="utf-8"))
        changed = [key for key in arguments | before if arguments.get(key) != before.get(key)]
        if changed:
            differences = ", ".join(f"{key} was {before.get(key)}, is {arguments.get(key)}" for key in changed)
            raise MattingError(f"{target} was made differently ({differences}); choose another --target or remove it")
    elif target.is_dir() and any(target.iterdir()):
        raise MattingError(f"--target {target} holds other files; choose an empty or a new folder")
    else:
        atomic.write_text(marker, json.dumps(arguments, indent=1) + "\n")


def link(source: Path, target: Path) -> None:
    """Give `source` a second name; only where the file system cannot, copy it, and say so once.

    A hard link takes no room and outlives the removal of the source. What is at the target already and has the same
    size stays, so that a broken run can go on.

    Raises:
        MattingError: the source is missing or the target cannot be written.
    """
    global _warned_of_copying
    try:
        original = source.resolve(strict=True)
        if target.is_file() and (target.samefile(original) or target.stat().st_size == original.stat().st_size):
            return
    except OSError as error:
        raise MattingError(f"{source} cannot be brought to {target}: {error.strerror}") from None
    with atomic.replacing(target) as beside:
        try:
            os.link(original, beside)
        except OSError as error:
            if not _warned_of_copying:
                _warned_of_copying = True
                _logger.warning("files are copied, because they cannot be linked here (%s)", error.strerror)
            shutil.copyfile(original, beside)


def background_name(part: str, path: Path) -> str:
    """Return where a background goes, relative to the target; white space would split the columns of a UTF-8 list."""
    return f"{part}/bg/{written('_'.join(path.name.split()))}"
