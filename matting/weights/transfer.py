"""One file over HTTP: resumed when broken off, never joined from two files, and never longer than it may be."""

from __future__ import annotations

import http.client
import json
import logging
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import asdict, dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any

from tqdm import tqdm

logger = logging.getLogger(__name__)

_ATTEMPTS = 3
_BLOCK = 1 << 20
_SECONDS = 30
_SCHEMES = ("http", "https")
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https, and none that would leave https."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        fp.close()  # its body would be read to the end, and need not have one
        old, new = (urllib.parse.urlparse(url).scheme for url in (req.full_url, newurl))
        if new not in _SCHEMES or (old, new) == ("https", "http"):
            raise ValueError(f"it redirects from {old} to {new}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@dataclass(frozen=True)
class _Version:
    """What a part belongs to; without it a resumed transfer could join two files."""

    address: str
    tag: str
    total: int | None

    @classmethod
    def noted(cls, part: Path) -> _Version | None:
        """Return what was noted when the transfer of a part began, if that can be gone on with."""
        try:
            return cls(**json.loads(_note(part).read_text(encoding="utf-8"))) if part.is_file() else None
        except (OSError, ValueError, TypeError):
            return None

    def note(self, part: Path) -> None:
        _note(part).write_text(json.dumps(asdict(self)), encoding="utf-8")


def bring(address: str, part: Path, limit: int, rule: str) -> None:
    """Bring `part` to the file's full length; a transfer that breaks off is tried again from where it stopped.

    Args:
        limit: bytes; more than that end the transfer.
        rule: why, for the message.

    Raises:
        OSError, HTTPException: it cannot be fetched now; what came is kept, for the next call to go on.
        ValueError: what comes cannot be that file.
    """
    if urllib.parse.urlparse(address).scheme not in _SCHEMES:
        raise ValueError("only http and https are fetched")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _receive(address, part, limit, rule)
            _note(part).unlink(missing_ok=True)
            return
        except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
            if attempt == _ATTEMPTS:
                raise
            logger.warning("the transfer broke off (%s); going on", error or type(error).__name__)


def discard(part: Path) -> None:
    """Remove what came of a transfer, so that the next one begins anew."""
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def resumable(part: Path) -> bool:
    """Return whether a transfer that broke off can go on from a part."""
    return _Version.noted(part) is not None


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".version")


def _receive(address: str, part: Path, limit: int, rule: str) -> None:
    """Append what is missing, or begin anew if the server cannot go on or its file has changed since."""
    before = _Version.noted(part)
    have = part.stat().st_size if before and before.address == address else 0
    headers = {"Range": f"bytes={have}-", "If-Range": before.tag} if before and have else {}
    try:
        response = urllib.request.build_opener(_Redirects).open(
            urllib.request.Request(address, headers=headers), timeout=_SECONDS
        )
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise
        discard(part)  # longer than what the server has now
        return _receive(address, part, limit, rule)
    with response:
        if response.status == 206 and have and not _goes_on(response.headers, before, have):
            discard(part)
            return _receive(address, part, limit, rule)
        if response.status != 200 and not (response.status == 206 and have):
            raise ValueError(f"the server answered with status {response.status}")
        _append(response, address, part, have if response.status == 206 else 0, limit, rule)
    return None


def _append(response: Any, address: str, part: Path, have: int, limit: int, rule: str) -> None:
    """Write the body behind the first `have` bytes of the part."""
    announced = response.headers.get("Content-Length") or ""
    total = have + int(announced) if announced.isdecimal() and not response.chunked else None
    tag = response.headers.get("ETag") or response.headers.get("Last-Modified")
    if tag and not tag.startswith("W/"):
        _Version(address, tag, total).note(part)
    else:
        _note(part).unlink(missing_ok=True)
    with open(part, "ab" if have else "wb") as file, _progress(part, total, have) as bar:
        if (total or 0) > limit:
            raise ValueError(f"{total} bytes come, and {rule}")
        while block := response.read(_BLOCK):
            have += len(block)
            if have > limit:
                raise ValueError(f"more than {limit} bytes come, and {rule}")
            file.write(block)
            bar.update(len(block))
    if have < (total or 0):
        raise http.client.IncompleteRead(b"", (total or 0) - have)


def _goes_on(headers: Message, before: _Version | None, have: int) -> bool:
    """Return whether a partial answer is the rest of the very file whose first `have` bytes are there."""
    place = _RANGE.fullmatch(headers.get("Content-Range") or "")
    if before is None or place is None or int(place[1]) != have:
        return False
    same_length = before.total is None or place[2] in ("*", str(before.total))
    return same_length and (headers.get("ETag") or headers.get("Last-Modified")) == before.tag


def _progress(part: Path, total: int | None, done: int) -> tqdm:
    name = part.name.removesuffix(".part").partition("-")[2]
    return tqdm(total=total, initial=done, unit="B", unit_scale=True, desc=name, disable=None)
