"""Weights of a run that diverged are refused where they are loaded, whatever will run them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from matting.errors import MattingError
from matting.weights.fitting import Layer


def check(network: Layer, source: Path) -> None:
    """Refuse weights of which no matte can be computed.

    Raises:
        MattingError: with the name of a parameter or statistic that is not finite.
    """
    for name, value in network.state_dict().items():
        array = value.numpy()
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise MattingError(f"{source}: {name} holds NaN or infinity; use weights from before the training diverged")
