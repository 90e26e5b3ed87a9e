"""The server as a process, or several: its sockets, its patience with connections, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from matting.errors import MattingError

_NEVER = object()
"""In place of the last request, where the connection does not wait for another one."""

_CONNECTIONS = 900
"""At a time; a process may usually have 1,024 files open."""


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address; port 0 takes a free one.

    Raises:
        MattingError: the address is none of this machine, or taken; or the port is none.
    """
    if not 0 <= port <= 65535:  # the system would take the rest of a division
        raise MattingError(f"--port {port}: it must be 0 to 65535")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(1024)
    except (OSError, UnicodeError) as error:  # of which the second is that of a name that none can be
        why = getattr(error, "strerror", None) or "it is no name"
        raise MattingError(f"{host} port {port} cannot be listened at: {why}; give another --host or --port") from None
    return made


def run(make: Callable[[], Any], listening: socket.socket, seconds: float, workers: int = 1) -> None:
    """Serve until SIGTERM or Ctrl-C; what runs then is finished, and the rest refused.

    Args:
        make: returns the application; of several processes each calls it, so it must be one that can be pickled.
        listening: what `bound` returned.
        seconds: that what runs may still take.
    """
    # Also before several processes, which would be started again and again if there were no network.
    application = make()
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has ended in order, and hands the signal on
        if workers == 1:
            uvicorn.Server(configured(application, seconds)).run([listening])
        else:
            del application
            Multiprocess(configured(make, seconds, factory=True, workers=workers), [listening]).run()


def configured(application: Any, seconds: float, **more: Any) -> uvicorn.Config:
    """Return how uvicorn runs an application: nothing is told of requests but what the application itself tells."""
    return uvicorn.Config(
        application, http=Connection, ws="none", loop="asyncio", log_config=None, access_log=False,
        proxy_headers=False, server_header=False, limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=int(seconds) + 5, **more,
    )  # fmt: skip


class Connection(H11Protocol):
    """Leaves clients with whom nothing goes on: headers that never end, answers that nobody takes.

    Bodies are watched by the guard, and connections between two requests by uvicorn.
    """

    _timer: asyncio.TimerHandle
    _before: tuple[Any, int] = (_NEVER, 0)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Refuse what waits as soon as the server is asked to end, so that only what runs is waited for."""
        self.app.state.desk.close()
        super().shutdown()

    def _look(self) -> None:
        """End the connection if it waits for the same as the last time, and no request came in between."""
        waits = self.conn.their_state is h11.IDLE and (self.cycle is None or self.cycle.response_complete)
        last = self.cycle if waits else _NEVER
        unsent = self.transport.get_write_buffer_size()
        last_before, unsent_before = self._before
        if unsent_before and unsent >= unsent_before:
            self.transport.abort()
        elif waits and last is last_before and not unsent:
            self.transport.close()
        self._before = last, unsent
        patience = self.app.state.limits.patience
        self._timer = self.loop.call_later(patience, self._look)
