"""MobileNetV3-Large as RVM uses it: four maps, the deepest at stride 16, under the names of PaddleSeg's weights."""

from __future__ import annotations

import paddle
from paddle import nn
from paddle.nn import functional as F

from matting.registry import BACKBONES
from matting.weights import load_pretrained

_BLOCKS = (
    # kernel, inner channels, channels, squeeze and excitation, activation, stride, dilation: table 1 of the paper, but
    # for the last three, which dilate where the paper halves the size
    (3, 16, 16, False, "relu", 1, 1),
    (3, 64, 24, False, "relu", 2, 1),
    (3, 72, 24, False, "relu", 1, 1),
    (5, 72, 40, True, "relu", 2, 1),
    (5, 120, 40, True, "relu", 1, 1),
    (5, 120, 40, True, "relu", 1, 1),
    (3, 240, 80, False, "hardswish", 2, 1),
    (3, 200, 80, False, "hardswish", 1, 1),
    (3, 184, 80, False, "hardswish", 1, 1),
    (3, 184, 80, False, "hardswish", 1, 1),
    (3, 480, 112, True, "hardswish", 1, 1),
    (3, 672, 112, True, "hardswish", 1, 1),
    (5, 672, 160, True, "hardswish", 1, 2),
    (5, 960, 160, True, "hardswish", 1, 2),
    (5, 960, 160, True, "hardswish", 1, 2),
)
_READ = (0, 2, 5)
"""The blocks after which strides 2, 4 and 8 end; the fourth map follows the last convolution."""

_LAST = 960
_EPSILON = 1e-3


class _Unit(nn.Layer):
    """Convolution, batch norm, and an activation by its name in `paddle.nn.functional`, or None."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        activation: str | None = "hardswish",
    ) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.conv = nn.Conv2D(
            in_channels, out_channels, kernel, stride, padding, dilation=dilation, groups=groups, bias_attr=False
        )
        self.bn = nn.BatchNorm2D(out_channels, epsilon=_EPSILON)
        self._activation = activation

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self.bn(self.conv(x))
        return x if self._activation is None else getattr(F, self._activation)(x)


class _SqueezeExcitation(nn.Layer):
    """Channels weighed by what the whole map holds, through about a quarter of them, a multiple of 8."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        quarter = channels // 4
        squeezed = (quarter + 4) // 8 * 8
        squeezed += 8 if squeezed < 0.9 * quarter else 0  # rounding takes a tenth at most
        self.conv1 = nn.Conv2D(channels, squeezed, 1)
        self.conv2 = nn.Conv2D(squeezed, channels, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        weights = self.conv2(F.relu(self.conv1(F.adaptive_avg_pool2d(x, 1))))
        return x * F.hardsigmoid(weights)


class _Block(nn.Layer):
    """Expand where the inner width is another, filter each channel alone, weigh, project linearly."""

    def __init__(
        self,
        in_channels: int,
        kernel: int,
        inner: int,
        out_channels: int,
        weighs: bool,
        activation: str,
        stride: int,
        dilation: int,
    ) -> None:
        super().__init__()
        self.expand_conv = _Unit(in_channels, inner, 1, activation=activation) if inner != in_channels else None
        self.bottleneck_conv = _Unit(inner, inner, kernel, stride, dilation, groups=inner, activation=activation)
        self.mid_se = _SqueezeExcitation(inner) if weighs else None
        self.linear_conv = _Unit(inner, out_channels, 1, activation=None)
        self._shortcut = stride == 1 and in_channels == out_channels

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        y = x if self.expand_conv is None else self.expand_conv(x)
        y = self.bottleneck_conv(y)
        y = self.linear_conv(y if self.mid_se is None else self.mid_se(y))
        return x + y if self._shortcut else y


@BACKBONES.register
class MobileNetV3(nn.Layer):
    """MobileNetV3-Large (Howard et al., arXiv 1905.02244), width 1, with its last convolution and no classifier.

    Differs: the last three blocks keep the stride of 16 and dilate instead, as in RVM. Sides need not be multiples of
    16: a map's are rounded up.

    Args:
        in_channels: channels of the input.
        pretrained: a path or URL of weights to start from.
    """

    def __init__(self, in_channels: int = 3, pretrained: str | None = None) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.feat_channels = [*(_BLOCKS[place][2] for place in _READ), _LAST]
        self.strides = (2, 4, 8, 16)
        self.conv = _Unit(in_channels, _BLOCKS[0][2], 3, stride=2)
        widths = [_BLOCKS[0][2], *(block[2] for block in _BLOCKS)]
        self.blocks = nn.Sequential(*(_Block(width, *block) for width, block in zip(widths, _BLOCKS, strict=False)))
        self.last_second_conv = _Unit(widths[-1], _LAST, 1)
        if pretrained:
            load_pretrained(self, pretrained)

    def forward(self, image: paddle.Tensor) -> list[paddle.Tensor]:
        """Map (N, in_channels, H, W) to four maps at `strides` with `feat_channels` channels."""
        x, maps = self.conv(image), []
        for place, block in enumerate(self.blocks):
            x = block(x)
            if place in _READ:
                maps.append(x)
        return [*maps, self.last_second_conv(x)]
