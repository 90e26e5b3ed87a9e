"""Weights of a run that diverged are refused where they are loaded, whatever will run them."""

from __future__ import annotations

from pathlib import Path

import paddle

from matting.errors import MattingError


def check(network: paddle.nn.Layer, source: Path) -> None:
    """Refuse weights of which no matte can be computed.

    Raises:
        MattingError: with the name of a parameter or statistic that is not finite.
    """
    for name, value in network.state_dict().items():
        if value.is_floating_point() and not bool(paddle.isfinite(value).all()):
            raise MattingError(f"{source}: {name} holds NaN or infinity; use weights from before the training diverged")
