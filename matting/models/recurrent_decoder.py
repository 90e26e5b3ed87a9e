"""RVM's decoder, which remembers the frames before at four of its five levels."""

from __future__ import annotations

from collections.abc import Sequence

import paddle
from paddle import nn
from paddle.nn import functional as F

from matting.models.layers import enlarged, sides


class RecurrentDecoder(nn.Layer):
    """From stride 16 back to 1, at four of the five levels with a memory."""

    def __init__(self, channels: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        at2, at4, at8, at16 = channels
        d8, d4, d2, d1 = widths
        self.decode4 = _Memory(at16)
        self.decode3 = _Level(at16 + at8 + 3, d8)
        self.decode2 = _Level(d8 + at4 + 3, d4)
        self.decode1 = _Level(d4 + at2 + 3, d2)
        self.decode0 = _Output(d2 + 3, d1)

    def forward(
        self, image: paddle.Tensor, maps: Sequence[paddle.Tensor], states: Sequence[paddle.Tensor | None]
    ) -> tuple[paddle.Tensor, list[paddle.Tensor]]:
        """Return the features at stride 1, and the new states at strides 2, 4, 8 and 16."""
        at2, at4, at8, at16 = maps
        r1, r2, r3, r4 = states
        half = _halved(image)
        quarter = _halved(half)
        eighth = _halved(quarter)
        x, r4 = self.decode4(at16, r4)
        x, r3 = self.decode3(x, at8, eighth, r3)
        x, r2 = self.decode2(x, at4, quarter, r2)
        x, r1 = self.decode1(x, at2, half, r1)
        return self.decode0(x, image), [r1, r2, r3, r4]


def _halved(x: paddle.Tensor) -> paddle.Tensor:
    """Return means of 2x2 pixels; of an odd side the last ones stand alone."""
    return F.avg_pool2d(F.pad(x, [0, 1, 0, 1], mode="replicate"), 2, 2)


def _grown(x: paddle.Tensor, like: paddle.Tensor) -> paddle.Tensor:
    """Return a map at twice the size, cut to that of another."""
    height, width = sides(like)
    return enlarged(x)[:, :, :height, :width]


class _Memory(nn.Layer):
    """Half of the channels go through a gated recurrent unit of convolutions, the others past it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gru = _ConvGRU(channels // 2)

    def forward(self, x: paddle.Tensor, state: paddle.Tensor | None) -> tuple[paddle.Tensor, paddle.Tensor]:
        past, through = paddle.split(x, 2, axis=1)
        state = self.gru(through, state)
        return paddle.concat((past, state), axis=1), state


class _Level(_Memory):
    """A map grown to the next level, joined with the encoder's and the frame there, and remembered."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__(channels)
        self.conv = nn.Sequential(*convolved(in_channels, channels))

    def forward(  # type: ignore[override]
        self, x: paddle.Tensor, seen: paddle.Tensor, image: paddle.Tensor, state: paddle.Tensor | None
    ) -> tuple[paddle.Tensor, paddle.Tensor]:
        return super().forward(self.conv(paddle.concat((_grown(x, image), seen, image), axis=1)), state)


class _Output(nn.Layer):
    """The last level, which remembers nothing."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(*convolved(in_channels, channels), *convolved(channels, channels))

    def forward(self, x: paddle.Tensor, image: paddle.Tensor) -> paddle.Tensor:
        return self.conv(paddle.concat((_grown(x, image), image), axis=1))


def convolved(in_channels: int, out_channels: int, kernel: int = 3) -> tuple[nn.Layer, ...]:
    """Return a convolution without bias, its batch norm, and ReLU."""
    convolution = nn.Conv2D(in_channels, out_channels, kernel, padding=kernel // 2, bias_attr=False)
    return convolution, nn.BatchNorm2D(out_channels), nn.ReLU()


class _ConvGRU(nn.Layer):
    """The gated recurrent unit with convolutions for products (equation 1 of the paper)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.ih = nn.Sequential(nn.Conv2D(2 * channels, 2 * channels, 3, padding=1), nn.Sigmoid())
        self.hh = nn.Sequential(nn.Conv2D(2 * channels, channels, 3, padding=1), nn.Tanh())

    def forward(self, x: paddle.Tensor, state: paddle.Tensor | None) -> paddle.Tensor:
        # A first state may be one zero, which takes every size.
        state = 0 * x if state is None else 0 * x + state
        reset, update = paddle.split(self.ih(paddle.concat((x, state), axis=1)), 2, axis=1)
        candidate = self.hh(paddle.concat((x, reset * state), axis=1))
        return (1 - update) * state + update * candidate
