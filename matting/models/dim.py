"""Deep Image Matting: a matte from a photograph and its trimap, by encoder-decoder and refinement."""

from __future__ import annotations

import paddle
from paddle import nn
from paddle.nn import functional as F

from matting.errors import MattingError
from matting.models.backbones.base import FIVE
from matting.models.base import MattingModel
from matting.models.layers import ConvNorm, check_size, check_smallest, resized_like, unpool
from matting.registry import MODELS
from matting.weights import load_pretrained

_UPSAMPLINGS = ("bilinear", "unpool")
_REFINE_ENDS = ("norm_relu", "plain")
_WIDTHS = (512, 512, 512, 256, 128, 64, 64)
"""Channels through the decoder: after the 1x1 convolution, before the skips of stride 16, 8, 4, 2, 1; at the end."""


@MODELS.register
class DIM(MattingModel):
    """Deep Image Matting (Xu et al., arXiv 1703.03872).

    Parameter names are those of PaddleSeg Matting's published weights, which the defaults of all options fit.

    Args:
        backbone: an encoder of 4 channels, image and trimap; `VGG16` is the paper's, and gives the map at stride 1 that
            the others lack.
        refine: add the refinement network (section 4.2).
        upsampling: "bilinear", with the encoder's maps added as PaddleSeg does; or "unpool", to where the maxima were
            that the encoder's pooling kept, as in the paper; for VGG16 only, and sides that are multiples of 32.
        refine_end: what the refinement ends in: "norm_relu", as PaddleSeg's, which can raise alpha but never lower it;
            or "plain", a convolution with bias as in the paper.
        pretrained: a path or URL of weights of the whole network to start from; a stage starts from the one before.

    Raises:
        MattingError: an option is none of these, or the backbone does not take 4 channels or cannot be un-pooled.
    """

    inputs = ("image", "trimap")
    stride = 1
    map_strides = (FIVE, (1, *FIVE))
    in_channels = 4
    default_loss = "DIMLoss"

    def __init__(
        self,
        backbone: nn.Layer,
        refine: bool = True,
        upsampling: str = "bilinear",
        refine_end: str = "norm_relu",
        pretrained: str | None = None,
    ) -> None:
        super().__init__(backbone)
        _check_options(backbone, upsampling, refine_end)
        self.stride = 32 if upsampling == "unpool" else 1
        self.jumps = upsampling == "unpool"  # un-pooling goes to another corner where two are level
        self.decoder = _Decoder(backbone.feat_channels, upsampling == "unpool")
        self.refine = _Refinement(refine_end) if refine else None
        if pretrained:
            load_pretrained(self, pretrained)

    def forward(self, image: paddle.Tensor, trimap: paddle.Tensor) -> dict[str, paddle.Tensor]:
        """Matte a batch.

        Args:
            image: (N, 3, H, W) float32, normalised.
            trimap: (N, 1, H, W) float32 in {0, 128, 255}.

        Returns:
            `alpha` (N, 1, H, W) in [0, 1]; while training also `raw_alpha`, before refinement, and with it
            `refined_alpha`, which may leave [0, 1].
        """
        check_smallest(image, self.smallest, "DIM")
        check_size(image, self.stride, "DIM with un-pooling")
        x = paddle.concat((image, trimap / 255), axis=1)
        raw = self.decoder(self.backbone(x), image)
        if self.refine is None:
            return {"alpha": raw, "raw_alpha": raw} if self.training else {"alpha": raw}
        refined = raw + self.refine(paddle.concat((image, raw), axis=1))
        alpha = refined.clip(0, 1)
        return {"alpha": alpha, "raw_alpha": raw, "refined_alpha": refined} if self.training else {"alpha": alpha}


class _Decoder(nn.Layer):
    """From the deepest map back to the image's size, one 5x5 convolution a scale."""

    def __init__(self, channels: list[int], unpool: bool) -> None:
        super().__init__()
        self._unpool = unpool
        # The deepest map comes last; a backbone of five maps has none for the last step.
        skips = [*reversed(channels[:-1]), None][:5]
        self.deconv6 = nn.Conv2D(channels[-1], _WIDTHS[0], 1, bias_attr=False)
        for position, skip in enumerate(skips):
            step = _Step(_WIDTHS[position + 1], _WIDTHS[position + 2], None if unpool else skip)
            self.add_sublayer(f"deconv{5 - position}", step)
        self.alpha_conv = nn.Conv2D(_WIDTHS[-1], 1, 5, padding=2, bias_attr=False)

    def forward(self, maps: list[paddle.Tensor], image: paddle.Tensor) -> paddle.Tensor:
        x = self.deconv6(maps[-1])
        skips: list = [*reversed(maps[:-1]), None]
        for position in range(5):
            step = getattr(self, f"deconv{5 - position}")
            x = step.conv(unpool(x, skips[position])) if self._unpool else step(x, skips[position], image)
        return F.sigmoid(self.alpha_conv(x))


class _Step(nn.Layer):
    """Upsample, add the encoder's map, convolve."""

    def __init__(self, in_channels: int, out_channels: int, skip_channels: int | None) -> None:
        super().__init__()
        project = skip_channels is not None and skip_channels != in_channels
        self.project = nn.Conv2D(skip_channels, in_channels, 1, bias_attr=False) if project else None
        self.conv = ConvNorm(in_channels, out_channels, 5)

    def forward(self, x: paddle.Tensor, skip: paddle.Tensor | None, image: paddle.Tensor) -> paddle.Tensor:
        x = resized_like(x, image if skip is None else skip)
        if skip is not None:
            x = x + (skip if self.project is None else self.project(skip))
        return self.conv(x)


class _Refinement(nn.Layer):
    """Four convolutions that sharpen the first result (section 4.2, figure 3)."""

    def __init__(self, end: str) -> None:
        super().__init__()
        self.conv1 = ConvNorm(4, 64, 3)
        self.conv2 = ConvNorm(64, 64, 3)
        self.conv3 = ConvNorm(64, 64, 3)
        self.alpha_pred = ConvNorm(64, 1, 3) if end == "norm_relu" else nn.Conv2D(64, 1, 3, padding=1)
        if end == "plain":
            # It starts by changing nothing, so that the second stage sets out from the first one's result.
            nn.initializer.Constant(0.0)(self.alpha_pred.weight)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return self.alpha_pred(self.conv3(self.conv2(self.conv1(x))))


def _check_options(backbone: nn.Layer, upsampling: str, refine_end: str) -> None:
    for key, value, known in (("upsampling", upsampling, _UPSAMPLINGS), ("refine_end", refine_end, _REFINE_ENDS)):
        if value not in known:
            raise MattingError(f"{key} is {value!r}; it must be one of {', '.join(known)}")
    if upsampling == "unpool" and tuple(backbone.strides) != (1, *FIVE):
        raise MattingError(
            f"upsampling: unpool needs poolings to undo, which {type(backbone).__name__} has not; use VGG16"
        )
