"""HRNet of two widths: PaddleSeg's layers, with a forward that returns the stem and the four resolutions apart."""

from __future__ import annotations

import paddle
from paddleseg.models.backbones.hrnet import HRNet

from matting.models.backbones.base import FIVE
from matting.registry import BACKBONES
from matting.weights import load_pretrained


@BACKBONES.register
class HRNet_W18(HRNet):
    """The high-resolution network of width 18 (Wang et al., arXiv 1908.07919).

    Args:
        in_channels: channels of the input.
        pretrained: a path or URL of weights to start from.
        padding_same: pad strided convolutions as TensorFlow does ("same") instead of by one pixel on every side.
    """

    _WIDTH = 18

    def __init__(self, in_channels: int = 3, pretrained: str | None = None, padding_same: bool = True) -> None:
        widths = [self._WIDTH * 2**level for level in range(4)]
        super().__init__(
            in_channels=in_channels,
            stage2_num_channels=widths[:2],
            stage3_num_channels=widths[:3],
            stage4_num_channels=widths,
            padding_same=padding_same,
        )
        self.in_channels = in_channels
        self.feat_channels = [64, *widths]
        self.strides = FIVE
        if pretrained:
            load_pretrained(self, pretrained)

    def forward(self, image: paddle.Tensor) -> list[paddle.Tensor]:
        """Map (N, in_channels, H, W) to five maps at `strides` with `feat_channels` channels."""
        stem = self.conv_layer1_1(image)
        features = self.la1(self.conv_layer1_2(stem))
        streams = self.st2(self.tr1([features]))
        streams = self.st3(self.tr2(streams))
        streams = self.st4(self.tr3(streams))
        return [stem, *streams]


@BACKBONES.register
class HRNet_W48(HRNet_W18):
    """The same of width 48."""

    _WIDTH = 48
