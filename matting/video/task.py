"""What is made of a clip or a camera: the description that commands give and the work follows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matting.choices import ESTIMATES
from matting.video.backdrop import Backdrop
from matting.video.formats import Result
from matting.video.sound import CARRIED
from matting.video.source import Span
from matting.video.steadying import Steadier

SEGMENT = 10.0
"""Seconds of a clip between two moments from which work can go on after a kill."""

Matter = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
"""As `Predictor.stream()`: takes frames in turn, (H, W, 3) RGB uint8, and gives alpha, (H, W) float32 in [0, 1], and
the foreground's own colours, (H, W, 3) uint8, where the network finds them."""


@dataclass(frozen=True)
class Task:
    """What is made of a source.

    Attributes:
        results: the files, or folders of pictures.
        span: the part that is cut out.
        fg_estimate: how the foreground's colours are found, where the network does not; of `choices.ESTIMATES`.
        backdrop: behind composites.
        carried: of `sound.CARRIED`.
        settings: all that the results depend on; None begins anew each time.
        segment: seconds of a segment.
        remembers: whether a frame's matte depends on the frames before.
        steadier: makes mattes steady in time; None leaves them as the network gives them.
        show: is given every frame's pixels, of the last result.
        overlap: whether the stages run at the same time.
    """

    results: Sequence[Result]
    span: Span = Span()
    fg_estimate: str = ESTIMATES[0]
    backdrop: Backdrop | None = None
    carried: tuple[str, ...] = CARRIED
    settings: Any = None
    segment: float = SEGMENT
    remembers: bool = False
    steadier: Steadier | None = None
    show: Any = None
    overlap: bool = True
