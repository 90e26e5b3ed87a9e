"""Whether batch norms take statistics of their batch while training: `norms:` of a configuration."""

from __future__ import annotations

from typing import Any

import paddle

from matting.errors import MattingError

_NORMS = (paddle.nn.BatchNorm2D, paddle.nn.SyncBatchNorm)

HELD = "held"


def hold_norms(network: paddle.nn.Layer, how: Any) -> None:
    """With `held`, let every batch norm compute with the statistics it came with, and keep them, while training too.

    A network that was trained on thousands of photographs in large batches knows its statistics better than four crops
    do; scale and shift go on learning.

    Args:
        how: None or empty for batch statistics, or `held`.

    Raises:
        MattingError: it is neither.
    """
    if not how:
        return
    if how != HELD:
        raise MattingError(f"norms: {how!r} must be `{HELD}`, or be left out for statistics of each batch")
    for layer in network.sublayers():
        if isinstance(layer, _NORMS):
            layer._use_global_stats = True
