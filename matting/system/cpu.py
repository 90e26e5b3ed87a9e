"""What the processor is and how it is best used; the settings are to be made before Paddle is imported."""

from __future__ import annotations

import ctypes
import os
import platform
from pathlib import Path

SWITCH = "MATTING_CPU_TUNING"
"""Set this environment variable to 0 to leave the process as it is."""

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
"""Parameters of glibc's mallopt(3)."""

_ASKED_THREADS = os.environ.get("OMP_NUM_THREADS")

_KEEP = 1 << 30
"""Bytes below which memory is recycled by the heap instead of being mapped and returned for every buffer."""

_OLD_MOST = 32 << 20
"""The largest mmap threshold that glibc before 2.35 admits."""


def tune() -> bool:
    """Keep freed buffers in the heap, and let old MKL builds take their fast path on AMD.

    Paddle's convolutions allocate a fresh buffer each call. Above glibc's mmap threshold such a buffer is mapped, its
    pages are zeroed by the kernel at first touch, and it is unmapped right after. Recycling the pages instead costs a
    higher peak memory.

    Returns:
        Whether anything was changed: only on Linux with glibc, and not when the environment says otherwise.
    """
    if os.environ.get(SWITCH) == "0" or platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    settings = (
        (_M_MMAP_THRESHOLD, _OLD_MOST),
        (_M_MMAP_THRESHOLD, _KEEP),  # refused by old glibc, which then keeps the line above
        (_M_TRIM_THRESHOLD, _KEEP),
        (_M_TOP_PAD, 64 << 20),
    )
    for parameter, value in settings:
        libc.mallopt(parameter, value)
    if "AuthenticAMD" in _described():
        os.environ.setdefault("MKL_DEBUG_CPU_TYPE", "5")
    return True


def threads() -> int:
    """Return how many threads to compute with: OMP_NUM_THREADS if the user set it, else a fair share of the cores.

    Paddle would take one, and set that variable, at its import; so what the user said is kept from before.
    """
    if _ASKED_THREADS and _ASKED_THREADS.isdigit():
        return int(_ASKED_THREADS)
    return max(1, cores() // int(os.environ.get("PADDLE_TRAINERS_NUM", "1")))


def cores() -> int:
    """Return how many cores this process may use; where the system tells only how many there are, those."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def name() -> str:
    """Return the processor's name, as Linux tells it, or else its architecture."""
    lines = _described().split("\n")
    named = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return named or platform.machine()


def flags() -> frozenset[str]:
    """Return the processor's abilities by Linux' names, as `avx512_bf16`; none where the system does not tell."""
    lines = _described().split("\n")
    listed = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return frozenset(listed.partition(":")[2].split())


def _described() -> str:
    """Return what Linux says of the processor; nothing elsewhere."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
