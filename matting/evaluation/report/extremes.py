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

    def add(self, name: str, value: float, panels: Panels) -> None:
        """Offer an image; one without a value (NaN) is passed over."""
        if math.isnan(value):
            return
        self._kept.append((value if self.lower_is_better else -value, name, panels))
        if len(self._kept) > 2 * (self.worst + self.best):
            self._trim()

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
