"""Files from elsewhere: fetched once into the user's cache, and checked before they are used."""

from __future__ import annotations

import http.client
import logging
import os
import urllib.parse
import zipfile
from pathlib import Path

from matting.errors import MattingError
from matting.system import digest
from matting.system.locks import locked
from matting.weights import sources, transfer
from matting.weights.allowance import LARGEST
from matting.weights.cache import by_hand, cache_dir, cached, lock_of, sweep
from matting.weights.files import read_weights
from matting.weights.published import PUBLISHED, Published

__all__ = ["cache_dir", "cached", "fetch", "fetch_published", "located", "mirrored"]

logger = logging.getLogger(__name__)


def located(source: str | Path, offline: bool = False) -> Path:
    """Return the local path of weights given as a path, a URL, or a published name.

    An existing path wins over a name, and what is neither URL nor name comes back as the path it is.

    Raises:
        MattingError: it has to be fetched and cannot be.
    """
    text = str(source)
    if "://" in text:
        return fetch(text, offline=offline)
    if text in PUBLISHED and not Path(text).exists():
        return fetch_published(PUBLISHED[text], offline=offline)
    return Path(source)


def fetch_published(entry: Published, offline: bool = False) -> Path:
    """Return the local copy of a published file, fetching it once; one that is no weights of ours is converted."""
    if not entry.kind:
        return fetch(entry.url, entry.sha256, entry.size, offline)
    return sources.as_weights(entry, sources.original(entry, cache_dir(), fetch, offline), cache_dir())


def as_published(source: str | Path) -> Path:
    """Return the local path of a file in its publisher's form, given as a path or a published name."""
    entry = PUBLISHED.get(str(source))
    if entry is None or Path(source).exists():
        return Path(source)
    return sources.original(entry, cache_dir(), fetch, offline=False)


def in_cache(entry: Published) -> Path:
    """Return where the local copy of a published file lies in its publisher's form, or would lie."""
    from_package = cache_dir() / sources.original_name(entry)
    return from_package if from_package.is_file() else cached(entry.url)


def fetch(url: str, sha256: str | None = None, size: int | None = None, offline: bool = False) -> Path:
    """Return the local copy of a file behind a URL, fetching it once.

    A broken transfer goes on where it stopped, in this call and in the next. MATTING_MIRROR=https://host/path takes the
    place of the URL's scheme and host; MATTING_OFFLINE=1 forbids all fetching, as `offline` does. What comes must be
    readable weights, or a zip if the URL says so, of at most 4 GB: not every server says how long its file is.

    Args:
        sha256: the right checksum as hex digits; None trusts the first transfer that can be read.
        size: bytes, if known.

    Raises:
        MattingError: it cannot be fetched, or what came is not that file; the message says how to go on.
    """
    target = cached(url)
    if os.path.isfile(target):
        return target
    if offline or os.environ.get("MATTING_OFFLINE", "0") not in ("", "0"):
        raise MattingError(f"{url} is not in the cache and fetching is off; {by_hand(target)}")
    address = url
    try:
        address = mirrored(url)
        with locked(lock_of(target)):
            if not target.is_file():
                _bring(address, target, sha256, size)
    except (OSError, ValueError, http.client.HTTPException) as error:
        if isinstance(error, MattingError):
            raise
        raise MattingError(f"{address} cannot be fetched ({error}); {by_hand(target)}") from None
    return target


def mirrored(url: str) -> str:
    """Return the address to fetch from: the URL itself, or its path under MATTING_MIRROR."""
    mirror = os.environ.get("MATTING_MIRROR")
    return mirror.rstrip("/") + urllib.parse.urlparse(url).path if mirror else url


def _bring(address: str, target: Path, sha256: str | None, size: int | None) -> None:
    """Fetch a file, which takes its place in the cache when it is the right one; its lock must be held."""
    part = target.with_name(target.name + ".part")
    sweep(apart_from=part)
    logger.info("fetching %s", address)
    rule = f"no file of more than {LARGEST >> 30} GB is fetched" if size is None else f"the file has {size}"
    try:
        transfer.bring(address, part, LARGEST if size is None else size, rule)
        _check(part, target.suffix == ".zip", sha256, size)
    except ValueError:
        transfer.discard(part)
        raise
    os.replace(part, target)


def _check(part: Path, packed: bool, sha256: str | None, size: int | None) -> None:
    """Refuse what is not the file that was asked for."""
    with open(part, "rb") as file:
        head = file.read(64).lstrip()
    length = part.stat().st_size
    if head[:1] == b"<":
        raise ValueError("a web page came instead of the file (a proxy's login, or a moved address)")
    if head[:1] in (b"{", b"["):
        raise ValueError("a JSON message came instead of the file")
    if not length:
        raise ValueError("an empty file came")
    if size is not None and length != size:
        raise ValueError(f"{length} bytes came, the file has {size}")
    if sha256 is not None and (its_sum := digest.sha256(part)) != sha256:
        raise ValueError(f"its SHA-256 is {its_sum}, the published one {sha256}")
    if sha256 is not None:
        return  # it is the published file, of whatever kind
    try:
        if packed:
            zipfile.ZipFile(part).close()  # its directory is at the end
        else:
            read_weights(part)
    except (MattingError, zipfile.BadZipFile) as error:
        reason = str(error).replace(str(part), "what came")
        raise ValueError(f"what came cannot be read, or its end is missing: {reason}") from None
