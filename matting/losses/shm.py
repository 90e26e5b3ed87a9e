"""What Semantic Human Matting learns from: the trimap's classes, alpha, and the composite."""

from __future__ import annotations

from collections.abc import Mapping

import paddle
from paddle import nn
from paddle.nn import functional as F

from matting.errors import MattingError
from matting.losses import terms
from matting.registry import LOSSES
from matting.sample import FOREGROUND, UNKNOWN


@LOSSES.register
class SHMLoss(nn.Layer):
    """The losses of Semantic Human Matting (Chen et al., arXiv 1809.01354, section 4.3) as in its PyTorch version.

    A term of weight 0 is left out; the phases are choices of these weights.

    Args:
        alpha: weight of the alpha prediction loss, over the whole picture.
        composition: weight of the composition loss: what the foreground weighs in the picture, predicted and true.
            Differs: the paper composites onto a background, of which the PyTorch version's data has none.
        cross_entropy: weight of T-Net's classification loss.
    """

    def __init__(self, alpha: float = 0.5, composition: float = 0.5, cross_entropy: float = 0.01) -> None:
        super().__init__()
        self.alpha, self.composition, self.cross_entropy = alpha, composition, cross_entropy
        if not (alpha or composition or cross_entropy):
            raise MattingError("SHMLoss has no term left: alpha, composition and cross_entropy are all 0")
        self.needs = ("trimap",) if cross_entropy else ()

    def forward(
        self, output: Mapping[str, paddle.Tensor], target: Mapping[str, paddle.Tensor]
    ) -> dict[str, paddle.Tensor]:
        """Return the weighted terms as scalars.

        Args:
            output: `alpha` (N, 1, H, W), unbounded, and `trimap_logits` (N, 3, H, W): background, unknown, foreground.
            target: `image` (N, 3, H, W), `alpha` and `trimap` (N, 1, H, W), the trimap in {0, 128, 255}.
        """
        alpha, truth, image = output["alpha"], target["alpha"], target["image"]
        weighted = {}
        everywhere = paddle.ones_like(truth)
        if self.alpha:
            weighted["alpha"] = self.alpha * terms.charbonnier(alpha, truth, everywhere)
        if self.composition:
            composed = terms.charbonnier(alpha * image, truth * image, everywhere)
            weighted["composition"] = self.composition * composed
        if self.cross_entropy:
            labels = trimap_labels(target["trimap"])
            weighted["cross_entropy"] = self.cross_entropy * F.cross_entropy(output["trimap_logits"], labels, axis=1)
        return weighted


def trimap_labels(trimap: paddle.Tensor) -> paddle.Tensor:
    """Return the class of every pixel of a trimap (N, 1, H, W): 0 background, 1 unknown, 2 foreground, as int64."""
    return (trimap == UNKNOWN).astype("int64") + 2 * (trimap == FOREGROUND).astype("int64")
