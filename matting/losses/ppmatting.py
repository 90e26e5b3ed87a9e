"""What PP-Matting and PP-MattingV2 learn from: distances and gradients of alpha, everywhere and in the transition."""

from __future__ import annotations

from collections.abc import Mapping

import paddle
from paddle import nn
from paddle.nn import functional as F

from matting.losses import terms
from matting.registry import LOSSES
from matting.sample import BACKGROUND, UNKNOWN


@LOSSES.register
class PPMattingV2Loss(nn.Layer):
    """The losses of PP-MattingV2, weighed as PaddleSeg Matting does.

    Args:
        distance: weight of the root of the squared error.
        gradient: weight of the error of the Sobel gradient's magnitude.
        transition: how much more the unknown region counts in both.
        coarse: how much both count for the head at stride 8, against the alpha averaged to its size.
    """

    needs = ("trimap",)

    def __init__(
        self, distance: float = 1.0, gradient: float = 1.0, transition: float = 2.0, coarse: float = 1.0
    ) -> None:
        super().__init__()
        self.distance, self.gradient, self.transition, self.coarse = distance, gradient, transition, coarse

    def forward(
        self, output: Mapping[str, paddle.Tensor], target: Mapping[str, paddle.Tensor]
    ) -> dict[str, paddle.Tensor]:
        """Return the weighted terms as scalars.

        Args:
            output: `alpha` (N, 1, H, W) and `alpha_8x` (N, 1, H/8, W/8), in [0, 1].
            target: `alpha` and `trimap` (N, 1, H, W).
        """
        alpha, truth, mask = output["alpha"], target["alpha"], terms.unknown(target["trimap"])
        small, small_truth = output["alpha_8x"], F.avg_pool2d(truth, 8, 8)
        weighted = {}
        for name, weight, term in (
            ("distance", self.distance, terms.charbonnier),
            ("gradient", self.gradient, terms.sobel),
        ):
            weighted[name] = weight * (term(alpha, truth) + self.transition * term(alpha, truth, mask))
            weighted[f"coarse_{name}"] = self.coarse * weight * term(small, small_truth)
        return weighted


@LOSSES.register
class PPMattingLoss(nn.Layer):
    """The losses of PP-Matting (Chen et al., arXiv 2204.09433), weighed as PaddleSeg Matting does.

    Differs: without a foreground and a background the composition term is left out; PaddleSeg fills in the photograph
    for both, and the term is a constant then.

    Args:
        semantic: weight of the cross entropy of foreground, transition and background.
        detail: weight of distance and gradient of the detail in the unknown region.
        fusion: weight of distance, gradient and composition of alpha.
    """

    needs = ("trimap",)

    def __init__(self, semantic: float = 0.25, detail: float = 0.25, fusion: float = 0.25) -> None:
        super().__init__()
        self.semantic, self.detail, self.fusion = semantic, detail, fusion

    def forward(
        self, output: Mapping[str, paddle.Tensor], target: Mapping[str, paddle.Tensor]
    ) -> dict[str, paddle.Tensor]:
        """Return the weighted terms as scalars.

        Args:
            output: `alpha`, `detail` (N, 1, H, W) and `semantic` (N, 3, H, W), probabilities of foreground, transition
                and background.
            target: `alpha` and `trimap` (N, 1, H, W), and of composed samples `foreground`, `background` (N, 3, H, W).
        """
        alpha, detail, truth, trimap = output["alpha"], output["detail"], target["alpha"], target["trimap"]
        mask = terms.unknown(trimap)
        weighted = {
            "semantic": self.semantic * self._cross_entropy(output["semantic"], trimap),
            "detail_distance": self.detail * terms.charbonnier(detail, truth, mask),
            "detail_gradient": self.detail * terms.sobel(detail, truth, mask),
            "fusion_distance": self.fusion * terms.charbonnier(alpha, truth),
            "fusion_gradient": self.fusion * terms.sobel(alpha, truth),
        }
        if "foreground" in target and "background" in target:
            composites = (a * target["foreground"] + (1 - a) * target["background"] for a in (alpha, truth))
            weighted["fusion_composition"] = self.fusion * terms.charbonnier(*composites)
        return weighted

    @staticmethod
    def _cross_entropy(semantic: paddle.Tensor, trimap: paddle.Tensor) -> paddle.Tensor:
        label = (trimap == UNKNOWN).astype("int64") + 2 * (trimap == BACKGROUND).astype("int64")
        return F.nll_loss((semantic + 1e-6).log(), label.squeeze(1))
