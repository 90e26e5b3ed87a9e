"""A network that takes no time, for what is around networks: the darker half of a picture is background."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from matting.batch.opening import Opened
from matting.engines.network import Interface
from matting.predictor import Predictor


class Threshold:
    """Alpha is the red channel."""

    interface = Interface()

    def __init__(self, seconds: float = 0.0) -> None:
        self._seconds = seconds

    def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
        time.sleep(self._seconds)
        return {"alpha": np.clip(image[:, :1] / 255, 0, 1).astype(np.float32)}


@dataclass(frozen=True)
class Stub:
    """How workers come by it.

    Attributes:
        name: its settings: another one stands for other weights.
        seconds: that a picture takes.
    """

    name: str = "stub"
    seconds: float = 0.0

    def open(self, has_trimaps: bool) -> Opened:
        return Opened(Predictor(Threshold(self.seconds), []))

    def made_with(self) -> dict[str, Any]:
        return {"weights": self.name}
