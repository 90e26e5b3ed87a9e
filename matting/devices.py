"""What every job of a network begins with: its log, its device and its ranks, and a line that says so."""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import paddle

from matting import config
from matting.errors import MattingError
from matting.system import cpu, exchange, log
from matting.version import __version__

logger = logging.getLogger(__name__)


def begin(values: Mapping[str, Any], device_name: str, log_file: Path | None = None) -> str:
    """Start log, device and ranks of a job whose configuration was checked; return the device in use.

    Args:
        log_file: where the first rank writes its log, which then holds the configuration too.
    """
    is_first = exchange.rank() == 0
    log.start(log_file if is_first else None, quiet=not is_first)
    used = use(device_name)
    exchange.start()
    logger.info(
        "matting %s, Paddle %s, Python %s, on %s, %d process(es)",
        __version__, paddle.__version__, platform.python_version(), used, exchange.ranks(),
    )  # fmt: skip
    if log_file is not None:
        logger.info("configuration:\n" + config.dump(dict(values)))
    return used


def use(name: str) -> str:
    """Make Paddle compute on a device, and return its name.

    Args:
        name: one of `matting.engines.table.DEVICES`; auto takes a GPU when there is one that this build of Paddle can
            use, else the CPU.

    Raises:
        MattingError: the device is not there; nothing falls back silently.
    """
    if name == "auto":
        name = "gpu" if _gpus() else "cpu"
    if name == "gpu" and not _gpus():
        built = "finds none" if paddle.is_compiled_with_cuda() else "is built without CUDA (see README: the GPU build)"
        raise MattingError(f"--device gpu: this Paddle {built}; use --device cpu, or auto to take what is there")
    try:
        paddle.set_device(name)
    except (ValueError, RuntimeError, OSError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise MattingError(f"--device {name} cannot be used: {reason}; use --device cpu") from None
    if name == "cpu":
        paddle.base.core.set_num_threads(cpu.threads())
    return name


def _gpus() -> int:
    return paddle.device.cuda.device_count() if paddle.is_compiled_with_cuda() else 0
