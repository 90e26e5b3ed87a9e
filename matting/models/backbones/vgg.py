"""VGG16 without its classifier, under the parameter names of PaddleSeg's published DIM weights."""

from __future__ import annotations

import paddle
from paddle import nn
from paddle.nn import functional as F

from matting.models.backbones.base import FIVE
from matting.registry import BACKBONES
from matting.weights import load_pretrained

_BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
"""Convolutions and channels of each block: column D of table 1 of the paper."""


class _Block(nn.Layer):
    """3x3 convolutions with ReLU."""

    def __init__(self, in_channels: int, out_channels: int, convolutions: int) -> None:
        super().__init__()
        self._names = [f"_conv_{number}" for number in range(1, convolutions + 1)]
        for name in self._names:
            self.add_sublayer(name, nn.Conv2D(in_channels, out_channels, 3, padding=1, bias_attr=False))
            in_channels = out_channels

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        for name in self._names:
            x = F.relu(getattr(self, name)(x))
        return x


@BACKBONES.register
class VGG16(nn.Layer):
    """VGG16 (Simonyan and Zisserman, arXiv 1409.1556) as Deep Image Matting uses it.

    Differs: convolutions have no biases, and the fully connected layers are one 3x3 convolution, as in PaddleSeg's
    published weights.

    Args:
        in_channels: channels of the input; DIM's is image and trimap. Weights of 3 channels are taken too: the others
            start from zero.
        pretrained: a path or URL of weights to start from.
        input_channels: PaddleSeg's name for `in_channels`.
    """

    def __init__(self, in_channels: int = 4, pretrained: str | None = None, input_channels: int | None = None) -> None:
        super().__init__()
        self.in_channels = input_channels or in_channels
        self.feat_channels = [64, 128, 256, 512, 512, 512]
        self.strides = (1, *FIVE)
        channels = self.in_channels
        for number, (convolutions, width) in enumerate(_BLOCKS, start=1):
            self.add_sublayer(f"_conv_block_{number}", _Block(channels, width, convolutions))
            channels = width
        self._conv_6 = nn.Conv2D(channels, channels, 3, padding=1, bias_attr=False)
        if pretrained:
            load_pretrained(self, pretrained)

    def forward(self, x: paddle.Tensor) -> list[paddle.Tensor]:
        """Map (N, in_channels, H, W) to six maps at `strides` with `feat_channels` channels."""
        maps = []
        for number in range(1, len(_BLOCKS) + 1):
            maps.append(getattr(self, f"_conv_block_{number}")(x))
            x = F.max_pool2d(maps[-1], 2, 2)
        return [*maps, F.relu(self._conv_6(x))]
