"""A folder to fill beside the one that it will become, whose name says so; what killed processes left is removed."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import filelock

from matting.system import atomic


@contextlib.contextmanager
def filling(target: Path, inside: bool = False) -> Iterator[Path]:
    """Yield a new folder beside `target`; it is gone after the block, unless the block renamed it.

    A lock on the folder itself lasts as long as the process, so a kill leaves a folder that no one holds: those of the
    same target are removed first, those of living processes never.

    Args:
        inside: make it in `target`, which is there, and not beside it.

    Raises:
        UnwritableError: it cannot be made, or something in the block cannot be written.
    """
    parent = target if inside else target.parent
    with atomic.explained(target):
        parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(parent, target.name)
        path, descriptor = _held(parent, target.name)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
            if descriptor is not None:
                os.close(descriptor)


def remove_abandoned(parent: Path, name: str | None = None) -> None:
    """Remove what killed processes left of `filling` in a folder: for one target by its name, or for all."""
    for path in parent.glob(".*.part" if name is None else f".{glob.escape(name)}.*.part"):
        with contextlib.suppress(OSError):  # another process holds it, or was faster
            descriptor = _hold(path)
            shutil.rmtree(path, ignore_errors=True)
            os.close(descriptor)


def _held(parent: Path, name: str) -> tuple[Path, int | None]:
    """Make a folder and hold it; where folders cannot be locked it is made all the same."""
    while True:
        path = parent / f".{name}.{uuid.uuid4().hex[:12]}.part"
        path.mkdir()
        try:
            descriptor = _hold(path)
        except (BlockingIOError, FileNotFoundError):
            continue  # another process took it for abandoned before it was held
        except OSError:
            return path, None
        if path.is_dir():
            return path, descriptor
        os.close(descriptor)


def _hold(path: Path) -> int:
    """Return a descriptor that locks a folder; raises OSError where a process holds it, or nothing can be locked."""
    if path.is_symlink():
        raise OSError(f"{path} cannot be locked")
    # Windows opens no folder: nothing tells a living process from a dead one there, so nothing is removed.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        if not filelock.lock_descriptor(descriptor, blocking=False):
            raise BlockingIOError(f"another process holds {path}")
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
