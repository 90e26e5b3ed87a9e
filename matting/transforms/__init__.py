"""Transforms of samples, under the names and keys that PaddleSeg Matting's configurations use."""

from matting.transforms.compose import Compose, LoadImages
from matting.transforms.crop import RandomCrop, RandomCropByAlpha
from matting.transforms.geometry import Padding, RandomHorizontalFlip, undo
from matting.transforms.photometric import (
    Normalize,
    RandomBlur,
    RandomDistort,
    RandomNoise,
    RandomReJpeg,
    RandomSharpen,
)
from matting.transforms.resize import (
    LimitLong,
    LimitShort,
    RandomResize,
    Resize,
    ResizeByLong,
    ResizeByReference,
    ResizeByShort,
    ResizeToIntMult,
)

__all__ = [
    "Compose",
    "LimitLong",
    "LimitShort",
    "LoadImages",
    "Normalize",
    "Padding",
    "RandomBlur",
    "RandomCrop",
    "RandomCropByAlpha",
    "RandomDistort",
    "RandomHorizontalFlip",
    "RandomNoise",
    "RandomReJpeg",
    "RandomResize",
    "RandomSharpen",
    "Resize",
    "ResizeByLong",
    "ResizeByReference",
    "ResizeByShort",
    "ResizeToIntMult",
    "undo",
]
