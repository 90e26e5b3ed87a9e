"""The user's cache: where a download lies in it, what it holds, and what goes when it grows old or large."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from matting.errors import MattingError
from matting.system import private
from matting.system.locks import unless_held
from matting.weights import transfer

_LONGEST_NAME = 100
_KEPT_DAYS = 7
"""How long the first part of a broken download is kept, for the same download to go on from."""


def cache_dir() -> Path:
    """Return the user's cache folder: MATTING_CACHE, else `matting` in XDG_CACHE_HOME or ~/.cache.

    Raises:
        MattingError: the user has no home, or somebody else could change what is in the folder.
    """
    if os.environ.get("MATTING_CACHE"):
        return private.check(Path(os.environ["MATTING_CACHE"]))
    try:
        return private.check(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matting")
    except RuntimeError:
        raise MattingError(
            "there is no home folder for the cache; set MATTING_CACHE to a folder that can be written"
        ) from None


def cached(url: str) -> Path:
    """Return where the local copy of a URL's file lies, or would lie.

    Raises:
        MattingError: it is no URL.
    """
    try:
        name = Path(urllib.parse.urlsplit(url).path).name or "weights"
        key = hashlib.sha256(url.encode()).hexdigest()[:12]
    except ValueError as error:
        raise MattingError(f"{url!r} is no URL ({error}); give one that begins with https://, or a path") from None
    name = re.sub(r"[^A-Za-z0-9._-]", "_", name)[-_LONGEST_NAME:]
    if name.endswith((".part", ".version")):  # which mean in the cache that it is not whole
        name += "_"
    return cache_dir() / f"{key}-{name}"


def by_hand(target: Path) -> str:
    """Return what to do about a file that cannot be fetched, as a clause for messages."""
    return f"fetch it elsewhere and give its path, or put it at {target}"


def lock_of(path: Path) -> Path:
    """Return the lock that a process holds while it makes a download or an export."""
    return path.with_name(f".{path.name}.lock")


@dataclass(frozen=True)
class Kept:
    """Something in the cache: its path, whether it is "weights", "export" or "part", bytes, and when it was made."""

    path: Path
    kind: str
    size: int
    made: float

    def days(self) -> float:
        return max(0.0, time.time() - self.made) / 86400

    def remove(self) -> bool:
        """Remove it, unless a process holds its lock; return whether it is gone."""
        with unless_held(lock_of(self.path.with_name(self.path.name.removesuffix(".part")))) as free:
            if not free:
                return False
            if self.kind == "export":
                # Renamed first, for nobody to find half of it.
                beside = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
                self.path.rename(beside)
                shutil.rmtree(beside)
            else:
                transfer.discard(self.path)
        return True


def contents() -> list[Kept]:
    """Return what the cache holds, oldest first: downloads, parts of broken ones, exports."""
    exports = [path for path in _visible(cache_dir() / "exports") if path.is_dir() and not path.is_symlink()]
    return sorted([*_downloads(), *_measured(exports, "export")], key=lambda one: one.made)


def _downloads() -> list[Kept]:
    files = [path for path in _visible(cache_dir()) if path.is_file() and path.suffix != ".version"]
    parts = [path for path in files if path.suffix == ".part"]
    return _measured([path for path in files if path not in parts], "weights") + _measured(parts, "part")


def _measured(paths: list[Path], kind: str) -> list[Kept]:
    measured = []
    for path in paths:
        with contextlib.suppress(FileNotFoundError):  # another process may be done with it meanwhile
            size = sum(file.lstat().st_size for file in (path, *path.rglob("*")) if not file.is_dir())
            measured.append(Kept(path, kind, size, path.stat().st_mtime))
    return measured


def prune(older_than: float | None = None, max_size: float | None = None) -> tuple[list[Kept], list[Kept]]:
    """Remove what is old, then the oldest until the rest is small enough, and every part of a broken download.

    Args:
        older_than: days since it was fetched or made.
        max_size: bytes that may stay.

    Returns:
        What was removed, and what should have been but is held by another process.
    """
    everything = contents()
    total = sum(one.size for one in everything)
    removed: list[Kept] = []
    held: list[Kept] = []
    for one in sorted(everything, key=lambda one: one.kind != "part"):
        old = older_than is not None and one.days() > older_than
        if old or one.kind == "part" or (max_size is not None and total > max_size):
            try:
                gone = one.remove()
            except OSError as error:
                raise MattingError(f"{one.path} cannot be removed: {error.strerror}; do so by hand") from None
            (removed if gone else held).append(one)
            total -= one.size  # what is held counts as gone, or all that is newer would go in its place
    return removed, held


def sweep(apart_from: Path) -> None:
    """Remove the parts that killed downloads left, and from which none can go on, or did not for a week.

    Args:
        apart_from: the part that the caller goes on with.
    """
    for one in _downloads():
        useless = one.kind == "part" and (not transfer.resumable(one.path) or one.days() > _KEPT_DAYS)
        if useless and one.path != apart_from:
            with contextlib.suppress(OSError):  # of another user: no reason to fetch nothing
                one.remove()


def _visible(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise MattingError(
            f"the cache {folder} cannot be read: {error.strerror}; MATTING_CACHE names another"
        ) from None
