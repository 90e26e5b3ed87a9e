"""Choosing the device, and saying which it is."""

from __future__ import annotations

import paddle

from matting.errors import MattingError
from matting.system import cpu

DEVICES = ("auto", "cpu", "gpu", "xpu", "npu", "mlu")


def use(name: str) -> str:
    """Make Paddle compute on a device, and return its name.

    Args:
        name: one of DEVICES; auto takes a GPU when there is one that this build of Paddle can use, else the CPU.

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
