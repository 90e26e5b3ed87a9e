"""What every encoder promises: how many channels it takes, and the channels and strides of the maps that it gives."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import paddle

FIVE = (2, 4, 8, 16, 32)
"""The strides of the usual five maps."""


@runtime_checkable
class Backbone(Protocol):
    """A `paddle.nn.Layer` from (N, in_channels, H, W), both sides multiples of the largest stride, to feature maps.

    Attributes:
        in_channels: of the input.
        feat_channels: of each map.
        strides: of each map: it is (N, C, H / stride, W / stride).
    """

    in_channels: int
    feat_channels: list[int]
    strides: tuple[int, ...]

    def __call__(self, image: paddle.Tensor) -> list[paddle.Tensor]:
        """Return the maps, in the order of `strides`."""
        ...
