"""MODNet: a matte without a trimap, from semantic, detail and fusion branches."""

from __future__ import annotations

import paddle
from paddle import nn
from paddle.nn import functional as F

from matting.errors import MattingError
from matting.models.base import MattingModel
from matting.models.layers import ConvIBNormReLU, EfficientASPP, SEBlock, check_size, enlarged, shrunk
from matting.registry import MODELS
from matting.weights import load_pretrained

_CONTEXTS = ("se", "easpp")


@MODELS.register
class MODNet(MattingModel):
    """The matting objective decomposition network (Ke et al., arXiv 2011.11961).

    Parameter names are those of PaddleSeg Matting's published weights.

    Args:
        backbone: gives five maps at strides 2, 4, 8, 16, 32.
        hr_channels: width of the high-resolution branches.
        context: what the semantic branch starts with: "se", squeeze and excitation, as the published networks; or
            "easpp", the paper's e-ASPP.
        affine_instance_norm: instance norms have a scale and a shift. Differs: the MODNet authors' have none.
        pretrained: a path or URL of weights of the whole network to start from.
    """

    default_loss = "MODNetLoss"
    unread_maps = (2, 3)
    ignored_keys = ("blurer.op.1.weight",)
    """A constant of the loss that published weights carry along."""

    def __init__(
        self,
        backbone: nn.Layer,
        hr_channels: int = 32,
        context: str = "se",
        affine_instance_norm: bool = True,
        pretrained: str | None = None,
    ) -> None:
        super().__init__(backbone)
        if context not in _CONTEXTS:
            raise MattingError(f"context is {context!r}; it must be one of {', '.join(_CONTEXTS)}")
        if not isinstance(hr_channels, int) or hr_channels < 2:  # an IBNorm halves them
            raise MattingError(f"hr_channels is {hr_channels!r}; it must be a whole number of at least 2")
        self.head = _Head(backbone.feat_channels, hr_channels, context, affine_instance_norm)
        if pretrained:
            load_pretrained(self, pretrained)

    def forward(self, image: paddle.Tensor) -> dict[str, paddle.Tensor]:
        """Matte a batch.

        Args:
            image: (N, 3, H, W) float32, normalised; H and W multiples of 32.

        Returns:
            `alpha` (N, 1, H, W) in [0, 1]; while training also `semantic` (N, 1, H/16, W/16) and `detail`
            (N, 1, H, W), both in [0, 1].

        Raises:
            MattingError: a side is no multiple of 32.
        """
        check_size(image, self.stride, "MODNet")
        return self.head(image, self.backbone(image))


class _Head(nn.Layer):
    """The three branches (figure 2 of the paper)."""

    def __init__(self, channels: list[int], width: int, context: str, affine: bool) -> None:
        super().__init__()
        self.lr_branch = _SemanticBranch(channels, context, affine)
        self.hr_branch = _DetailBranch(channels, width, affine)
        self.f_branch = _FusionBranch(channels, width, affine)
        for layer in self.sublayers():
            if isinstance(layer, nn.Conv2D):
                # uniform with variance 2/fan_in, as PaddleSeg initialises this head
                nn.initializer.KaimingUniform()(layer.weight)

    def forward(self, image: paddle.Tensor, maps: list[paddle.Tensor]) -> dict[str, paddle.Tensor]:
        at2, at4, _, _, at32 = maps
        semantic_features, semantic = self.lr_branch(at32)
        detail_features, detail = self.hr_branch(image, at2, at4, semantic_features)
        alpha = self.f_branch(image, semantic_features, detail_features)
        return {"alpha": alpha, "semantic": semantic, "detail": detail} if self.training else {"alpha": alpha}


class _SemanticBranch(nn.Layer):
    """Where the person is, coarsely: S of the paper."""

    def __init__(self, channels: list[int], context: str, affine: bool) -> None:
        super().__init__()
        if context == "se":
            self.se_block = SEBlock(channels[4])
        else:
            self.easpp = EfficientASPP(channels[4])
        self._context = "se_block" if context == "se" else "easpp"
        self.conv_lr16x = ConvIBNormReLU(channels[4], channels[3], 5, affine=affine)
        self.conv_lr8x = ConvIBNormReLU(channels[3], channels[2], 5, affine=affine)
        self.conv_lr = ConvIBNormReLU(channels[2], 1, 3, stride=2, plain=True)

    def forward(self, at32: paddle.Tensor) -> tuple[paddle.Tensor, paddle.Tensor | None]:
        at32 = getattr(self, self._context)(at32)
        at16 = self.conv_lr16x(enlarged(at32))
        at8 = self.conv_lr8x(enlarged(at16))
        return at8, F.sigmoid(self.conv_lr(at8)) if self.training else None


class _DetailBranch(nn.Layer):
    """Its outline, finely: D of the paper."""

    def __init__(self, channels: list[int], width: int, affine: bool) -> None:
        super().__init__()

        def unit(in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1) -> nn.Layer:
            return ConvIBNormReLU(in_channels, out_channels, kernel, stride, affine=affine)

        self.tohr_enc2x = unit(channels[0], width, 1)
        self.conv_enc2x = unit(width + 3, width, stride=2)
        self.tohr_enc4x = unit(channels[1], width, 1)
        self.conv_enc4x = unit(2 * width, 2 * width)
        self.conv_hr4x = nn.Sequential(
            unit(2 * width + channels[2] + 3, 2 * width), unit(2 * width, 2 * width), unit(2 * width, width)
        )
        self.conv_hr2x = nn.Sequential(
            unit(2 * width, 2 * width), unit(2 * width, width), unit(width, width), unit(width, width)
        )
        self.conv_hr = nn.Sequential(unit(width + 3, width), ConvIBNormReLU(width, 1, 1, plain=True))

    def forward(
        self, image: paddle.Tensor, at2: paddle.Tensor, at4: paddle.Tensor, semantic_features: paddle.Tensor
    ) -> tuple[paddle.Tensor, paddle.Tensor | None]:
        at2 = self.tohr_enc2x(at2)
        features = self.conv_enc2x(paddle.concat((shrunk(image, 2), at2), axis=1))
        features = self.conv_enc4x(paddle.concat((features, self.tohr_enc4x(at4)), axis=1))
        inputs = (features, enlarged(semantic_features), shrunk(image, 4))
        features = self.conv_hr4x(paddle.concat(inputs, axis=1))
        features = self.conv_hr2x(paddle.concat((enlarged(features), at2), axis=1))
        if not self.training:
            return features, None
        return features, F.sigmoid(self.conv_hr(paddle.concat((enlarged(features), image), axis=1)))


class _FusionBranch(nn.Layer):
    """Both together: F of the paper."""

    def __init__(self, channels: list[int], width: int, affine: bool) -> None:
        super().__init__()
        self.conv_lr4x = ConvIBNormReLU(channels[2], width, 5, affine=affine)
        self.conv_f2x = ConvIBNormReLU(2 * width, width, 3, affine=affine)
        self.conv_f = nn.Sequential(
            ConvIBNormReLU(width + 3, width // 2, 3, affine=affine), ConvIBNormReLU(width // 2, 1, 1, plain=True)
        )

    def forward(
        self, image: paddle.Tensor, semantic_features: paddle.Tensor, detail_features: paddle.Tensor
    ) -> paddle.Tensor:
        at4 = self.conv_lr4x(enlarged(semantic_features))
        at2 = self.conv_f2x(paddle.concat((enlarged(at4), detail_features), axis=1))
        return F.sigmoid(self.conv_f(paddle.concat((enlarged(at2), image), axis=1)))
