"""PaddleSeg's archives of published backbones: the one file of weights in them, unfolded in memory and counted."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from pathlib import Path
from typing import BinaryIO

from matting.errors import MattingError

_TIMES = 20
"""How many times its own size an archive may unfold to; numbers that were learned hardly shrink at all."""

_ANYWAY = 64 << 20
_MOST_MEMBERS = 1000


def is_archive(head: bytes, name: str) -> bool:
    """Say whether a file that begins with `head` (at least 512 bytes) is a tar, compressed or not."""
    return head[:2] == b"\x1f\x8b" or head[257:262] == b"ustar" or name.endswith((".tar.gz", ".tgz", ".tar"))


def read_member(path: Path) -> bytes:
    """Return the one `.pdparams` member of an archive, which is never unpacked to disk.

    Raises:
        MattingError: there is none, or another number of them, or the archive is broken or unfolds to too much.
    """
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            unfolding = _Counted(gzip.GzipFile(fileobj=file) if packed else file, path)
            # "r|" reads from front to back, so that nothing is unfolded twice.
            with tarfile.open(fileobj=unfolding, mode="r|") as archive:
                contents = _contents(archive)
            while unfolding.read():  # to the end, where the checksum is
                pass
    except (tarfile.TarError, EOFError, OSError, ValueError, zlib.error, OverflowError, MemoryError) as error:
        raise MattingError(f"the archive {path} cannot be read ({error}); fetch it again") from None
    if len(contents) != 1:
        raise MattingError(f"the archive {path} holds {len(contents)} .pdparams files; it must hold exactly one")
    return contents[0]


def _contents(archive: tarfile.TarFile) -> list[bytes]:
    contents = []
    for number, member in enumerate(archive):
        if number >= _MOST_MEMBERS:
            raise ValueError(f"it has more than {_MOST_MEMBERS} members")
        if member.isreg() and not member.issparse() and member.name.endswith(".pdparams"):
            content = archive.extractfile(member).read()  # type: ignore[union-attr]
            if len(content) < member.size:
                raise EOFError("its end is missing")
            contents.append(content)
    return contents


class _Counted(io.RawIOBase):
    """A stream that ends in an error when more comes out of it than the file behind it can mean."""

    def __init__(self, stream: BinaryIO | gzip.GzipFile, path: Path) -> None:
        self._stream = stream
        self._limit = _TIMES * path.stat().st_size + _ANYWAY
        self._left = self._limit

    def read(self, size: int = -1) -> bytes:
        block = self._stream.read(min(size, 1 << 20) if size >= 0 else 1 << 20)
        self._left -= len(block)
        if self._left < 0:
            raise ValueError(f"it unfolds to more than {self._limit >> 20} MB")
        return block
