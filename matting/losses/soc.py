"""What MODNet adapts by without labels: its own branches must agree, and its details must stay."""

from __future__ import annotations

from collections.abc import Mapping

import paddle
from paddle import nn
from paddle.nn import functional as F

from matting.errors import MattingError
from matting.losses import terms
from matting.registry import LOSSES

FORMULAS = ("authors", "paper")

_SHOWS = 0.1
"""From this alpha on a pixel belongs to the foreground whose boundary is looked at."""

_BARELY = 0.01
"""Up to here a pixel's prediction is background to who learns from it."""

_WIDTH = 0.05
"""Side of the boundary's window, as a share of the mean of height and width."""


@LOSSES.register
class SOCLoss(nn.Layer):
    """Sub-objectives consistency (MODNet, Ke et al., arXiv 2011.11961, section 4.3).

    "authors" is the code's loss: `semantic` weighs the squared distances between the semantic map and the shrunken
    matte, each in turn held still and 0 up to 0.01, so that both go to 0 on clear background; `detail` the distances of
    details and matte from the teacher's on the boundary.
    "paper" is equations 5 and 6, which have 0.5 times the root of the squared distance on semantics with the matte held
    still, and pull details towards the matte, and towards the teacher's details, on the boundary.

    Differs: a picture without a boundary adds nothing to the detail terms, where the authors' code divides 0 by 0.

    Args:
        semantic: weight of the semantic term.
        detail: weight of the detail terms.
        formula: one of `FORMULAS`.
    """

    needs = ()

    def __init__(self, semantic: float = 100.0, detail: float = 1.0, formula: str = "authors") -> None:
        super().__init__()
        if formula not in FORMULAS:
            raise MattingError(f"SOCLoss: formula is {formula!r}; it must be one of {', '.join(FORMULAS)}")
        self.semantic, self.detail, self.formula = semantic, detail, formula

    def forward(
        self, output: Mapping[str, paddle.Tensor], target: Mapping[str, paddle.Tensor]
    ) -> dict[str, paddle.Tensor]:
        """Return the weighted terms as scalars.

        Args:
            output: `alpha`, `detail` (N, 1, H, W), `semantic` (N, 1, H/16, W/16), and the teacher's `teacher_alpha`,
                `teacher_detail` (N, 1, H, W).
            target: not looked at: there are no labels.
        """
        alpha, semantic, detail = output["alpha"], output["semantic"], output["detail"]
        shrunken = terms.reduced(alpha)
        edge = boundary(alpha, semantic)
        if self.formula == "authors":
            both = terms.mse(semantic, _target(shrunken)) + terms.mse(shrunken, _target(semantic))
            return {
                "soc_semantic": self.semantic * both,
                "soc_detail": self.detail * _on(edge, detail, output["teacher_detail"]),
                "soc_matte": self.detail * _on(edge, alpha, output["teacher_alpha"]),
            }
        distance = (semantic - shrunken.detach()).square().sum(axis=(1, 2, 3)) + 1e-12
        return {
            "soc_semantic": self.semantic * 0.5 * distance.sqrt().mean(),
            "soc_matte": self.detail * _on(edge, detail, alpha.detach()),
            "soc_detail": self.detail * _on(edge, detail, output["teacher_detail"]),
        }


def boundary(alpha: paddle.Tensor, semantic: paddle.Tensor) -> paddle.Tensor:
    """Return where the predicted foreground begins or ends: (N, 1, H, W) float32, 1 there and 0 elsewhere.

    Dilation minus erosion with a square window, as the authors' code does with SciPy; here by maxima along rows and
    then along columns, on the device that the network is on.

    Args:
        alpha: (N, 1, H, W).
        semantic: (N, 1, H/16, W/16).
    """
    height, width = alpha.shape[2:]
    shows = (semantic.detach() > _SHOWS).astype("float32")
    coarse = F.interpolate(shows, size=(height, width), mode="bilinear", align_corners=False)
    foreground = (alpha.detach() > _SHOWS).astype("float32") * coarse
    side = max(int((height + width) / 2 * _WIDTH), 1)
    return (_highest(foreground, side, 1) + _highest(-foreground, side, 0) != 0).astype("float32")


def _target(prediction: paddle.Tensor) -> paddle.Tensor:
    """Return what another branch shall learn from a prediction, in the authors' code: 0 where it is barely above 0."""
    still = prediction.detach()
    return still * (still > _BARELY).astype(still.dtype)


def _highest(x: paddle.Tensor, side: int, shift: int) -> paddle.Tensor:
    """Return the maximum over a window of `side`; `shift` says which middle of an even window is its centre."""
    # SciPy centres dilation and erosion by an even window on opposite middles.
    before = side // 2 - (shift if side % 2 == 0 else 0)
    after = side - 1 - before
    x = F.pad(x, [before, after, before, after], mode="replicate")
    return _highest_along(_highest_along(x, side, 2), side, 3)


def _highest_along(x: paddle.Tensor, side: int, axis: int) -> paddle.Tensor:
    """Return the maximum over windows along one axis, which is shorter by `side - 1` then."""
    # Windows of 1, 2, 4... from two of half their length: few passes, where pooling compares `side` values for each.
    width = 1
    while width < side:
        step = min(width, side - width)
        size = x.shape[axis] - step
        x = paddle.maximum(paddle.slice(x, [axis], [0], [size]), paddle.slice(x, [axis], [step], [size + step]))
        width += step
    return x


def _on(mask: paddle.Tensor, one: paddle.Tensor, other: paddle.Tensor) -> paddle.Tensor:
    """Return the mean over pictures of the mean distance where the mask is 1; a picture without any counts 0."""
    apart = (mask * (one - other).abs()).sum(axis=(1, 2, 3))
    return (apart / mask.sum(axis=(1, 2, 3)).clip(min=1)).mean()
