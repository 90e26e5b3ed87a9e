"""What every request passes before a route sees it (token, names, sizes, patience), and what every answer gets."""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from starlette._utils import get_route_path
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from matting.errors import MattingError
from matting.serve.counters import Counters
from matting.serve.desk import Desk
from matting.serve.limits import Access, Limits, Refused, refusal

_OPEN = ("/health", "/ready", "/openapi.json")
"""Paths that need no token beside the page, which says nothing and asks for one."""

_SAFE = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """An ASGI middleware.

    Args:
        pages: paths that are shown to everybody.
    """

    def __init__(
        self, app: Any, desk: Desk, limits: Limits, access: Access, counters: Counters, pages: frozenset[str]
    ) -> None:
        self._app, self._desk, self._limits, self._access = app, desk, limits, access
        self._counters, self._pages = counters, pages

    async def __call__(self, scope: dict[str, Any], receive: Callable, send: Callable) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, headers = get_route_path(scope), Headers(scope=scope)
        visit = self._counters.visit(scope)
        inward = _Inward(receive, self._limits, self._most(path), visit)
        outward = self._outward(send, visit, bool(self._access.origins))
        try:
            self._check(scope["method"], path, headers)
            if scope["method"] != "POST":
                await self._app(scope, receive, outward)
                return
            inward.check(headers)
            client = scope["client"][0] if scope.get("client") else ""
            with self._desk.admitted(client):
                await self._app(scope, inward, outward)
        except (Refused, MattingError) as error:
            refused = error if isinstance(error, Refused) else refusal(error)
            if "100-continue" not in headers.get("expect", ""):
                await inward.drain()
            closes = {} if inward.is_done else {"Connection": "close"}
            await JSONResponse(refused.content, refused.status, refused.headers | closes)(scope, receive, outward)
        finally:
            self._counters.leave(visit)

    def _most(self, path: str) -> int:
        most = {"/batch": self._limits.batch, "/video": self._limits.clip}
        return most.get(path) or self._limits.body

    def _check(self, method: str, path: str, headers: Headers) -> None:
        """Refuse who may not ask.

        Raises:
            Refused: the token is not right, or the name or the site is none of those that are let in.
        """
        access, host = self._access, headers.get("host", "")
        if access.hosts and _name(host) not in access.hosts:
            raise Refused(421, "this server is not called by that name; use one of those that it was started with")
        origin = headers.get("origin")
        if origin and origin not in access.origins and (origin == "null" or urlsplit(origin).netloc != host):
            raise Refused(403, "pages of other sites may not ask; name the site with cors when starting the server")
        is_open = path in _OPEN or path in self._pages or method == "OPTIONS"
        if access.token is not None and not is_open and not _brings(headers, access.token):
            raise Refused(401, "the token is missing or wrong; send Authorization: Bearer TOKEN, or X-Api-Key: TOKEN")

    def _outward(self, send: Callable, visit: Any, is_shared: bool) -> Callable:
        async def outward(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _SAFE.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
                if not is_shared:
                    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
            visit.sees(message)
            await send(message)

        return outward


class _Inward:
    """A request's body, counted, with an eye on the clock.

    Attributes:
        is_done: whether all of it was received.
    """

    def __init__(self, receive: Callable, limits: Limits, most: int, visit: Any) -> None:
        self._receive, self._limits, self._most, self._visit = receive, limits, most, visit
        self._started, self._bytes, self.is_done = time.monotonic(), 0, False

    def check(self, headers: Headers) -> None:
        """Refuse what announces more than may come; raises Refused."""
        announced = headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > self._most:
            raise self._too_large()

    async def __call__(self) -> dict[str, Any]:
        """Return the next part.

        Raises:
            Refused: it is too much, or comes too slowly.
        """
        if self.is_done:
            return await self._receive()
        allowed = self._limits.patience + self._bytes / self._limits.rate
        try:
            message = await asyncio.wait_for(self._receive(), self._started + allowed - time.monotonic())
        except TimeoutError:
            raise Refused(
                408, f"the body comes too slowly: {self._bytes} bytes in {allowed:.0f} s; send it again, faster"
            ) from None
        if message["type"] == "http.request":
            self._bytes += len(message.get("body", b""))
            self._visit.received = self._bytes
            self.is_done = not message.get("more_body", False)
            if self._bytes > self._most:
                raise self._too_large()
        else:
            self.is_done = True
        return message

    async def drain(self) -> None:
        """Drop what is still sent, for a while: a client that is refused while it sends would not hear why."""
        end, most = time.monotonic() + self._limits.patience, self._bytes + 2 * self._most
        while not self.is_done and self._bytes < most and time.monotonic() < end:
            try:
                message = await asyncio.wait_for(self._receive(), end - time.monotonic())
            except TimeoutError:
                return
            self._bytes += len(message.get("body", b""))
            self.is_done = not message.get("more_body", False)

    def _too_large(self) -> Refused:
        return Refused(413, f"the body has more than {self._most:,} bytes; send smaller files")


def _name(host: str) -> str:
    """Return a Host header without its port."""
    return host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host


def _brings(headers: Headers, token: str) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    offered = given.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
    return hmac.compare_digest(offered.encode("latin-1", "replace"), token.encode())
