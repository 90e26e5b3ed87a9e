"""PP-MattingV2: a light network without a trimap, from pooled context and fusion level by level."""

from __future__ import annotations

from collections.abc import Sequence

import paddle
from paddle import nn
from paddle.nn import functional as F

from matting.errors import MattingError
from matting.models.base import MattingModel
from matting.models.double_pyramid import POOLED_STRIDE, DoublePyramidPooling
from matting.models.layers import ConvNorm, check_size, check_smallest, resized_like
from matting.registry import MODELS
from matting.weights import load_pretrained

_MERGES = ("add", "concat")


@MODELS.register
class PPMattingV2(MattingModel):
    """PP-MattingV2 of PaddleSeg, under the parameter names of its published weights.

    The maps of the four deeper levels are pooled to one stride and pooled again into a few tokens each, among which
    transformers look around (double pyramid pooling); what they say is fused with the backbone's maps level by level.

    Args:
        backbone: gives five maps at strides 2, 4, 8, 16, 32; `STDC1` is the published one.
        decoder_channels: widths of the five fusions, from stride 32 to 2.
        head_channel: width of the last head.
        dpp_mid_channel: width of the pooled context.
        dpp_output_channel: width of what the double pyramid pooling gives.
        dpp_bin_sizes: rows and columns of tokens of each second pooling.
        dpp_merge_type: how these are brought together: "add" or "concat".
        pretrained: a path or URL of weights of the whole network to start from.
    """

    smallest = POOLED_STRIDE
    default_loss = "PPMattingV2Loss"

    def __init__(
        self,
        backbone: nn.Layer,
        decoder_channels: Sequence[int] = (128, 96, 64, 32, 32),
        head_channel: int = 32,
        dpp_mid_channel: int = 256,
        dpp_output_channel: int = 512,
        dpp_bin_sizes: Sequence[int] = (2, 4, 6),
        dpp_merge_type: str = "concat",
        pretrained: str | None = None,
    ) -> None:
        super().__init__(backbone)
        if dpp_merge_type not in _MERGES:
            raise MattingError(f"dpp_merge_type is {dpp_merge_type!r}; it must be one of {', '.join(_MERGES)}")
        if len(decoder_channels) != 5:
            raise MattingError(f"decoder_channels are {list(decoder_channels)!r}; there must be five, strides 32 to 2")
        at2, at4, at8, at16, at32 = backbone.feat_channels
        d32, d16, d8, d4, d2 = decoder_channels
        context = dpp_output_channel
        self.dpp = DoublePyramidPooling(
            backbone.feat_channels[1:], dpp_mid_channel, context, dpp_bin_sizes, dpp_merge_type == "add"
        )
        self.mlff32x = _Fusion((at32, context), (context, context), d32)
        self.mlff16x = _Fusion((at16, d32, context), (d32, d32, d32), d16)
        self.mlff8x = _Fusion((at8, d16, context), (d16, d16, d16), d8)
        self.mlff4x = _Fusion((at4, d8, 3), (d8, d8, 3), d4)
        self.mlff2x = _Fusion((at2, d4, 3), (d4, d4, 3), d2)
        self.matting_head_mlff8x = _Head(d8, 32)
        self.matting_head_mlff2x = _Head(d2 + 3, head_channel, further=1)
        if pretrained:
            load_pretrained(self, pretrained)

    def forward(self, image: paddle.Tensor) -> dict[str, paddle.Tensor]:
        """Matte a batch.

        Args:
            image: (N, 3, H, W) float32, normalised; H and W multiples of 32, and at least 64.

        Returns:
            `alpha` (N, 1, H, W) in [0, 1]; while training also `alpha_8x` (N, 1, H/8, W/8) in [0, 1].

        Raises:
            MattingError: a side is no multiple of 32, or too small.
        """
        check_size(image, self.stride, "PPMattingV2")
        check_smallest(image, self.smallest, "PPMattingV2")
        at2, at4, at8, at16, at32 = self.backbone(image)
        context = self.dpp((at4, at8, at16, at32))
        x = self.mlff32x(at32, context)
        x = self.mlff16x(at16, x, context)
        coarse = self.mlff8x(at8, x, context)
        x = self.mlff4x(at4, coarse, F.avg_pool2d(image, 4, 4))
        x = self.mlff2x(at2, x, F.avg_pool2d(image, 2, 2))
        alpha = self.matting_head_mlff2x(paddle.concat((resized_like(x, image), image), axis=1))
        return {"alpha": alpha, "alpha_8x": self.matting_head_mlff8x(coarse)} if self.training else {"alpha": alpha}


class _Fusion(nn.Layer):
    """Multi-level feature fusion: each map brought to one size, weighed place by place, joined."""

    def __init__(self, channels: Sequence[int], widths: Sequence[int], out_channels: int) -> None:
        super().__init__()
        self.pwconvs = nn.LayerList(
            ConvNorm(c, width, 1, activation=None) for c, width in zip(channels, widths, strict=True)
        )
        self.dwconvs = nn.LayerList(ConvNorm(width, width, 3, groups=width) for width in widths)
        count = len(widths)
        self.conv_atten = nn.Sequential(ConvNorm(2 * count, count, 3), ConvNorm(count, count, 3, activation=None))
        self.conv_out = ConvNorm(sum(widths), out_channels, 3)

    def forward(self, *maps: paddle.Tensor) -> paddle.Tensor:
        """Fuse maps at the size of the first."""
        levels = [self.dwconvs[i](resized_like(brought(maps[i]), maps[0])) for i, brought in enumerate(self.pwconvs)]
        seen = [summary for x in levels for summary in self._summaries(x)]
        weights = F.sigmoid(self.conv_atten(paddle.concat(seen, axis=1)))
        weighed = [x * weights[:, place : place + 1] for place, x in enumerate(levels)]
        return self.conv_out(paddle.concat(weighed, axis=1))

    def _summaries(self, x: paddle.Tensor) -> tuple[paddle.Tensor, paddle.Tensor]:
        largest = strongest(x) if self.training else paddle.max(x, axis=1, keepdim=True)
        return paddle.mean(x, axis=1, keepdim=True), largest


def strongest(x: paddle.Tensor) -> paddle.Tensor:
    """Return the maximum over the channels (N, 1, H, W), with Paddle's gradient, which equal maxima share.

    Paddle's own computation of that gradient takes four fifths of a training step on a CPU, this one next to nothing.
    """
    fixed = x.detach()
    highest = fixed.max(axis=1, keepdim=True)
    chosen = (fixed == highest).astype(x.dtype)
    zero = (x - fixed) * (chosen / chosen.sum(axis=1, keepdim=True))  # which has the gradient
    return highest + zero.sum(axis=1, keepdim=True)


class _Head(nn.Layer):
    """Alpha from features."""

    def __init__(self, channels: int, width: int, further: int = 0) -> None:
        super().__init__()
        self.conv = ConvNorm(channels, width, 3)
        self.mid_conv = nn.LayerList(ConvNorm(width, width, 3) for _ in range(further))
        self.conv_out = nn.Conv2D(width, 1, 1, bias_attr=False)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        x = self.conv(x)
        for layer in self.mid_conv:
            x = layer(x)
        return F.sigmoid(self.conv_out(x))
