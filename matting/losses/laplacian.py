"""Alpha alone, compared scale by scale: a criterion for any network."""

from __future__ import annotations

from collections.abc import Mapping

import paddle
from paddle import nn

from matting.errors import MattingError
from matting.losses import terms
from matting.registry import LOSSES


@LOSSES.register
class LaplacianLoss(nn.Layer):
    """The difference of Laplacian pyramids (AIM, Li et al., arXiv 2107.07235; PaddleSeg Matting's of that name).

    Args:
        weight: of the whole image.
        transition: weight of the same with the unknown region alone; a trimap is needed if it is not 0.
        levels: of the pyramid; crops must have sides of at least 2 ** levels.
    """

    def __init__(self, weight: float = 1.0, transition: float = 0.0, levels: int = 5) -> None:
        super().__init__()
        if not isinstance(levels, int) or not 1 <= levels <= 10:
            raise MattingError(f"LaplacianLoss: levels is {levels!r}; it must be a whole number from 1 to 10")
        self.weight, self.transition, self.levels = weight, transition, levels
        self.needs: tuple[str, ...] = ("trimap",) if transition else ()

    def forward(
        self, output: Mapping[str, paddle.Tensor], target: Mapping[str, paddle.Tensor]
    ) -> dict[str, paddle.Tensor]:
        """Return the weighted terms as scalars.

        Args:
            output: `alpha` (N, 1, H, W) in [0, 1].
            target: `alpha`, and with `transition` also `trimap` (N, 1, H, W).

        Raises:
            MattingError: a side is below 2 ** levels.
        """
        alpha, truth = output["alpha"], target["alpha"]
        if min(alpha.shape[2:]) < 2**self.levels:
            raise MattingError(
                f"LaplacianLoss of {self.levels} levels got {alpha.shape[3]}x{alpha.shape[2]}; sides must be at least "
                f"{2**self.levels}: enlarge the crops, or lower levels"
            )
        weighted = {"laplacian": self.weight * terms.laplacian(alpha, truth, levels=self.levels)}
        if self.transition:
            inside = terms.laplacian(alpha, truth, terms.unknown(target["trimap"]), self.levels)
            weighted["laplacian_transition"] = self.transition * inside
        return weighted
