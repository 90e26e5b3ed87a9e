"""Files from elsewhere: fetched once into the user's cache, resumed when broken off, checked before they are used."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tqdm import tqdm

from matting import digest
from matting.errors import MattingError
from matting.lock import locked
from matting.text import visible
from matting.weights.published import PUBLISHED, Published

logger = logging.getLogger(__name__)

_ATTEMPTS = 3
_BLOCK = 1 << 20


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
    """Return the local copy of a published file, fetching it once."""
    return fetch(entry.url, entry.sha256, entry.size, offline)


def cached(url: str) -> Path:
    """Return where the local copy of a URL's file lies, or would lie."""
    try:
        name = Path(urllib.parse.urlparse(url).path).name or "weights"
    except ValueError as error:
        raise MattingError(f"{url} is no URL: {error}; correct it") from None
    return cache_dir() / f"{hashlib.sha256(url.encode()).hexdigest()[:12]}-{name}"


def cache_dir() -> Path:
    """Return the user's cache folder: MATTING_CACHE, else `matting` in XDG_CACHE_HOME or ~/.cache."""
    if os.environ.get("MATTING_CACHE"):
        return Path(os.environ["MATTING_CACHE"])
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matting"


def fetch(url: str, sha256: str | None = None, size: int | None = None, offline: bool = False) -> Path:
    """Return the local copy of a file behind a URL, fetching it once.

    A broken transfer goes on where it stopped, in this call and in the next. MATTING_MIRROR=https://host/path takes the
    place of the URL's scheme and host; MATTING_OFFLINE=1 forbids all fetching, as `offline` does.

    Args:
        sha256: the right checksum as hex digits; None trusts the first transfer.
        size: bytes, if known.

    Raises:
        MattingError: it cannot be fetched, or what came is not that file; the message says how to go on.
    """
    target = cached(url)
    if target.is_file():
        return target
    if offline or os.environ.get("MATTING_OFFLINE", "0") not in ("", "0"):
        raise MattingError(f"{url} is not in the cache and fetching is off; {_by_hand(target)}")
    address = mirrored(url)
    try:
        if urllib.parse.urlparse(address).scheme not in ("http", "https"):
            raise ValueError("only http and https are fetched")
        with locked(target.with_name(f".{target.name}.lock")):
            if not target.is_file():
                part = target.with_name(target.name + ".part")
                logger.info("fetching %s", address)
                _transfer(address, part)
                _check(part, address, sha256, size)
                os.replace(part, target)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise MattingError(f"{address} cannot be fetched ({error}); {_by_hand(target)}") from None
    return target


def mirrored(url: str) -> str:
    """Return the address to fetch from: the URL itself, or its path under MATTING_MIRROR."""
    mirror = os.environ.get("MATTING_MIRROR")
    return mirror.rstrip("/") + urllib.parse.urlparse(url).path if mirror else url


def _transfer(address: str, part: Path) -> None:
    """Bring `part` to the file's full length; a transfer that breaks off is tried again from where it stopped."""
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _receive(address, part)
            return
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            if attempt == _ATTEMPTS:
                raise
            logger.warning("the transfer broke off (%s); going on", error or type(error).__name__)


def _receive(address: str, part: Path) -> None:
    """Append what is missing, or begin anew if the server cannot go on or its file has changed since."""
    version = part.with_name(part.name + ".version")
    have = part.stat().st_size if part.is_file() and version.is_file() else 0
    request = urllib.request.Request(address)
    if have:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", version.read_text())
    try:
        response = urllib.request.urlopen(request, timeout=30)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        part.unlink()  # longer than what the server has now
        return _receive(address, part)
    with response:
        resumed = response.status == 206
        total = (have if resumed else 0) + int(response.headers.get("Content-Length") or 0)
        _note_version(version, response.headers)
        with open(part, "ab" if resumed else "wb") as file, _progress(part, total, have if resumed else 0) as bar:
            while block := response.read(_BLOCK):
                file.write(block)
                bar.update(len(block))
    if total and part.stat().st_size < total:
        raise http.client.IncompleteRead(b"", total - part.stat().st_size)
    version.unlink(missing_ok=True)
    return None


def _note_version(version: Path, headers: Any) -> None:
    """Keep what identifies the server's file, without which a resumed transfer could join two files."""
    tag = headers.get("ETag") or headers.get("Last-Modified")
    if tag and not tag.startswith("W/"):
        version.write_text(tag)
    else:
        version.unlink(missing_ok=True)


def _check(part: Path, address: str, sha256: str | None, size: int | None) -> None:
    """Refuse, and remove, what is not the file that was asked for."""
    with open(part, "rb") as file:
        head = file.read(64).lstrip()
    found, problem = part.stat().st_size, ""
    if head[:1] == b"<":
        problem = "a web page came instead of the file (a proxy's login, or a moved address)"
    elif not found:
        problem = "an empty file came"
    elif size is not None and found != size:
        problem = f"{found} bytes came, the file has {size}"
    elif sha256 is not None and (found_sum := digest.sha256(part)) != sha256:
        problem = f"its SHA-256 is {found_sum}, the published one {sha256}"
    if problem:
        part.unlink()
        raise ValueError(problem)


def _progress(part: Path, total: int, done: int) -> tqdm:
    name = visible(part.name.removesuffix(".part").partition("-")[2])
    return tqdm(total=total or None, initial=done, unit="B", unit_scale=True, desc=name, disable=None)


def _by_hand(target: Path) -> str:
    return f"fetch it elsewhere and give its path, or put it at {target}"
