"""Blocks that the networks share: norms, convolution units, attention, atrous context, resizing, input checks."""

from __future__ import annotations

from typing import Any

import paddle
from paddle import nn
from paddle.nn import functional as F

from matting.errors import MattingError


class IBNorm(nn.Layer):
    """Batch norm on the first half of the channels, instance norm on the second (MODNet's IBNorm).

    Args:
        channels: of the input.
        affine: give the instance norm a scale and a shift. Differs: the MODNet authors' has none; PaddleSeg's has.
    """

    def __init__(self, channels: int, affine: bool = True) -> None:
        super().__init__()
        self._batch_channels = channels // 2
        attr = None if affine else False
        self.bnorm = nn.BatchNorm2D(self._batch_channels)
        self.inorm = nn.InstanceNorm2D(channels - self._batch_channels, weight_attr=attr, bias_attr=attr)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        # Split, not sliced: the gradient of a slice is a whole map of zeros, and a seventh of a training step.
        first, second = paddle.split(x, [self._batch_channels, x.shape[1] - self._batch_channels], axis=1)
        return paddle.concat((self.bnorm(first), self.inorm(second)), axis=1)


def unpool(x: paddle.Tensor, before: paddle.Tensor) -> paddle.Tensor:
    """Put the values of a 2x2-pooled map back where the maxima of the map `before` pooling were, zeros elsewhere.

    Of equal maxima the first counts, as for pooling indices. Comparing corners takes operations that every runtime has,
    which un-pooling by indices is not.

    Args:
        x: (N, C, H, W).
        before: (N, C, 2H, 2W), whose maxima decide.

    Returns:
        (N, C, 2H, 2W).
    """
    corners = [before[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    highest = paddle.maximum(paddle.maximum(corners[0], corners[1]), paddle.maximum(corners[2], corners[3]))
    placed, taken = [], None
    for corner in corners:
        here = corner == highest
        if taken is not None:
            here = here & ~taken
        placed.append(x * here.astype(x.dtype))
        taken = here if taken is None else taken | here
    return F.pixel_shuffle(paddle.stack(placed, axis=2).flatten(1, 2), 2)


class ConvIBNormReLU(nn.Layer):
    """Convolution with bias, IBNorm and ReLU; a `plain` one is the convolution alone."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        plain: bool = False,
        affine: bool = True,
    ) -> None:
        super().__init__()
        parts = [nn.Conv2D(in_channels, out_channels, kernel, stride, padding=kernel // 2)]
        if not plain:
            parts += [IBNorm(out_channels, affine), nn.ReLU()]
        self.layers = nn.Sequential(*parts)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.layers(x)


class ConvNorm(nn.Layer):
    """Convolution, batch norm, and an activation by its name in `paddle.nn.functional`, or None.

    The norm makes a bias pointless; `bias` is for the networks whose published weights have one all the same.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int = 1,
        groups: int = 1,
        activation: str | None = "relu",
        bias: bool = False,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        attr = None if bias else False
        padding = dilation * (kernel // 2)
        self._conv = nn.Conv2D(
            in_channels, out_channels, kernel, stride, padding, dilation=dilation, groups=groups, bias_attr=attr
        )
        self._batch_norm = nn.BatchNorm2D(out_channels)
        self._activation = activation

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self._batch_norm(self._conv(x))
        return x if self._activation is None else getattr(F, self._activation)(x)


class ConvNormPlain(nn.Layer):
    """Point-wise convolution and batch norm, whose scale starts at `scale`; under the short names of transformers."""

    def __init__(self, in_channels: int, out_channels: int, scale: float = 1.0) -> None:
        super().__init__()
        self.c = nn.Conv2D(in_channels, out_channels, 1, bias_attr=False)
        self.bn = nn.BatchNorm2D(out_channels, weight_attr=nn.initializer.Constant(scale))

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.bn(self.c(x))


class SEBlock(nn.Layer):
    """Squeeze and excitation (Hu et al., arXiv 1709.01507), without biases."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2D(1)
        self.conv = nn.Sequential(
            nn.Conv2D(channels, channels // reduction, 1, bias_attr=False),
            nn.ReLU(),
            nn.Conv2D(channels // reduction, channels, 1, bias_attr=False),
            nn.Sigmoid(),
        )

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return x * self.conv(self.pool(x))


class EfficientASPP(nn.Layer):
    """The e-ASPP of the MODNet paper (section 3.3): atrous context at about a hundredth of ASPP's cost.

    A point-wise convolution brings the channels to a quarter; each branch filters every channel alone at one dilation;
    the scales of one channel are fused with each other first (a convolution in groups of as many maps as there are
    branches), and only then the channels, by a point-wise convolution back to the full width.

    Args:
        channels: of input and output.
        dilations: one a branch; 1 and three larger ones as in ASPP, at stride 32.
    """

    def __init__(self, channels: int, dilations: tuple[int, ...] = (1, 2, 4, 6)) -> None:
        super().__init__()
        inner = channels // 4
        self.reduce = nn.Sequential(nn.Conv2D(channels, inner, 1, bias_attr=False), nn.BatchNorm2D(inner), nn.ReLU())
        self.branches = nn.LayerList(
            nn.Conv2D(inner, inner, 3, padding=rate, dilation=rate, groups=inner, bias_attr=False) for rate in dilations
        )
        self.fuse_scales = nn.Conv2D(len(dilations) * inner, inner, 1, groups=inner, bias_attr=False)
        self.norm = nn.BatchNorm2D(inner)
        self.fuse_channels = nn.Sequential(
            nn.Conv2D(inner, channels, 1, bias_attr=False), nn.BatchNorm2D(channels), nn.ReLU()
        )

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self.reduce(x)
        scales = paddle.stack([branch(x) for branch in self.branches], axis=2)  # (N, C, scales, H, W)
        x = self.fuse_scales(scales.flatten(1, 2))
        return self.fuse_channels(F.relu(self.norm(x)))


def resize(x: paddle.Tensor, size: list) -> paddle.Tensor:
    """Resize (N, C, H, W) to `size` bilinearly, with pixel centres aligned at half pixels.

    Sizes are given rather than factors, because exporting to ONNX fails on factors.
    """
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


def resized_like(x: paddle.Tensor, other: paddle.Tensor) -> paddle.Tensor:
    """Return (N, C, H, W) resized to the height and width of another map."""
    return resize(x, sides(other))


def enlarged(x: paddle.Tensor, factor: int = 2) -> paddle.Tensor:
    """Return (N, C, H, W) resized to `factor` times the size."""
    return resize(x, [side * factor for side in sides(x)])


def shrunk(x: paddle.Tensor, factor: int) -> paddle.Tensor:
    """Return (N, C, H, W) resized to a `factor`-th of the size."""
    return resize(x, [side // factor for side in sides(x)])


def sides(x: paddle.Tensor) -> list:
    """Return height and width: numbers, or while tracing scalars of the graph, so that sizes stay free."""
    if paddle.in_dynamic_mode():
        return list(x.shape[2:])
    shape = paddle.shape(x)
    return [shape[2], shape[3]]


def pooled(x: paddle.Tensor, side: int) -> paddle.Tensor:
    """Return (N, C, H, W) averaged into `side` x `side` bins, of which each row covers at least H / side of the map.

    Adaptive average pooling as two matrix products: exact, and of operations that every runtime has for free sizes.
    """
    height, width = sides(x)
    return paddle.matmul(paddle.matmul(_bins(side, height, x.dtype), x), _bins(side, width, x.dtype), transpose_y=True)


def _bins(count: int, length: Any, dtype: Any) -> paddle.Tensor:
    """Return (count, length): the mean over the stretch of each bin, from floor(i L / n) to ceil((i + 1) L / n)."""
    number = paddle.arange(count, dtype="int64").unsqueeze(1)
    place = paddle.arange(length, dtype="int64").unsqueeze(0)
    begins, ends = number * length // count, ((number + 1) * length + count - 1) // count
    inside = ((place >= begins) & (place < ends)).astype(dtype)
    return inside / inside.sum(axis=1, keepdim=True)


def check_size(image: paddle.Tensor, stride: int, name: str) -> None:
    """Refuse an input that the network's stride does not divide.

    Raises:
        MattingError: with the size and the rule.
    """
    if not paddle.in_dynamic_mode():  # while tracing, sizes are free
        return
    height, width = image.shape[2:]
    if height % stride or width % stride:
        raise MattingError(
            f"{name} got a picture of {width}x{height}; both sides must be multiples of {stride}: "
            "add ResizeToIntMult to the transforms"
        )


def check_smallest(image: paddle.Tensor, smallest: int, name: str) -> None:
    """Refuse an input that pooling would bring to nothing.

    Raises:
        MattingError: with the size and the rule.
    """
    if paddle.in_dynamic_mode() and min(image.shape[2:]) < smallest:
        height, width = image.shape[2:]
        raise MattingError(
            f"{name} got a picture of {width}x{height}; no side may be below {smallest}: add LimitShort to the "
            "transforms"
        )
