"""Semantic Human Matting: a network that draws a trimap, one that fills in the details, and their fusion."""

from __future__ import annotations

import paddle
from paddle import nn
from paddle.nn import functional as F

from matting.models.backbones.base import FIVE
from matting.models.base import MattingModel
from matting.models.layers import ConvNorm, check_size, resized_like
from matting.registry import MODELS
from matting.weights import load_pretrained

_CLASSES = 3
"""Background, unknown, foreground: the one order of channels, in logits, probabilities and labels alike."""

_WIDTHS = (16, 32, 64, 128)
"""Channels of M-Net's encoder, mirrored by its decoder."""


@MODELS.register
class SHM(MattingModel):
    """Semantic Human Matting (Chen et al., arXiv 1809.01354), in the architecture of the public PyTorch version.

    Differs: that version fuses its channels as (background, foreground, unknown) but labels them (background, unknown,
    foreground) in training; here they are in one order, and converting its weights moves them. It leaves alpha
    unbounded; here it is clipped to [0, 1] in evaluation.

    Args:
        backbone: T-Net's encoder, of five maps and 3 input channels; the public version's is
            `MobileNetV2(full_resolution=True)`.
        pretrained: a path or URL of weights of the whole network to start from; a phase starts from the one before.
    """

    outputs = ("alpha", "trimap")
    map_strides = (FIVE, tuple(stride // 2 for stride in FIVE))
    default_loss = "SHMLoss"

    def __init__(self, backbone: nn.Layer, pretrained: str | None = None) -> None:
        super().__init__(backbone)
        self.tnet = _TNetDecoder(backbone.feat_channels)
        self.mnet = _MNet()
        if pretrained:
            load_pretrained(self, pretrained)

    def forward(self, image: paddle.Tensor) -> dict[str, paddle.Tensor]:
        """Matte a batch.

        Args:
            image: (N, 3, H, W) float32, normalised; H and W are multiples of 32.

        Returns:
            `alpha` (N, 1, H, W) and `trimap` (N, 3, H, W), the probabilities of background, unknown and foreground
            that T-Net gives; both in [0, 1]. While training `alpha` as it is computed, where it may leave that, and
            `trimap_logits` (N, 3, H, W).
        """
        check_size(image, self.stride, "SHM")
        logits = self.tnet(self.backbone(image), image)
        probabilities = F.softmax(logits, axis=1)
        details = self.mnet(paddle.concat((image, probabilities), axis=1))
        unknown, foreground = probabilities[:, 1:2], probabilities[:, 2:3]
        alpha = foreground + unknown * details  # equation 1
        if self.training:
            return {"alpha": alpha, "trimap_logits": logits}
        return {"alpha": alpha.clip(0, 1), "trimap": probabilities}


class _TNetDecoder(nn.Layer):
    """T-Net's way back up: at each scale upsample, convolve, add the encoder's map, convolve."""

    def __init__(self, channels: list[int]) -> None:
        super().__init__()
        deeper = channels[-1]
        for level in (4, 3, 2, 1):
            width = channels[level - 1]
            self.add_sublayer(f"up{level}", ConvNorm(deeper, width, 3, bias=True))
            self.add_sublayer(f"fusion{level}", ConvNorm(width, width, 3, activation=None, bias=True))
            deeper = width
        self.logits = nn.Conv2D(deeper, _CLASSES, 3, padding=1)

    def forward(self, maps: list[paddle.Tensor], image: paddle.Tensor) -> paddle.Tensor:
        x = maps[4]
        for level in (4, 3, 2, 1):
            skip = maps[level - 1]
            x = getattr(self, f"up{level}")(resized_like(x, skip)) + skip
            x = getattr(self, f"fusion{level}")(x)
        # An encoder whose first map is at half the size leaves one step to the picture's.
        return resized_like(self.logits(x), image)


class _MNet(nn.Layer):
    """M-Net: details from the picture and the trimap's probabilities; four scales down, four up."""

    def __init__(self) -> None:
        super().__init__()
        channels = 3 + _CLASSES
        for number, width in enumerate(_WIDTHS, start=1):
            self.add_sublayer(f"encode{number}", ConvNorm(channels, width, 3))
            channels = width
        for number, width in enumerate(reversed(_WIDTHS), start=1):
            self.add_sublayer(f"decode{number}", ConvNorm(channels, width, 3))
            grow = nn.Conv2DTranspose(width, width, 5, stride=2, padding=2, output_padding=1, bias_attr=False)
            self.add_sublayer(f"grow{number}", grow)
            channels = width
        self.details = nn.Conv2D(channels, 1, 5, padding=2, bias_attr=False)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        for number in range(1, len(_WIDTHS) + 1):
            x = F.max_pool2d(getattr(self, f"encode{number}")(x), 3, 2, padding=1)
        for number in range(1, len(_WIDTHS) + 1):
            x = getattr(self, f"grow{number}")(getattr(self, f"decode{number}")(x))
        return self.details(x)
