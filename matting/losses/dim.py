"""What Deep Image Matting learns from: alpha and composite in the unknown region, before and after refinement."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import paddle
from paddle import nn

from matting.errors import MattingError
from matting.losses import terms
from matting.registry import LOSSES

logger = logging.getLogger(__name__)


@LOSSES.register
class DIMLoss(nn.Layer):
    """The losses of Deep Image Matting (Xu et al., arXiv 1703.03872, equations 1 to 3).

    A term of weight 0 is left out, and so is `refined` for a network without refinement: the stages of the paper are
    choices of these weights.

    Args:
        raw: weight of the alpha prediction loss before refinement.
        composition: weight of the composition loss before refinement. Differs: a mean over the three channels too,
            where PaddleSeg Matting sums them.
        refined: weight of the alpha prediction loss after refinement.
    """

    needs = ("trimap",)

    def __init__(self, raw: float = 0.5, composition: float = 0.5, refined: float = 1.0) -> None:
        super().__init__()
        self.raw, self.composition, self.refined = raw, composition, refined
        self._has_told = False

    def forward(
        self, output: Mapping[str, paddle.Tensor], target: Mapping[str, paddle.Tensor]
    ) -> dict[str, paddle.Tensor]:
        """Return the weighted terms as scalars.

        Args:
            output: `raw_alpha` (N, 1, H, W), and `refined_alpha` of a network with refinement.
            target: `image`, `foreground`, `background` (N, 3, H, W), `alpha` and `trimap` (N, 1, H, W). Foreground and
                background are needed by the composition term alone, which is idle without them.

        Raises:
            MattingError: no term is left to learn from.
        """
        truth, mask = target["alpha"], terms.unknown(target["trimap"])
        weighted = {}
        if self.raw:
            weighted["raw"] = self.raw * terms.charbonnier(output["raw_alpha"], truth, mask)
        if self.refined and "refined_alpha" in output:
            weighted["refined"] = self.refined * terms.charbonnier(output["refined_alpha"], truth, mask)
        if self.composition:
            weighted["composition"] = self.composition * self._composition(output["raw_alpha"], target, mask, weighted)
        if not weighted:
            raise MattingError("DIMLoss has no term left: the network has no refinement and the other weights are 0")
        return weighted

    def _composition(
        self, alpha: paddle.Tensor, target: Mapping[str, paddle.Tensor], mask: paddle.Tensor, others: Mapping[str, Any]
    ) -> paddle.Tensor:
        """Return the composition loss; 0 where there are no two layers, between which alone it could tell alphas apart.

        Differs: PaddleSeg fills in the photograph for both layers, and its term is a constant then.
        """
        missing = [key for key in ("foreground", "background") if key not in target]
        if not missing and not bool((target["foreground"] == target["background"]).all()):
            composite = alpha * target["foreground"] + (1 - alpha) * target["background"]
            return terms.charbonnier(composite, target["image"], mask)
        reason = f"there is no {missing[0]}" if missing else "foreground and background are the same picture"
        cure = "list a background for every foreground (`fg bg` lines)"
        if not others:
            raise MattingError(f"DIMLoss has nothing to learn from: {reason} to compose with; {cure}")
        if not self._has_told:
            logger.warning(
                "DIMLoss: the composition term is idle where %s, and alpha is learnt from the other terms alone; %s, "
                "or leave the term out by `loss: {type: DIMLoss, composition: 0}`",
                reason, cure,
            )  # fmt: skip
        self._has_told = True
        return paddle.zeros([], alpha.dtype)
