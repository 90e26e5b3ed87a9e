"""What a transform is, and a list of them applied one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from matting.errors import MattingError
from matting.registry import TRANSFORMS
from matting.sample import COLOUR_LAYERS, Sample


class Transform:
    """A function from sample to sample that changes none of its input's arrays.

    Attributes:
        geometric: moves pixels and leaves their colours alone, so that it may run before foreground and background are
            composited.
    """

    geometric: bool = False

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        """Return the changed sample; every random draw is taken from `rng`."""
        raise NotImplementedError


class Compose:
    """Transforms applied in order.

    Args:
        transforms: built transforms.

    Raises:
        MattingError: what is given is not a list of transforms.
    """

    def __init__(self, transforms: Sequence[Callable[..., Sample]]) -> None:
        if not isinstance(transforms, (list, tuple)) or not all(callable(transform) for transform in transforms):
            raise MattingError(f"transforms is {transforms!r}; it must be a list of transforms")
        self.transforms = list(transforms)

    def __call__(self, sample: Sample, rng: np.random.Generator | None = None) -> Sample:
        """Return the changed sample; without `rng`, random transforms draw the same every time."""
        rng = np.random.default_rng(0) if rng is None else rng
        for transform in self.transforms:
            sample = transform(sample, rng)
        return sample


@TRANSFORMS.register
class LoadImages(Transform):
    """Keeps the configurations of PaddleSeg Matting working: a sample is read before the first transform sees it.

    Args:
        to_rgb: False hands the colours on as blue, green, red, for networks trained so.
    """

    geometric = True

    def __init__(self, to_rgb: bool = True) -> None:
        if not isinstance(to_rgb, bool):
            raise MattingError(f"LoadImages: to_rgb is {to_rgb!r}; it must be True or False")
        self.to_rgb = to_rgb

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        if self.to_rgb:
            return sample
        return map_layers(sample, COLOUR_LAYERS, lambda layer: np.ascontiguousarray(layer[..., ::-1]))


def map_layers(sample: Sample, names: Iterable[str], change: Callable[[np.ndarray], np.ndarray]) -> Sample:
    """Return a copy of a sample in which those of the named layers that are present went through `change`."""
    changed: Any = {**sample}
    for name in names:
        if name in changed:
            changed[name] = change(changed[name])
    return changed


def size_of(sample: Sample) -> tuple[int, int]:
    """Return (height, width) of a sample.

    Before compositing there is no `image`, and `background` may have another size: `foreground` decides, or `alpha`.
    """
    layers: Any = sample
    for name in ("image", "foreground", "alpha"):
        if name in layers:
            return layers[name].shape[:2]
    raise MattingError(f"the sample {layers.get('name', '')!r} has neither image, foreground nor alpha")
