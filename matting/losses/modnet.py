"""What MODNet learns from: semantics, detail, and their fusion."""

from __future__ import annotations

from collections.abc import Mapping

import paddle
from paddle import nn
from paddle.nn import functional as F

from matting.errors import MattingError
from matting.losses import terms
from matting.registry import LOSSES

_DETAIL_MEANS = ("unknown", "image")


@LOSSES.register
class MODNetLoss(nn.Layer):
    """The losses of MODNet (Ke et al., arXiv 2011.11961, equations 1 to 4), weighed as PaddleSeg Matting does.

    Differs: the paper weighs semantic and fusion terms by 1 and detail by 10 and has no consistency term.

    Args:
        semantic: weight of the squared error of S against the reduced, blurred alpha.
        detail: weight of the absolute error of D in the unknown region.
        detail_mean: what that error is a mean over: "unknown", the region itself; or "image", all pixels, as in the
            authors' code, which makes the term smaller by the region's share.
        fusion: weight of the three fusion terms.
        boundary: how much more the unknown region counts in the absolute error and the composition error.
        consistency: weight, within fusion, of the squared difference between S and the reduced prediction outside the
            unknown region; 0 leaves the term out. The prediction learns from it as much as S.

    Raises:
        MattingError: `detail_mean` is neither.
    """

    needs = ("trimap",)

    def __init__(
        self,
        semantic: float = 1.0,
        detail: float = 10.0,
        detail_mean: str = "unknown",
        fusion: float = 1.0,
        boundary: float = 4.0,
        consistency: float = 1.0,
    ) -> None:
        super().__init__()
        if detail_mean not in _DETAIL_MEANS:
            raise MattingError(f"detail_mean is {detail_mean!r}; it must be one of {', '.join(_DETAIL_MEANS)}")
        self.semantic, self.detail, self.detail_mean = semantic, detail, detail_mean
        self.fusion, self.boundary, self.consistency = fusion, boundary, consistency

    def forward(
        self, output: Mapping[str, paddle.Tensor], target: Mapping[str, paddle.Tensor]
    ) -> dict[str, paddle.Tensor]:
        """Return the weighted terms as scalars.

        Args:
            output: `alpha`, `detail` (N, 1, H, W) and `semantic` (N, 1, H/16, W/16), in [0, 1].
            target: `image` (N, 3, H, W), `alpha` and `trimap` (N, 1, H, W).
        """
        alpha, truth, image = output["alpha"], target["alpha"], target["image"]
        mask = terms.unknown(target["trimap"])
        outline = terms.inside(mask, alpha, truth)
        weighted = {
            "semantic": self.semantic * terms.mse(output["semantic"], terms.reduced(truth)),
            "detail": self.detail * self._detail(output["detail"], truth, mask),
            "fusion_l1": self.fusion * (terms.l1(alpha, truth) + self.boundary * terms.l1(outline, truth)),
            "fusion_composition": self.fusion
            * (terms.composition(alpha, truth, image) + self.boundary * terms.composition(outline, truth, image)),
        }
        if self.consistency:
            agreement = self._consistency(alpha, output["semantic"], target["trimap"])
            weighted["fusion_consistency"] = self.fusion * self.consistency * agreement
        return weighted

    def _detail(self, detail: paddle.Tensor, truth: paddle.Tensor, mask: paddle.Tensor) -> paddle.Tensor:
        if self.detail_mean == "unknown":
            return terms.masked_l1(detail, truth, mask)
        return terms.l1(terms.inside(mask, detail, truth), truth)

    @staticmethod
    def _consistency(alpha: paddle.Tensor, semantic: paddle.Tensor, trimap: paddle.Tensor) -> paddle.Tensor:
        size = semantic.shape[2:]
        mask = terms.unknown(F.interpolate(trimap, size=size, mode="nearest"))
        return terms.mse(terms.inside(mask, semantic.detach(), terms.reduced(alpha)), semantic)
