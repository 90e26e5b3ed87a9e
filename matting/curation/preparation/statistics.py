"""Mean and standard deviation of a set's pixels, channel by channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from matting.curation.preparation.writing import Prepared
from matting.pictures.files import read_image, read_trimap
from matting.system.prefetching import read_ahead
from matting.system.progress_meter import progress


@dataclass(frozen=True)
class Statistics:
    """Of `pictures` pictures, by channel (red, green, blue, or one for trimaps), in the unit range."""

    pictures: int
    mean: list[float]
    std: list[float]


def measure(root: Path, prepared: Sequence[Prepared], num_workers: int = 0) -> dict[str, Statistics]:
    """Return the statistics of `image`, and of `trimap` if every picture has one.

    Every pixel of the set counts the same, whatever the size of its picture.
    """
    lines = [result.lines[0].split(" ") for result in prepared]
    statistics = {"image": _measure([root / line[0] for line in lines], read_image, num_workers, "mean of images")}
    trimaps = [root / line[-1].removeprefix("trimap=") for line in lines if "/trimap/" in line[-1]]
    if len(trimaps) == len(lines):
        statistics["trimap"] = _measure(trimaps, read_trimap, num_workers, "mean of trimaps")
    return statistics


def _measure(paths: Sequence[Path], read: Callable[[Path], np.ndarray], num_workers: int, what: str) -> Statistics:
    def moments(path: Path) -> tuple[int, np.ndarray, np.ndarray]:
        pixels = read(path)
        mean, deviation = (values[:, 0] for values in cv2.meanStdDev(pixels))
        return pixels.shape[0] * pixels.shape[1], mean, deviation**2 + mean**2

    count, first, second = 0, np.zeros(1), np.zeros(1)
    results = read_ahead(moments, paths, num_workers)
    for pixels, mean, square in progress(results, len(paths), "picture", what):
        count, first, second = count + pixels, first + pixels * mean, second + pixels * square
    mean = first / count
    return Statistics(
        len(paths),
        [round(float(value), 5) for value in mean / 255],
        [round(float(value), 5) for value in np.sqrt(np.maximum(second / count - mean**2, 0)) / 255],
    )
