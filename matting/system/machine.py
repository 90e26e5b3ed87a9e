"""What tells a machine and its processes from others, where the system says it."""

from __future__ import annotations

import os
import uuid


def name() -> str:
    """Return what tells this machine, and a container on it, from others: within it process numbers mean something."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return f"{file.read().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return uuid.uuid4().hex


def began(process: int) -> str | None:
    """Return when a process began, which tells it from a later one of its number; None if it is gone."""
    try:
        with open(f"/proc/{process}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X") else fields[19].decode()
    except OSError:
        return None
