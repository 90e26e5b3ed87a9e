"""Keeping the pictures of the worst and the best images of a set, however large the set is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from matting.evaluation.report.panels import Panels

WORST, BEST = 24, 12
"""How many are kept of either."""


@dataclass
class Extremes:
    """The panels of the images with the highest and the lowest values seen so far.

    Attributes:
        lower_is_better: whether the highest value is the worst.
    """

    lower_is_better: bool = True
    worst: int = WORST
    best: int = BEST
    _kept: list[tuple[float, str, Panels]] = field(default_factory=list)
    _moment: tuple[str, int] | None = None

    def add(self, name: str, value: float, panels: Panels, moment: tuple[str, int] | None = None) -> None:
        """Offer an image; one without a value (NaN) is passed over.

        Args:
            moment: of a clip; of images in a row that have the same one, the worst alone is kept.
        """
        if math.isnan(value):
            return
        new = value if self.lower_is_better else -value, name, panels
        if moment is not None and moment == self._moment:
            self._kept[-1] = max(self._kept[-1], new, key=lambda item: item[0])
            return
        if len(self._kept) > 2 * (self.worst + self.best):
            self._trim()
        self._kept.append(new)
        self._moment = moment

    def merge(self, other: Extremes) -> None:
        """Take what another one kept, of another rank."""
        self._kept += other._kept
        self._trim()

    def panels(self) -> dict[str, Panels]:
        """Return the panels by name, the worst first."""
        self._trim()
        return {name: panels for _, name, panels in self._kept}

    def _trim(self) -> None:
        self._kept.sort(key=lambda item: (-item[0], item[1]))
        if len(self._kept) > self.worst + self.best:
            end = self._kept[-self.best :] if self.best else []
            self._kept = self._kept[: self.worst] + end
