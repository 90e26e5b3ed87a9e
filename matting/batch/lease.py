"""One run at a time on an output: a lease that beats while its holder lives, and that is taken over when it stops."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from typing import Any

from matting.batch.storage import Place
from matting.errors import MattingError
from matting.system import machine

BEAT = 10.0
"""Seconds between two signs of life."""

STALE = 120.0
"""Seconds without one after which a holder on another machine is taken for gone; clocks may differ by less."""

_PREFIX = "lease-"


class Lease:
    """Holds an output for one run, from `with` to its end.

    Its files are numbered, and each is created only where there is none: of several runs that find the same one stale,
    one gets the next number. A holder that finds a higher number than its own has lost the output, and stops.

    Args:
        folder: in which the files of the lease lie.

    Raises:
        MattingError: at the beginning, another run holds the output.
    """

    def __init__(self, folder: Place, beat: float = BEAT, stale: float = STALE) -> None:
        self._folder, self._beat, self._stale = folder, beat, stale
        self._about = {
            "run": uuid.uuid4().hex, "host": socket.gethostname(), "process": os.getpid(), "machine": machine.name(),
            "began": machine.began(os.getpid()), "since": time.time(),
        }  # fmt: skip
        self._number, self._end = 0, threading.Event()
        self.lost: str | None = None

    def __enter__(self) -> Lease:
        numbers = self._numbers()
        for number in numbers[-1:]:
            self._refuse_a_live_one(self._holder(number))
        self._number = max(numbers, default=0) + 1
        if not self._file(self._number).create(self._content()):
            raise self._refused(self._holder(self._number))
        for number in numbers:
            self._file(number).remove()
        self._thread = threading.Thread(target=self._live, daemon=True, name="lease")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        if self.lost is None:
            self._file(self._number).remove()

    def check(self) -> None:
        """Raise MattingError if another run has taken the output, or the storage no longer takes signs of life."""
        if self.lost is not None:
            raise MattingError(self.lost)

    def _live(self) -> None:
        seen = time.monotonic()
        while not self._end.wait(self._beat):
            try:
                if max(self._numbers(), default=0) > self._number:
                    self.lost = f"{self._folder.url} was taken over by another run, as nothing was heard of this one"
                    return
                self._file(self._number).write(self._content())
                seen = time.monotonic()
            except MattingError as error:
                if time.monotonic() - seen > self._stale / 2:  # before anybody may take it over
                    self.lost = f"the lease cannot be renewed: {error}"
                    return

    def _refuse_a_live_one(self, holder: dict[str, Any]) -> None:
        if holder.get("machine") == self._about["machine"]:
            process = int(holder.get("process", 0))
            alive = machine.began(process) is not None and machine.began(process) == holder.get("began")
        else:
            alive = time.time() - float(holder.get("beat", 0)) < self._stale
        if alive:
            raise self._refused(holder)

    def _refused(self, holder: dict[str, Any]) -> MattingError:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(holder.get("since", 0))))
        where = f"process {holder.get('process', '?')} on {holder.get('host', '?')}"
        return MattingError(
            f"{self._folder.url.rpartition('/')[0]} is written by {where} since {since}; wait, or stop it: "
            f"one that is gone is succeeded at once on its machine, elsewhere in {self._stale:.0f} s"
        )

    def _numbers(self) -> list[int]:
        texts = (name.removeprefix(_PREFIX) for name in self._folder.names() if name.startswith(_PREFIX))
        return sorted(int(text) for text in texts if text.isdecimal())

    def _holder(self, number: int) -> dict[str, Any]:
        """Return who holds it; nothing of one that ends at this moment."""
        try:
            return dict(json.loads(self._file(number).read()))
        except (ValueError, TypeError):  # MattingError is a ValueError
            return {}

    def _file(self, number: int) -> Place:
        return self._folder / f"{_PREFIX}{number}"

    def _content(self) -> bytes:
        return json.dumps({**self._about, "beat": time.time()}).encode()
