"""Mixed precision: in which context a network learns and is scored, and the scaler of its loss."""

from __future__ import annotations

import contextlib
from typing import Any

import paddle

from matting.errors import MattingError
from matting.training.options import Options

_TYPES = {"fp16": "float16", "bf16": "bfloat16"}


class Precision:
    """How a run computes.

    Attributes:
        scaler: of the loss; it does nothing unless the precision is fp16.

    Raises:
        MattingError: mixed precision is asked for on a CPU.
    """

    def __init__(self, options: Options) -> None:
        self._level, self._type = options.amp_level, _TYPES.get(options.precision)
        self.scaler = paddle.amp.GradScaler(enable=options.precision == "fp16", init_loss_scaling=1024.0)
        if self._type and paddle.get_device() == "cpu":
            raise MattingError(
                f"--precision {options.precision} needs a GPU: on the CPU Paddle would compute in float32 without a "
                "word; leave it out"
            )

    def prepare(self, network: paddle.nn.Layer, optimizer: paddle.optimizer.Optimizer) -> None:
        """Make a network ready to learn, once what a checkpoint holds is in it: O2 casts the weights that are there."""
        if self._type and self._level == "O2":
            paddle.amp.decorate(network, optimizer, level="O2", dtype=self._type, save_dtype="float32")

    def learning(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context in which forward and loss run."""
        return paddle.amp.auto_cast(level=self._level, dtype=self._type) if self._type else contextlib.nullcontext()

    def scoring(self) -> contextlib.AbstractContextManager[Any]:
        """Return the context in which the network is scored.

        O1 keeps the weights in float32, and val.py will compute with them so. O2 has cast them: they take no float32.
        """
        return self.learning() if self._level == "O2" else contextlib.nullcontext()
