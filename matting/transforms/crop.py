"""Random crops for training: always of the size asked for, inside the picture where it is large enough."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from matting.errors import MattingError
from matting.registry import TRANSFORMS
from matting.sample import HARD_LAYERS, SMOOTH_LAYERS, Sample
from matting.transforms import checks
from matting.transforms.compose import Transform, map_layers, size_of
from matting.transforms.geometry import Cropped, pad, record

DIM_CROP_SIZES = ((320, 320), (480, 480), (640, 640))
"""What Deep Image Matting (Xu et al. 2017, section 3.3) crops to before it resizes to 320."""


def crop(sample: Sample, top: int, left: int, height: int, width: int) -> Sample:
    """Cut the same window out of every layer, as copies, so that the whole picture can be forgotten.

    A background that is not composited yet may have a resolution of its own; the window is mapped in proportion.

    Args:
        top, left, height, width: the window in pixels; it must lie inside the sample.
    """
    full_height, full_width = size_of(sample)

    def cut(layer: np.ndarray) -> np.ndarray:
        rows = _interval(top, height, full_height, layer.shape[0])
        columns = _interval(left, width, full_width, layer.shape[1])
        return layer[rows, columns].copy()

    return record(map_layers(sample, (*SMOOTH_LAYERS, *HARD_LAYERS), cut), Cropped())


def _interval(start: int, length: int, full: int, own: int) -> slice:
    """Map an interval of a side of `full` pixels to one of a side of `own` pixels, at least one pixel long."""
    first = min(own - 1, round(start * own / full))
    return slice(first, max(first + 1, round((start + length) * own / full)))


def _grow(sample: Sample, height: int, width: int, rng: np.random.Generator) -> Sample:
    """Pad a sample smaller than the crop, at a random place of it. Differs: elsewhere such crops come out smaller."""
    below = max(0, height - size_of(sample)[0])
    right = max(0, width - size_of(sample)[1])
    above, left = int(rng.integers(below + 1)), int(rng.integers(right + 1))
    return pad(sample, above, below - above, left, right - left)


@TRANSFORMS.register
class RandomCrop(Transform):
    """Crops at a random place. A sample smaller than the crop is padded with plain background, never stretched.

    Args:
        crop_size: [width, height], or a list of them of which each sample draws one.
    """

    geometric = True

    def __init__(self, crop_size: Sequence = DIM_CROP_SIZES) -> None:
        self.crop_sizes = checks.size_pairs(self, "crop_size", crop_size)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        width, height = self.crop_sizes[int(rng.integers(len(self.crop_sizes)))]
        sample = _grow(sample, height, width, rng)
        full_height, full_width = size_of(sample)
        top, left = self._corner(sample, full_height - height, full_width - width, rng)
        return crop(sample, top, left, height, width)

    def _corner(self, sample: Sample, last_top: int, last_left: int, rng: np.random.Generator) -> tuple[int, int]:
        """Draw the crop's corner, at most (last_top, last_left)."""
        return int(rng.integers(last_top + 1)), int(rng.integers(last_left + 1))


@TRANSFORMS.register
class RandomCropByAlpha(RandomCrop):
    """Crops around a random pixel of partial transparency; where the crop would leave the picture it is moved inside.

    Differs: in PaddleSeg Matting crops at the border come out smaller, and a sample without such a pixel stays whole.

    Args:
        crop_size: as for `RandomCrop`.
        prob: how often; else, and where alpha is 0 or 1 everywhere, the place is drawn evenly.

    Raises:
        MattingError: when called on a sample without alpha.
    """

    def __init__(self, crop_size: Sequence = DIM_CROP_SIZES, prob: float = 0.5) -> None:
        super().__init__(crop_size)
        self.prob = checks.probability(self, "prob", prob)

    def _corner(self, sample: Sample, last_top: int, last_left: int, rng: np.random.Generator) -> tuple[int, int]:
        if "alpha" not in sample:
            raise MattingError(
                "RandomCropByAlpha needs an alpha to crop by; for prediction take it out of the transforms"
            )
        if rng.random() >= self.prob:
            return super()._corner(sample, last_top, last_left, rng)
        partial = np.flatnonzero(cv2.inRange(sample["alpha"], 1e-6, 1 - 1e-6))
        if partial.size == 0:
            return super()._corner(sample, last_top, last_left, rng)
        full_height, full_width = size_of(sample)
        row, column = divmod(int(partial[rng.integers(partial.size)]), full_width)
        top = row - (full_height - last_top) // 2
        left = column - (full_width - last_left) // 2
        return min(max(top, 0), last_top), min(max(left, 0), last_left)
