"""What is counted and logged of requests: route, status, sizes, times; nothing of a picture's content or name."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from matting.serve.desk import Desk

_logger = logging.getLogger(__name__)

_BOUNDS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2)


@dataclass
class Visit:
    """One request.

    Attributes:
        received, sent: bytes of the bodies.
        status: of the answer; 0 as long as there is none.
    """

    scope: dict[str, Any]
    started: float = field(default_factory=time.perf_counter)
    received: int = 0
    sent: int = 0
    status: int = 0

    def sees(self, message: dict[str, Any]) -> None:
        """Note a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.sent += len(message.get("body", b""))

    @property
    def route(self) -> str:
        """The route's own name: what a client wrote as a path is not repeated."""
        return getattr(self.scope.get("route"), "path", "other")


class Counters:
    """Counts for one server, in the text that Prometheus reads."""

    def __init__(self, desk: Desk) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "matting_requests", "Requests by route and status.", ("route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "matting_seconds", "Seconds of a request.", ("route",), registry=self._registry, buckets=_BOUNDS
        )
        self._bytes = Counter("matting_bytes", "Bytes of bodies.", ("direction",), registry=self._registry)
        for name, about, value in (
            ("matting_running", "Pictures that threads work on.", lambda: desk.running),
            ("matting_waiting", "Requests that are received or wait.", lambda: desk.waiting),
        ):
            Gauge(name, about, registry=self._registry).set_function(value)

    @staticmethod
    def visit(scope: dict[str, Any]) -> Visit:
        """Begin to count a request."""
        return Visit(scope)

    def leave(self, visit: Visit) -> None:
        """Count it, and log a line."""
        seconds = time.perf_counter() - visit.started
        self._requests.labels(visit.route, str(visit.status)).inc()
        self._seconds.labels(visit.route).observe(seconds)
        self._bytes.labels("in").inc(visit.received)
        self._bytes.labels("out").inc(visit.sent)
        _logger.info(
            "method=%s route=%s status=%d ms=%.0f in=%d out=%d",
            visit.scope["method"], visit.route, visit.status, 1000 * seconds, visit.received, visit.sent,
        )  # fmt: skip

    def text(self) -> bytes:
        """Return everything."""
        return generate_latest(self._registry)
