"""ResNet50_vd: PaddleSeg's layers, with a forward that keeps the stem's map too."""

from __future__ import annotations

import paddle
from paddleseg.models.backbones.resnet_vd import ResNet_vd

from matting.models.backbones.base import FIVE
from matting.registry import BACKBONES
from matting.weights import load_pretrained


@BACKBONES.register
class ResNet50_vd(ResNet_vd):
    """ResNet-50 with the "vd" stem and shortcuts (He et al., "Bag of Tricks", arXiv 1812.01187).

    Args:
        in_channels: channels of the input.
        pretrained: a path or URL of weights to start from.
        output_stride: the largest stride of a map, 8, 16 or 32; 32 gives the five that the matting networks expect.
    """

    def __init__(self, in_channels: int = 3, pretrained: str | None = None, output_stride: int = 32) -> None:
        super().__init__(layers=50, output_stride=output_stride, in_channels=in_channels)
        self.in_channels = in_channels
        self.feat_channels = [64, 256, 512, 1024, 2048]
        self.strides = tuple(min(stride, output_stride) for stride in FIVE)
        if pretrained:
            load_pretrained(self, pretrained)

    def init_weight(self) -> None:
        """Do nothing where PaddleSeg's class would load weights: the constructor above does, and checks them."""

    def forward(self, image: paddle.Tensor) -> list[paddle.Tensor]:
        """Map (N, in_channels, H, W) to five maps at `strides` with `feat_channels` channels."""
        stem = self.conv1_3(self.conv1_2(self.conv1_1(image)))
        maps, features = [stem], self.pool2d_max(stem)
        for stage in self.stage_list:
            for block in stage:
                features = block(features)
            maps.append(features)
        return maps
