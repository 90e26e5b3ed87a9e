"""PP-MattingV2's context: levels pooled to one stride and again to a few tokens, which look at each other."""

from __future__ import annotations

from collections.abc import Sequence

import paddle
from paddle import nn
from paddle.nn import functional as F

from matting.models.layers import ConvNorm, ConvNormPlain, pooled, resized_like

POOLED_STRIDE = 64
"""The stride at which the maps of strides 4, 8, 16 and 32 meet."""

_HEADS, _KEY = 8, 16
"""Of the attention: how many, and the channels of a query or key of each."""


class DoublePyramidPooling(nn.Layer):
    """Four levels pooled to stride 64 and joined; then pooled to few tokens, which look at each other."""

    def __init__(
        self, channels: Sequence[int], width: int, out_channels: int, sides: Sequence[int], adds: bool
    ) -> None:
        super().__init__()
        self._adds = adds
        self._sides = tuple(sides)
        self.conv_mid = ConvNorm(sum(channels), width, 1, activation=None, bias=True)
        # Of each second pooling the published names count two parts: the pooling, without parameters, and its layers.
        self.pp2 = nn.LayerList(nn.Sequential(nn.Identity(), _Transformer(width)) for _ in sides)
        self.conv_out = ConvNorm(width if adds else width * (1 + len(self._sides)), out_channels, 1, bias=True)

    def forward(self, maps: Sequence[paddle.Tensor]) -> paddle.Tensor:
        x = paddle.concat([self._to_meet(x, level) for level, x in enumerate(maps)], axis=1)
        x = self.conv_mid(x)
        # By places: what traces networks knows no strict zip.
        scales = [resized_like(tokens(pooled(x, self._sides[i])), x) for i, tokens in enumerate(self.pp2)]
        joined = [x, *reversed(scales)]
        return self.conv_out(sum(joined[1:], x) if self._adds else paddle.concat(joined, axis=1))

    @staticmethod
    def _to_meet(x: paddle.Tensor, level: int) -> paddle.Tensor:
        factor = POOLED_STRIDE // (4 * 2**level)
        return F.avg_pool2d(x, factor, factor)


class _Transformer(nn.Layer):
    """One block: attention among all places of a map, then a multi-layer perceptron with a look around."""

    def __init__(self, width: int) -> None:
        super().__init__()
        block = nn.Layer()
        block.attn, block.mlp = _Attention(width), _Perceptron(width)
        self.transformer_blocks = nn.LayerList([block])

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        for block in self.transformer_blocks:
            x = x + block.attn(x)
            x = x + block.mlp(x)
        return x


class _Attention(nn.Layer):
    """Attention of several heads over the places of a small map. Differs: products are not scaled, as published."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = _HEADS * 2 * _KEY
        self.to_q = ConvNormPlain(width, _HEADS * _KEY)
        self.to_k = ConvNormPlain(width, _HEADS * _KEY)
        self.to_v = ConvNormPlain(width, inner)
        # It starts by changing nothing: the norm's scale is 0.
        self.proj = nn.Sequential(nn.ReLU6(), ConvNormPlain(inner, width, scale=0.0))

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        query, key, value = (self._heads(layer(x)) for layer in (self.to_q, self.to_k, self.to_v))
        weights = F.softmax(paddle.matmul(query, key, transpose_x=True), axis=-1)  # (N, heads, places, places)
        looked = paddle.matmul(value, weights, transpose_y=True)  # (N, heads, channels, places)
        return self.proj(looked.reshape([0, -1, x.shape[2], x.shape[3]]))

    @staticmethod
    def _heads(x: paddle.Tensor) -> paddle.Tensor:
        return x.reshape([0, _HEADS, x.shape[1] // _HEADS, x.shape[2] * x.shape[3]])


class _Perceptron(nn.Layer):
    """Twice as wide inside, where every channel is filtered alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = ConvNormPlain(width, 2 * width)
        self.dwconv = nn.Conv2D(2 * width, 2 * width, 3, padding=1, groups=2 * width)
        self.fc2 = ConvNormPlain(2 * width, width)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.fc2(F.relu6(self.dwconv(self.fc1(x))))
