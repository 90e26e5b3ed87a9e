"""Mixed precision: the context in which a network learns, and the scaler of its loss."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import paddle

from matting.core.options import Options
from matting.errors import MattingError


def mixed_precision(
    options: Options, network: paddle.nn.Layer, optimizer: paddle.optimizer.Optimizer
) -> tuple[Callable[[], Any], paddle.amp.GradScaler]:
    """Return the context in which forward and loss run, and the scaler, which does nothing unless it is fp16."""
    scaler = paddle.amp.GradScaler(enable=options.precision == "fp16", init_loss_scaling=1024.0)
    if options.precision == "fp32":
        return contextlib.nullcontext, scaler
    if paddle.get_device() == "cpu":
        raise MattingError(
            f"--precision {options.precision} needs a GPU: on the CPU Paddle would compute in float32 without a word; "
            "leave it out"
        )
    dtype = {"fp16": "float16", "bf16": "bfloat16"}[options.precision]
    if options.amp_level == "O2":
        paddle.amp.decorate(network, optimizer, level="O2", dtype=dtype, save_dtype="float32")
    return lambda: paddle.amp.auto_cast(level=options.amp_level, dtype=dtype), scaler
