"""Files wherever they lie, by fsspec: read, listed, and put there whole or not at all; each trouble one sentence."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeVar

import fsspec
from fsspec.implementations.local import LocalFileSystem

from matting.errors import MattingError, UnwritableError
from matting.system import atomic

Result = TypeVar("Result")

PAUSE = 0.5
"""Seconds before something that failed for the storage's sake is tried again."""

_FINAL = (FileNotFoundError, IsADirectoryError, NotADirectoryError, FileExistsError)
"""What a second attempt does not mend."""


class StorageError(MattingError):
    """The storage refused, throttled or broke off, twice: nothing is wrong with the picture itself."""


class Entry(NamedTuple):
    """What a listing says of a file: its URL, its size in bytes, and what changes with its content."""

    url: str
    size: int
    stamp: str
    is_folder: bool


class Place:
    """A file or folder of any storage, by its URL; paths without a scheme are of this machine.

    Raises:
        MattingError: by the constructor, the scheme is unknown or its package is not installed.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        scheme, colon, _ = url.partition("://")
        try:
            # Not by `url_to_fs`, for which `a::b` in a name means one file system within another.
            self.fs = fsspec.filesystem(scheme, use_listings_cache=False) if colon else fsspec.filesystem("file")
        except (ImportError, ValueError) as error:
            raise MattingError(f"{url}: {error}; s3:// needs s3fs, gs:// gcsfs, hdfs:// pyarrow with Hadoop") from None
        self.is_local = isinstance(self.fs, LocalFileSystem)
        if self.is_local:
            self.path = os.path.abspath(url.partition("://")[2] if colon else url)
        else:
            self.path = self.fs._strip_protocol(url)

    def __truediv__(self, name: str) -> Place:
        """Return what lies below."""
        below = object.__new__(Place)
        below.url, below.fs, below.is_local = f"{self.url.rstrip('/')}/{name}", self.fs, self.is_local
        below.path = f"{self.path.rstrip('/')}/{name}"
        return below

    def read(self, start: int | None = None, end: int | None = None) -> bytes:
        """Return the content, or a part of it; retried once.

        Raises:
            MattingError: nothing is there.
            StorageError: the storage does not answer.
        """
        return self._tried(lambda: self.fs.cat_file(self.path, start=start, end=end), "read")

    def open(self) -> Any:
        """Return the file opened for reading and seeking."""
        return self._tried(lambda: self.fs.open(self.path, "rb"), "read")

    def stamp(self) -> str:
        """Return what changes with the file's content: its etag, or its size and time of change."""
        if self.is_local:
            return self._tried(lambda: _local_stamp(os.stat(self.path)), "read")
        return stamp_of(self._tried(lambda: self.fs.info(self.path), "read"))

    def write(self, content: bytes) -> None:
        """Put a file there, whole or not at all; retried once.

        Raises:
            UnwritableError: it cannot be written.
        """
        if self.is_local:
            atomic.write_bytes(self.path, content)
        else:
            self._tried(lambda: self.fs.pipe_file(self.path, content), "written")

    def create(self, content: bytes) -> bool:
        """Put a file there unless there is one, and return whether it was put: of several at once one succeeds."""
        if not self.is_local:
            try:
                self._tried(lambda: self.fs.pipe_file(self.path, content, mode="create"), "written")
            except FileExistsError:
                return False
            return True
        # A link to a whole file: nobody ever reads half of it.
        beside = f"{self.path}.{uuid.uuid4().hex}.part"
        with atomic.explained(self.path, of_all=True):
            os.makedirs(os.path.dirname(self.path), exist_ok=True)
            try:
                with open(beside, "wb") as file:
                    file.write(content)
                os.link(beside, self.path)
            except FileExistsError:
                return False
            finally:
                os.unlink(beside)
        return True

    def remove(self) -> None:
        """Remove the file if it is there."""
        try:
            self._tried(lambda: self.fs.rm_file(self.path), "removed")
        except MattingError:
            if self.exists():
                raise

    def exists(self) -> bool:
        """Return whether a file or a folder is there."""
        return self._tried(lambda: self.fs.exists(self.path), "read")

    def is_folder(self) -> bool:
        """Return whether it is a folder."""
        return self._tried(lambda: self.fs.isdir(self.path), "read")

    def names(self) -> list[str]:
        """Return the names of the files in a folder; none where it is missing."""
        try:
            return [entry.url.rpartition("/")[2] for entry in self.entries() if not entry.is_folder]
        except MattingError:
            if self.exists():
                raise
            return []

    def entries(self) -> Iterator[Entry]:
        """Yield what a folder holds itself, by name."""
        if self.is_local:
            yield from self._tried(lambda: _local_entries(self.path), "listed")
            return
        found = self._tried(lambda: self.fs.ls(self.path, detail=True), "listed")
        root = self.path.rstrip("/")
        for info in sorted(found, key=lambda info: info["name"]):
            path = info["name"].rstrip("/")
            if path != root:  # an object that stands for the folder itself
                name = path.rpartition("/")[2]
                url = f"{self.url.rstrip('/')}/{name}"
                yield Entry(url, int(info.get("size") or 0), stamp_of(info), info["type"] == "directory")

    def _tried(self, action: Callable[[], Result], done: str) -> Result:
        try:
            with _explained(self.url, done):
                return action()
        except StorageError:
            time.sleep(PAUSE)
        with _explained(self.url, done):
            return action()


def _local_stamp(status: os.stat_result) -> str:
    return f"{status.st_size}-{status.st_mtime_ns}"


def _local_entries(folder: str) -> list[Entry]:
    """Return what a folder of this machine holds, some ten times faster than by fsspec; links to nothing are files."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            is_folder = entry.is_dir()
            try:
                status = entry.stat()
                found.append(Entry(entry.path, status.st_size, _local_stamp(status), is_folder))
            except OSError:
                found.append(Entry(entry.path, 0, "", is_folder))
    return sorted(found)


def stamp_of(info: dict[str, Any]) -> str:
    """Return what of a listing's row changes with the content."""
    tag = info.get("ETag") or info.get("etag") or info.get("md5Hash")
    if tag:
        return str(tag).strip('"')
    changed = info.get("mtime") or info.get("LastModified") or info.get("created") or ""
    return f"{info.get('size')}-{changed}"


@contextmanager
def _explained(url: str, done: str) -> Iterator[None]:
    """Turn what a storage's library raises into a sentence; a name that is taken stays what it is."""
    try:
        yield
    except (MattingError, FileExistsError):
        raise
    except _FINAL as error:
        raise MattingError(f"{url} cannot be {done}: {error.strerror or 'nothing is there'}; check the name") from None
    except Exception as error:
        # botocore's errors and others are no OSError; what is no error of a storage shows where it came from.
        if not isinstance(error, OSError) and not type(error).__module__.startswith(
            ("botocore", "aiobotocore", "aiohttp", "gcsfs", "google", "asyncio", "pyarrow", "fsspec", "urllib3")
        ):
            raise
        said = " ".join(str(error).split()) or type(error).__name__
        kind = UnwritableStorageError if done == "written" else StorageError
        raise kind(f"{url} cannot be {done}: {said}; check credentials, rights and the storage itself") from None


class UnwritableStorageError(StorageError, UnwritableError):
    """A result cannot be put into the storage, and the next one hardly could."""
