"""Resizing rules: which size a sample is resampled to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from matting.errors import MattingError
from matting.registry import TRANSFORMS
from matting.sample import Sample
from matting.transforms import checks
from matting.transforms.compose import Transform, size_of
from matting.transforms.geometry import resample


def _scale(sample: Sample, factor: float, of: int = 1) -> Sample:
    height, width = (_multiple(max(1, round(side * factor)), of) for side in size_of(sample))
    return resample(sample, height, width)


def _multiple(side: int, of: int) -> int:
    """Return the largest multiple not above `side`, and the smallest of all where that would be 0."""
    return max(of, side - side % of)


@TRANSFORMS.register
class Resize(Transform):
    """Resizes to one size, whatever the proportions.

    Args:
        target_size: [width, height].
    """

    geometric = True

    def __init__(self, target_size: Sequence[int] = (512, 512)) -> None:
        self.width, self.height = checks.size_pair(self, "target_size", target_size)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return resample(sample, self.height, self.width)


@TRANSFORMS.register
class RandomResize(Transform):
    """Resizes by a random factor, proportions kept.

    Args:
        size: [width, height] that the sample just covers at factor 1; None takes the sample's own size.
        scale: [smallest, largest] factor, drawn evenly; None is 1.
        mult_int: of what the sides are multiples, in the one resampling: a second one would blur what is learned from.
            1 leaves them as they come. PaddleSeg has no such argument.
    """

    geometric = True

    def __init__(
        self, size: Sequence[int] | None = None, scale: Sequence[float] | None = None, mult_int: int = 1
    ) -> None:
        self.mult_int = checks.positive_int(self, "mult_int", mult_int)
        self.size = None if size is None else checks.size_pair(self, "size", size)
        self.scale = (1.0, 1.0) if scale is None else self._check_scale(scale)

    def _check_scale(self, scale: Any) -> tuple[float, float]:
        if not isinstance(scale, (list, tuple)) or len(scale) != 2:
            raise MattingError(f"RandomResize: scale is {scale!r}; it must be [smallest, largest]")
        low, high = (checks.number(self, "scale", factor, 0.01, 100) for factor in scale)
        if low > high:
            raise MattingError(f"RandomResize: scale is {scale!r}; the smallest factor comes first")
        return low, high

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        factor = rng.uniform(*self.scale)
        if self.size is not None:
            height, width = size_of(sample)
            factor *= max(self.size[0] / width, self.size[1] / height)
        return _scale(sample, factor, self.mult_int)


@TRANSFORMS.register
class ResizeByShort(Transform):
    """Brings the short side to a length, proportions kept.

    Args:
        short_size: in pixels.
    """

    geometric = True

    def __init__(self, short_size: int) -> None:
        self.short_size = checks.positive_int(self, "short_size", short_size)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return _scale(sample, self.short_size / min(size_of(sample)))


@TRANSFORMS.register
class ResizeByLong(Transform):
    """Brings the long side to a length, proportions kept.

    Args:
        long_size: in pixels.
    """

    geometric = True

    def __init__(self, long_size: int) -> None:
        self.long_size = checks.positive_int(self, "long_size", long_size)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        return _scale(sample, self.long_size / max(size_of(sample)))


@TRANSFORMS.register
class LimitShort(Transform):
    """Brings the short side into limits, proportions kept; a sample within them stays as it is.

    Args:
        max_short, min_short: in pixels; None is no limit.
    """

    geometric = True

    def __init__(self, max_short: int | None = None, min_short: int | None = None) -> None:
        self.min_short, self.max_short = checks.limits(self, "min_short", min_short, "max_short", max_short)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        short = min(size_of(sample))
        return _scale(sample, _limited(short, self.min_short, self.max_short) / short)


@TRANSFORMS.register
class LimitLong(Transform):
    """Brings the long side into limits, proportions kept; a sample within them stays as it is.

    Args:
        max_long, min_long: in pixels; None is no limit.
    """

    geometric = True

    def __init__(self, max_long: int | None = None, min_long: int | None = None) -> None:
        self.min_long, self.max_long = checks.limits(self, "min_long", min_long, "max_long", max_long)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        long = max(size_of(sample))
        return _scale(sample, _limited(long, self.min_long, self.max_long) / long)


def _limited(side: int, low: int | None, high: int | None) -> int:
    if high is not None and side > high:
        return high
    return low if low is not None and side < low else side


@TRANSFORMS.register
class ResizeToIntMult(Transform):
    """Brings both sides down to multiples of a number; a side shorter than it goes up to it.

    Differs: PaddleSeg Matting brings such a short side down to 0, and fails.

    Args:
        mult_int: usually the network's stride.
    """

    geometric = True

    def __init__(self, mult_int: int = 32) -> None:
        self.mult_int = checks.positive_int(self, "mult_int", mult_int)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        height, width = size_of(sample)
        return resample(sample, _multiple(height, self.mult_int), _multiple(width, self.mult_int))


@TRANSFORMS.register
class ResizeByReference(Transform):
    """The MODNet authors' rule for photographs of any size.

    Where the reference lies between the short and the long side, the size stays; else the short side is brought to it.
    Both sides then go down to multiples, in one resampling that averages areas where it shrinks, on the way back too.
    Differs: where it enlarges it is bilinear; the authors' area pooling repeats pixels there, which shows as blocks.

    Args:
        ref_size: the reference, in pixels.
        mult_int: of what the sides are multiples.
    """

    geometric = True

    def __init__(self, ref_size: int = 512, mult_int: int = 32) -> None:
        self.ref_size = checks.positive_int(self, "ref_size", ref_size)
        self.mult_int = checks.positive_int(self, "mult_int", mult_int)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        height, width = size_of(sample)
        short = min(height, width)
        if max(height, width) < self.ref_size or short > self.ref_size:
            height, width = (int(side / short * self.ref_size) for side in (height, width))
        return resample(sample, _multiple(height, self.mult_int), _multiple(width, self.mult_int), by_area=True)
