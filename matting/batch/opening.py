"""The network of a batch as it goes to the workers: not loaded, but all that loading it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from matting.errors import MattingError

if TYPE_CHECKING:
    import numpy as np

    from matting.predictor import Predictor


@dataclass(frozen=True)
class Opened:
    """A network that cuts out, and perhaps one that draws trimaps for it."""

    predictor: Predictor
    drawer: Callable[[np.ndarray], np.ndarray] | None = None


@dataclass(frozen=True)
class Opening:
    """How every worker comes by the same network.

    Attributes:
        weights: as for `matting.load`; what a path names must lie there on every machine.
        options: of `matting.load`.
        trimap_from: `CONFIG:WEIGHTS` of the network that draws trimaps.
    """

    weights: str
    options: Mapping[str, Any] = field(default_factory=dict)
    trimap_from: str | None = None

    def open(self, has_trimaps: bool) -> Opened:
        """Load it.

        Args:
            has_trimaps: pictures come with trimaps, all or some of them.

        Raises:
            MattingError: it cannot be loaded here, or needs trimaps that nobody has or draws.
        """
        from matting.deployment.loading import load, trimap_drawer

        predictor = load(self.weights, **self.options)
        if predictor.takes_trimap and self.trimap_from is None and not has_trimaps:
            raise MattingError(
                f"{self.weights} needs a trimap of every picture; give --trimap_path or a manifest's column trimap, "
                "or let a network draw them: --trimap_from CONFIG:WEIGHTS"
            )
        return Opened(predictor, trimap_drawer(self.trimap_from, self._runtime()) if self.trimap_from else None)

    def made_with(self) -> dict[str, Any]:
        """Return what mattes depend on besides the pictures (`provenance.made_with`), without loading the network."""
        from matting.deployment.loading import configuration
        from matting.prediction.provenance import made_with

        given = self.options.get("config")
        values = given if isinstance(given, Mapping) else configuration(self.weights, given)
        return made_with(values, self.weights, self._runtime(), self.trimap_from)

    def _runtime(self) -> Any:
        from matting.deployment.loading import Runtime

        return Runtime(**{key: value for key, value in self.options.items() if key not in ("config", "partial")})
