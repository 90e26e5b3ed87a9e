"""Running a network as Paddle's dynamic graph: what training validates with, and what every export is held to."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

from matting.engines.network import Interface


class DynamicNetwork:
    """A Paddle layer as a function on arrays.

    Every call computes in evaluation mode and leaves the layer, and every part of it, in the mode in which it found it.

    Args:
        layer: a `matting.models.base.MattingModel`.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.interface: Interface = layer.interface

    def __call__(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        """See `matting.engines.Network`."""
        # Of each part: while some of a network learn, the norms of what is frozen stay in evaluation mode.
        modes = [(part, part.training) for part in self.layer.sublayers(include_self=True)]
        self.layer.eval()
        try:
            with paddle.no_grad():
                outputs = self.layer(*(paddle.to_tensor(array) for array in inputs))
                # Under mixed precision they are shorter.
                return {name: outputs[name].astype("float32").numpy() for name in self.interface.gives}
        finally:
            for part, was_training in modes:
                part.training = was_training
