"""Bringing files into a prepared set: linked rather than copied, complete or absent, and made only once."""

from __future__ import annotations

import json
import logging
import os
import shutil
import uuid
from pathlib import Path

from matting.errors import MattingError

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
            told = ", ".join(f"{key} was {before.get(key)}, is {arguments.get(key)}" for key in changed)
            raise MattingError(f"{target} was made differently ({told}); choose another --target or remove it")
    elif target.is_dir() and any(target.iterdir()):
        raise MattingError(f"--target {target} holds other files; choose an empty or a new folder")
    else:
        write_text(marker, json.dumps(arguments, indent=1) + "\n")


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
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{uuid.uuid4().hex}.part")
        try:
            try:
                os.link(original, beside)
            except OSError as error:
                if not _warned_of_copying:
                    _warned_of_copying = True
                    _logger.warning("files are copied, because they cannot be linked here (%s)", error.strerror)
                shutil.copyfile(original, beside)
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)  # a rename between two names of one file does nothing, and leaves it
    except OSError as error:
        raise MattingError(f"{source} cannot be brought to {target}: {error.strerror}") from None


def write_text(path: Path, text: str) -> None:
    """Write a text file that appears only when it is complete.

    Raises:
        MattingError: it cannot be written.
    """
    beside = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_text(text, encoding="utf-8")
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise MattingError(f"{path} cannot be written: {error.strerror}") from None


def background_name(part: str, path: Path) -> str:
    """Return where a background goes, relative to the target; white space would split the columns of a list."""
    return f"{part}/bg/{'_'.join(path.name.split())}"
