"""The names of torchvision's ImageNet backbones, and ours for the parameters whose shapes agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from matting.conversion.names import Taken, norm_names

Arrays = Mapping[str, np.ndarray]

_VGG16 = {1: (0, 2), 2: (5, 7), 3: (10, 12, 14), 4: (17, 19, 21), 5: (24, 26, 28)}
"""The numbers of torchvision's convolutions, by our block."""


def vgg16(arrays: Arrays) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the thirteen kernels of VGG16 under our names, and what stays behind.

    Our VGG16 has no biases, as in the published weights of DIM, and no classifier; `_conv_6` stands for fc6.
    """
    taken = Taken(arrays)
    converted = {
        f"_conv_block_{block}._conv_{index}.weight": taken[f"features.{number}.weight"]
        for block, numbers in _VGG16.items()
        for index, number in enumerate(numbers, start=1)
    }
    return converted, taken.left()


def mobilenetv2(arrays: Arrays) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the weights of MobileNetV2 under our names, and what stays behind: the classifier.

    torchvision's has no 1x1 expansion in its first block: build ours with `expand_first: False`.
    """
    taken = Taken(arrays)
    return {ours: taken[theirs] for ours, theirs in _mobilenetv2_names()}, taken.left()


def resnet50(arrays: Arrays) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return what ResNet50_vd shares with ResNet50 under our names, and what stays behind.

    The variant has three 3x3 convolutions for the 7x7 stem, which therefore stays behind with its norm. Its shortcuts
    begin with an average pooling, so the rest is a start, not the same function.
    """
    taken = Taken(arrays)
    return {ours: taken[theirs] for ours, theirs in _resnet50_names()}, taken.left()


def _mobilenetv2_names() -> Iterator[tuple[str, str]]:
    yield from _unit("conv1", "features.0.0", "features.0.1")
    number = 1
    for stage, blocks in enumerate((1, 2, 3, 4, 3, 3, 1), start=2):
        for block in range(1, blocks + 1):
            ours = f"conv{stage}." + ("_first_block" if block == 1 else f"conv{stage}_{block}")
            theirs = f"features.{number}.conv"
            units = ["_expand_conv", "_bottleneck_conv"][0 if stage > 2 else 1 :]
            for position, unit in enumerate(units):
                yield from _unit(f"{ours}.{unit}", f"{theirs}.{position}.0", f"{theirs}.{position}.1")
            last = len(units)
            yield from _unit(f"{ours}._linear_conv", f"{theirs}.{last}", f"{theirs}.{last + 1}")
            number += 1
    yield from _unit("conv9", f"features.{number}.0", f"features.{number}.1")


def _resnet50_names() -> Iterator[tuple[str, str]]:
    for stage, blocks in enumerate((3, 4, 6, 3)):
        for block in range(blocks):
            ours, theirs = f"bb_{stage}_{block}", f"layer{stage + 1}.{block}"
            for index in range(3):
                yield from _unit(f"{ours}.conv{index}", f"{theirs}.conv{index + 1}", f"{theirs}.bn{index + 1}")
            if block == 0:
                yield from _unit(f"{ours}.short", f"{theirs}.downsample.0", f"{theirs}.downsample.1")


def _unit(ours: str, conv: str, norm: str) -> Iterator[tuple[str, str]]:
    yield f"{ours}._conv.weight", f"{conv}.weight"
    yield from norm_names(f"{ours}._batch_norm", norm)
