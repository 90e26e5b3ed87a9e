"""What is done with every frame: its matte, made steady, and from both the pixels of all results."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from matting.composite import composite
from matting.foreground import estimate_foreground
from matting.pictures.files import quantise
from matting.prediction.backgrounds import Scene
from matting.prediction.framing import WHOLE
from matting.video.source import Frame, Source
from matting.video.task import Matter, Task


@dataclass
class Work:
    """A frame on its way through the stages."""

    frame: Frame
    alpha: np.ndarray
    foreground: np.ndarray | None
    pixels: dict[str, np.ndarray] = field(default_factory=dict)


def matted(ahead: Iterator[Frame | None], matte: Matter, task: Task, made: int | None) -> Iterator[Work]:
    """Yield frames with their mattes, but for those up to the stamp `made`, which there are already."""
    held: collections.deque[Work] = collections.deque()

    def ready(mattes: Iterable[np.ndarray]) -> Iterator[Work]:
        for alpha in mattes:
            work = dataclasses.replace(held.popleft(), alpha=alpha)
            if made is None or work.frame.stamp > made:
                yield work

    for frame in ahead:
        if frame is None:
            break
        alpha, foreground = matte(frame.image)
        held.append(Work(frame, alpha, foreground))
        steady = task.steadier.push(frame.image, alpha) if task.steadier else [(frame.image, alpha)]
        yield from ready(matte for _, matte in steady)
    if task.steadier:
        yield from ready(matte for _, matte in task.steadier.finish())


def compose(work: Work, source: Source, task: Task) -> Work:
    """Make the pixels of every kind that a result or a window wants."""
    matte = quantise(work.alpha)
    work.pixels["alpha"] = matte
    kinds = {result.kind for result in task.results}
    if kinds == {"alpha"}:
        return work
    image, weight = work.frame.image, matte.astype(np.float32) / 255
    foreground = work.foreground
    if foreground is None:
        foreground = estimate_foreground(image, weight, task.fg_estimate)
    if "rgba" in kinds:
        pixels = np.dstack((foreground, matte))
        pixels[matte == 0] = 0  # what was cut away is gone
        work.pixels["rgba"] = pixels
    if "composite" in kinds and task.backdrop is not None:
        scene = Scene(image, weight, WHOLE.frame(matte), name=source.path.stem)
        seconds = float((work.frame.stamp - source.origin) * source.time_base)
        work.pixels["composite"] = composite(foreground, weight, task.backdrop(scene, seconds))
    return work
