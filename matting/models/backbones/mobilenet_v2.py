"""MobileNetV2 with the last 1280-channel convolution, under the parameter names of PaddleSeg's published weights."""

from __future__ import annotations

import paddle
from paddle import nn

from matting.models.backbones.base import FIVE
from matting.models.layers import ConvNorm
from matting.registry import BACKBONES
from matting.weights import load_pretrained

_STAGES = (
    # expansion, channels, blocks, stride: table 2 of the paper
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _unit(in_channels: int, out_channels: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> ConvNorm:
    return ConvNorm(in_channels, out_channels, kernel, stride, groups, activation="relu6")


class _InvertedResidual(nn.Layer):
    """Expand by a 1x1 convolution, filter each channel alone, project linearly (section 3.3 of the paper)."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int, expand: bool) -> None:
        super().__init__()
        inner = in_channels * expansion
        self._expand_conv = _unit(in_channels, inner) if expand else None
        self._bottleneck_conv = _unit(inner, inner, 3, stride, groups=inner)
        self._linear_conv = ConvNorm(inner, out_channels, 1, activation=None)
        self._shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        y = x if self._expand_conv is None else self._expand_conv(x)
        y = self._linear_conv(self._bottleneck_conv(y))
        return x + y if self._shortcut else y


class _Stage(nn.Layer):
    """Blocks of one width, of which the first changes width and resolution."""

    def __init__(
        self, name: str, in_channels: int, out_channels: int, blocks: int, stride: int, expansion: int, expand: bool
    ) -> None:
        super().__init__()
        self._first_block = _InvertedResidual(in_channels, out_channels, stride, expansion, expand)
        self._others = [f"{name}_{number}" for number in range(2, blocks + 1)]
        for other in self._others:
            self.add_sublayer(other, _InvertedResidual(out_channels, out_channels, 1, expansion, expand=True))

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self._first_block(x)
        for other in self._others:
            x = getattr(self, other)(x)
        return x


@BACKBONES.register
class MobileNetV2(nn.Layer):
    """MobileNetV2 (Sandler et al., arXiv 1801.04381), width 1.

    Args:
        in_channels: channels of the input.
        pretrained: a path or URL of weights to start from.
        expand_first: give the first block the 1x1 convolution that PaddleSeg's weights have, although its expansion
            is 1. Differs: the paper, and the MODNet authors' network, have none there.
        input_channels: PaddleSeg's name for `in_channels`.
        full_resolution: keep the picture's size in the first convolution, with ReLU behind it, and leave out the last
            1280-channel one: the encoder of Semantic Human Matting.
    """

    def __init__(
        self,
        in_channels: int = 3,
        pretrained: str | None = None,
        expand_first: bool = True,
        input_channels: int | None = None,
        full_resolution: bool = False,
    ) -> None:
        super().__init__()
        self.in_channels = input_channels or in_channels
        self.feat_channels = [16, 24, 32, 96, 320 if full_resolution else 1280]
        self.strides = tuple(stride // 2 for stride in FIVE) if full_resolution else FIVE
        if full_resolution:
            self.conv1 = ConvNorm(self.in_channels, 32, 3)
        else:
            self.conv1 = _unit(self.in_channels, 32, 3, 2)
        channels = 32
        for number, (expansion, width, blocks, stride) in enumerate(_STAGES, start=2):
            expand = expansion > 1 or expand_first
            stage = _Stage(f"conv{number}", channels, width, blocks, stride, expansion, expand)
            self.add_sublayer(f"conv{number}", stage)
            channels = width
        self.conv9 = None if full_resolution else _unit(channels, 1280)
        if pretrained:
            load_pretrained(self, pretrained)

    def forward(self, image: paddle.Tensor) -> list[paddle.Tensor]:
        """Map (N, in_channels, H, W) to five maps at `strides` with `feat_channels` channels."""
        first = self.conv2(self.conv1(image))
        second = self.conv3(first)
        third = self.conv4(second)
        fourth = self.conv6(self.conv5(third))
        fifth = self.conv8(self.conv7(fourth))
        return [first, second, third, fourth, fifth if self.conv9 is None else self.conv9(fifth)]
