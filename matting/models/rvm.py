"""RVM: matting of clips without a trimap, whose decoder remembers the frames before."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import paddle
from paddle import nn

from matting.errors import MattingError
from matting.models.base import MattingModel
from matting.models.layers import check_smallest, resize, sides
from matting.models.recurrent_decoder import RecurrentDecoder, convolved
from matting.registry import MODELS
from matting.weights import load_pretrained

_LONGEST = 512
"""The longer side of what the encoder sees where the ratio is "auto" (Lin et al.'s converter)."""

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, by which the encoder's input is normalised; decoder and filter see the frame itself."""


@MODELS.register
class RVM(MattingModel):
    """Robust video matting (Lin et al., arXiv 2108.11515), under the names of PaddleSeg Matting's published weights.

    Encoder and recurrent decoder work on a reduced frame; a deep guided filter brings their answer to the full size.

    Args:
        backbone: gives four maps at strides 2, 4, 8, 16; `MobileNetV3` is the published one.
        context_channels: width of the deepest map after pooled context has weighed it.
        decoder_channels: widths of the decoder from stride 8 to 1.
        downsample_ratio: of the reduced frame to the full one, above 0 and at most 1; "auto" leaves a longer side of
            512 at most. At 1 there is nothing to bring to full size, and the filter is left out.
        pretrained: a path or URL of weights of the whole network to start from.
    """

    outputs = ("alpha", "foreground")
    states = ("r1", "r2", "r3", "r4")
    stride = 1
    smallest = 16
    default_loss = None
    map_strides = ((2, 4, 8, 16),)

    def __init__(
        self,
        backbone: nn.Layer,
        context_channels: int = 128,
        decoder_channels: Sequence[int] = (80, 40, 32, 16),
        downsample_ratio: str | float = "auto",
        pretrained: str | None = None,
    ) -> None:
        super().__init__(backbone)
        self._ratio = _checked_ratio(downsample_ratio)
        for name, values in (("mean", _MEAN), ("deviation", _DEVIATION)):
            self.register_buffer(name, paddle.to_tensor(values).reshape([1, 3, 1, 1]), persistable=False)
        last = decoder_channels[-1]
        self.aspp = _Context(backbone.feat_channels[-1], context_channels)
        self.decoder = RecurrentDecoder([*backbone.feat_channels[:-1], context_channels], decoder_channels)
        self.project_mat = _Projection(last, 4)
        self.project_seg = _Projection(last, 1)  # read while it learns from segmentation alone
        self.refiner = _DeepGuidedFilter(last)
        if pretrained:
            load_pretrained(self, pretrained)

    def forward(
        self,
        image: paddle.Tensor,
        r1: paddle.Tensor | None = None,
        r2: paddle.Tensor | None = None,
        r3: paddle.Tensor | None = None,
        r4: paddle.Tensor | None = None,
    ) -> dict[str, paddle.Tensor]:
        """Matte a frame of each clip of a batch.

        Args:
            image: (N, 3, H, W) float32 in [0, 1], RGB.
            r1, r2, r3, r4: as the frame before returned them; none, or zeros (N, 1, 1, 1), for a first frame.

        Returns:
            `alpha` (N, 1, H, W) and `foreground` (N, 3, H, W), RGB, both in [0, 1], and `next_r1` to `next_r4`:
            (N, C, h, w) each, at strides 2, 4, 8 and 16 of the reduced frame.

        Raises:
            MattingError: a side is too small.
        """
        check_smallest(image, self.smallest, "RVM")
        small = self._reduced(image)
        maps = self.backbone((small - self.mean) / self.deviation)
        hidden, (r1, r2, r3, r4) = self.decoder(small, [*maps[:-1], self.aspp(maps[-1])], (r1, r2, r3, r4))
        answer = self.refiner(image, small, self.project_mat(hidden), hidden)
        residual, alpha = paddle.split(answer, [3, 1], axis=1)
        found = {"alpha": alpha.clip(0, 1), "foreground": (image + residual).clip(0, 1)}
        return {**found, "next_r1": r1, "next_r2": r2, "next_r3": r3, "next_r4": r4}

    def _reduced(self, image: paddle.Tensor) -> paddle.Tensor:
        """Return the frame that encoder and decoder see; in whole numbers, so that every engine rounds alike."""
        full = sides(image)
        if self._ratio is None:
            longest = _larger(_larger(*full), _LONGEST)
            reduced = [_larger(side * _LONGEST // longest, 1) for side in full]
        else:
            times, over = self._ratio.numerator, self._ratio.denominator
            reduced = [_larger(side * times // over, 1) for side in full]
        is_whole = self._ratio == 1 or (paddle.in_dynamic_mode() and reduced == full)
        return image if is_whole else resize(image, reduced)


def _checked_ratio(value: str | float) -> Fraction | None:
    if value == "auto":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise MattingError(f"downsample_ratio is {value!r}; it must be auto, or a number above 0 and at most 1")
    return Fraction(value).limit_denominator(10_000)


def _larger(first: Any, second: Any) -> Any:
    """Return the larger of two sizes: numbers, or while tracing scalars of the graph."""
    if isinstance(first, int):
        return max(first, second)
    return paddle.maximum(first, paddle.full([], second, first.dtype) if isinstance(second, int) else second)


class _Context(nn.Layer):
    """The deepest map weighed by its own mean: lite reduced atrous spatial pyramid pooling."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.aspp1 = nn.Sequential(
            nn.Conv2D(in_channels, out_channels, 1, bias_attr=False), nn.BatchNorm2D(out_channels), nn.ReLU()
        )
        self.aspp2 = nn.Sequential(
            nn.AdaptiveAvgPool2D(1), nn.Conv2D(in_channels, out_channels, 1, bias_attr=False), nn.Sigmoid()
        )

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.aspp1(x) * self.aspp2(x)


class _Projection(nn.Layer):
    """Features to answers, pixel by pixel."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2D(in_channels, out_channels, 1)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.conv(x)


class _DeepGuidedFilter(nn.Layer):
    """An answer at the reduced size as a linear function of the frame, pixel by pixel, applied to the full frame.

    A guided filter whose slope is learned (Wu et al., arXiv 1803.05619).
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.box_filter = nn.Conv2D(
            4, 4, 3, padding=1, groups=4, bias_attr=False, weight_attr=nn.initializer.Constant(1 / 9)
        )
        self.conv = nn.Sequential(
            *convolved(8 + hidden, hidden, 1), *convolved(hidden, hidden, 1), nn.Conv2D(hidden, 4, 1)
        )

    def forward(
        self, image: paddle.Tensor, small: paddle.Tensor, answer: paddle.Tensor, hidden: paddle.Tensor
    ) -> paddle.Tensor:
        """Return the answer (N, 4, H, W) at the size of the frame."""
        if small is image:
            return answer
        guide = _with_grey(small)
        mean, mean_answer = self.box_filter(guide), self.box_filter(answer)
        covariance = self.box_filter(guide * answer) - mean * mean_answer
        variance = self.box_filter(guide * guide) - mean * mean
        slope = self.conv(paddle.concat((covariance, variance, hidden), axis=1))
        offset = mean_answer - slope * mean
        # Where nothing was reduced the answer stands: a size that is free while tracing knows it only when it runs.
        is_reduced = _is_smaller(small, image)
        slope, offset = slope * is_reduced, answer + (offset - answer) * is_reduced
        full = sides(image)
        return resize(slope, full) * _with_grey(image) + resize(offset, full)


def _with_grey(image: paddle.Tensor) -> paddle.Tensor:
    return paddle.concat((image, image.mean(axis=1, keepdim=True)), axis=1)


def _is_smaller(small: paddle.Tensor, image: paddle.Tensor) -> Any:
    """Return 1.0 if a frame has been reduced, else 0.0: a number, or while tracing a scalar of the graph."""
    less = sum(sides(small)) < sum(sides(image))
    return float(less) if isinstance(less, bool) else less.astype(image.dtype)
