"""PP-Matting: a matte without a trimap, whose detail at full resolution is guided by what the picture means."""

from __future__ import annotations

from collections.abc import Sequence

import paddle
from paddle import nn
from paddle.nn import functional as F

from matting.models.base import MattingModel
from matting.models.layers import ConvNorm, check_size, enlarged, pooled, resized_like
from matting.registry import MODELS
from matting.weights import load_pretrained

_CLASSES = 3
"""Foreground, transition, background: the order of the published weights, the reverse of a trimap's here."""

_CONTEXT = 512
"""Channels of the pooled context."""

_STAGES = ((512, 512, 256), (512, 256, 128), (256, 128, 64), (128, 128, 64), (128, 64, 64))
"""Channels before, within and after each stage of the semantic branch; the first takes the backbone's map as well."""

_DETAIL = (64, 32, 16, 8)
"""Channels of the detail branch, from block to block."""

_GUIDES = (0, 2, 4)
"""The stages of the semantic branch that guide the blocks of the detail branch."""


@MODELS.register
class PPMatting(MattingModel):
    """PP-Matting (Chen et al., arXiv 2204.09433), under the parameter names of PaddleSeg's published weights.

    Args:
        backbone: gives five maps at strides 2, 4, 8, 16, 32; `HRNet_W18` and `HRNet_W48` are the published ones.
        pretrained: a path or URL of weights of the whole network to start from.
    """

    outputs = ("alpha", "trimap")
    default_loss = "PPMattingLoss"
    unread_maps = (2, 3)
    jumps = True  # where two classes are level, the larger one decides

    def __init__(self, backbone: nn.Layer, pretrained: str | None = None) -> None:
        super().__init__(backbone)
        at2, at4, _, _, at32 = backbone.feat_channels
        self.scb = _SemanticBranch(at32)
        self.hrdb = _DetailBranch(at2 + at4)
        if pretrained:
            load_pretrained(self, pretrained)

    def forward(self, image: paddle.Tensor) -> dict[str, paddle.Tensor]:
        """Matte a batch.

        Args:
            image: (N, 3, H, W) float32, normalised; H and W multiples of 32.

        Returns:
            `alpha` (N, 1, H, W) and `trimap` (N, 3, H, W), the probabilities of background, unknown and foreground;
            both in [0, 1]. While training `alpha`, `semantic` (N, 3, H, W), the probabilities of foreground, transition
            and background, and `detail` (N, 1, H, W), all in [0, 1].

        Raises:
            MattingError: a side is no multiple of 32.
        """
        check_size(image, self.stride, "PPMatting")
        at2, at4, _, _, at32 = self.backbone(image)
        guides, logits = self.scb(at32)
        semantic = F.softmax(logits, axis=1)
        detail = F.sigmoid(self.hrdb(paddle.concat((enlarged(at2), enlarged(at4, 4)), axis=1), guides))
        alpha = _fused(semantic, detail)
        if self.training:
            return {"alpha": alpha, "semantic": semantic, "detail": detail}
        foreground, transition, background = paddle.split(semantic, _CLASSES, axis=1)
        return {"alpha": alpha, "trimap": paddle.concat((background, transition, foreground), axis=1)}


def _fused(semantic: paddle.Tensor, detail: paddle.Tensor) -> paddle.Tensor:
    """Return 1 in the foreground, 0 in the background, and the detail in the transition.

    Of classes that are level the first counts, as for an argmax.
    """
    foreground, transition, background = paddle.split(semantic, _CLASSES, axis=1)
    is_foreground = (foreground >= transition) & (foreground >= background)
    is_transition = ~is_foreground & (transition >= background)
    return detail * is_transition.astype(detail.dtype) + is_foreground.astype(detail.dtype)


def _unit(in_channels: int, out_channels: int, kernel: int = 3, dilation: int = 1) -> ConvNorm:
    return ConvNorm(in_channels, out_channels, kernel, dilation=dilation, bias=True)


