"""STDC1: PaddleSeg's layers, whose five maps it already returns, under a checked way to its first weights."""

from __future__ import annotations

from paddleseg.models.backbones.stdcnet import STDCNet

from matting.models.backbones.base import FIVE
from matting.registry import BACKBONES
from matting.weights import load_pretrained


@BACKBONES.register
class STDC1(STDCNet):
    """The short-term dense concatenation network (Fan et al., arXiv 2104.13188), with 2, 2 and 2 blocks.

    Args:
        in_channels: channels of the input.
        pretrained: a path or URL of weights to start from.
    """

    def __init__(self, in_channels: int = 3, pretrained: str | None = None) -> None:
        super().__init__(layers=[2, 2, 2], in_channels=in_channels)
        self.in_channels = in_channels
        self.strides = FIVE
        if pretrained:
            load_pretrained(self, pretrained)
