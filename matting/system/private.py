"""Folders that only the user can write to: nobody else can put there what this user will then run."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from matting.errors import MattingError


def check(folder: Path) -> Path:
    """Return a folder that belongs to this user, or to root, and to which nobody else can write; or that is not there.

    The folders above it are not checked: a user who can rename this one can put a link to another of the user's there.

    Raises:
        MattingError: somebody else could change what is in it.
    """
    if not hasattr(os, "geteuid"):  # Windows, where profiles are private by themselves
        return folder
    try:
        status = os.stat(folder)
    except OSError:
        return folder  # making or reading it will say why that fails
    problem = ""
    if status.st_uid not in (os.geteuid(), 0):
        problem = f"it belongs to user {status.st_uid}"
    elif status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        problem = f"others can write to it; chmod go-w {folder}"
    if problem:
        raise MattingError(
            f"{folder} may hold what somebody else put there ({problem}); set MATTING_CACHE to a folder of your own"
        )
    return folder


def make(folder: Path) -> Path:
    """Return `folder`; it and what is missing above it is made for this user alone. Raises as `check`, and OSError."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)
    return check(folder)