class _SemanticBranch(nn.Layer):
    """The semantic context branch: foreground, transition or background, from the deepest map up to the picture."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.psp_module = _PyramidPooling(channels, _CONTEXT)
        # Names count the enlarging behind convolutions as a part of its own.
        self.psps = nn.LayerList(nn.Sequential(_unit(_CONTEXT, after)) for _, _, after in _STAGES[:4])
        stages = []
        for number, (before, within, after) in enumerate(_STAGES):
            dilation, extra = (1, 0) if number else (2, channels)
            units = [_unit(before + extra, within)]
            units += [_unit(within, width, dilation=dilation) for width in (within, after)]
            stages.append(nn.Sequential(*units))
        width = _STAGES[-1][-1]
        last = nn.Sequential(_unit(width, width), _unit(width, width), nn.Conv2D(width, _CLASSES, 3, padding=1))
        self.scb_stages = nn.LayerList([*stages, last])

    def forward(self, at32: paddle.Tensor) -> tuple[list[paddle.Tensor], paddle.Tensor]:
        """Return the maps after each stage, and the logits at the picture's size."""
        context = self.psp_module(at32)
        # By places: what traces networks knows neither strict zips nor other starts.
        x = enlarged(self.scb_stages[0](paddle.concat((context, at32), axis=1)))
        maps = [x]
        for level, pool in enumerate(self.psps):
            around = enlarged(pool(context), 2 ** (level + 1))
            x = enlarged(self.scb_stages[level + 1](paddle.concat((around, x), axis=1)))
            maps.append(x)
        return maps, self.scb_stages[5](x)


class _PyramidPooling(nn.Layer):
    """Means over ever smaller parts of the map, beside the map itself (Zhao et al., arXiv 1612.01105)."""

    _SIDES = (1, 3, 5)

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        # Names count the pooling as a part of its own.
        self.stages = nn.LayerList(nn.Sequential(nn.Identity(), _unit(channels, channels, 1)) for _ in self._SIDES)
        self.conv_bn_relu2 = _unit(channels * (1 + len(self._SIDES)), out_channels)

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        means = [resized_like(stage(pooled(x, self._SIDES[i])), x) for i, stage in enumerate(self.stages)]
        return self.conv_bn_relu2(paddle.concat([x, *reversed(means)], axis=1))


class _DetailBranch(nn.Layer):
    """The high-resolution detail branch: residual blocks at the picture's size, each behind a gate."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        steps = list(zip(_DETAIL[:-1], _DETAIL[1:], strict=True))
        guides = [_STAGES[place][-1] for place in _GUIDES]
        self.gf_list = nn.LayerList(nn.Conv2D(width, 1, 1) for width in guides)
        self.res_list = nn.LayerList(
            [_Residual(channels, _DETAIL[0]), *(_Residual(width, width) for width, _ in steps[1:])]
        )
        self.convs = nn.LayerList(nn.Conv2D(before, after, 1) for before, after in steps)
        self.gates = nn.LayerList(_Gate(after) for _, after in steps)
        self.detail_conv = nn.Conv2D(_DETAIL[-1], 1, 1, bias_attr=False)

    def forward(self, x: paddle.Tensor, guides: Sequence[paddle.Tensor]) -> paddle.Tensor:
        for place, number in enumerate(_GUIDES):
            x = self.convs[place](self.res_list[place](x))
            x = self.gates[place](x, resized_like(self.gf_list[place](guides[number]), x))
        return self.detail_conv(x)


class _Residual(nn.Layer):
    """Two convolutions beside a short way."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv0 = ConvNorm(in_channels, out_channels, 3)
        self.conv1 = ConvNorm(out_channels, out_channels, 3, activation=None)
        changes = in_channels != out_channels
        self.short = ConvNorm(in_channels, out_channels, 1, activation=None) if changes else None

    def forward(self, x: paddle.Tensor) -> paddle.Tensor:
        return F.relu(self.conv1(self.conv0(x)) + (x if self.short is None else self.short(x)))


class _Gate(nn.Layer):
    """Features made up to twice as strong where the guidance says so, then mixed: the guidance flow."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self._gate_conv = nn.Sequential(
            nn.BatchNorm2D(channels + 1),
            nn.Conv2D(channels + 1, channels + 1, 1),
            nn.ReLU(),
            nn.Conv2D(channels + 1, 1, 1),
            nn.BatchNorm2D(1),
            nn.Sigmoid(),
        )
        self.conv = nn.Conv2D(channels, channels, 1, bias_attr=False)

    def forward(self, x: paddle.Tensor, guide: paddle.Tensor) -> paddle.Tensor:
        return self.conv(x * (1 + self._gate_conv(paddle.concat((x, guide), axis=1))))
