"""Weights and inputs that depend on names and shapes alone, and the reference numbers computed with them.

The reference implementations were filled by the same recipe; `golden/*.npz` holds what they computed. Maps of the
input's size are stored at every fourth row and column.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent / "golden"
STEP = 4


def weight(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the value of a parameter or statistic of this name and shape, by PaddleSeg's or PyTorch's leaf names."""
    if not shape:
        return np.zeros(shape, np.int64)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    leaf = name.split(".")[-1]
    if leaf in ("_variance", "running_var"):
        value = rng.uniform(0.5, 1.5, shape)
    elif leaf in ("_mean", "running_mean"):
        value = 0.1 * rng.standard_normal(shape)
    elif len(shape) == 1 and leaf == "weight":
        value = rng.uniform(0.3, 0.7, shape)
    elif len(shape) == 1:
        value = 0.1 * rng.standard_normal(shape)
    else:
        fan_in = int(np.prod(shape[1:])) if len(shape) == 4 else shape[0]
        value = rng.standard_normal(shape) * np.sqrt(2 / fan_in)
    return value.astype(np.float32)


def batch(count: int = 2, height: int = 128, width: int = 160) -> dict[str, np.ndarray]:
    """Return soft discs over noise: float32 NCHW, image in [-1, 1], alpha in [0, 1], trimap in {0, 128, 255}."""
    rng = np.random.default_rng(20211126)
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    alpha = np.empty((count, 1, height, width), np.float32)
    for index in range(count):
        centre = height * (0.4 + 0.1 * index), width * (0.5 - 0.1 * index)
        distance = np.hypot(rows - centre[0], columns - centre[1])
        alpha[index, 0] = np.clip((0.3 * height - distance) / 12 + 0.5, 0, 1)
    foreground, background = (rng.uniform(-1, 1, (count, 3, height, width)).astype(np.float32) for _ in range(2))
    trimap = np.select([alpha >= 1, alpha <= 0], [255, 0], 128).astype(np.float32)
    return {
        "image": alpha * foreground + (1 - alpha) * background,
        "alpha": alpha,
        "trimap": trimap,
        "foreground": foreground,
        "background": background,
    }


def golden(name: str) -> dict[str, np.ndarray]:
    """Return the reference numbers of a network, and under `keys` its parameters as "name AxBxC"."""
    with np.load(GOLDEN / f"{name}.npz") as arrays:
        return dict(arrays)


def sampled(array: np.ndarray) -> np.ndarray:
    """Return what the golden files keep of an array: every fourth row and column of a full-size map."""
    return array[:, :, ::STEP, ::STEP] if array.shape[2] >= 128 else array


def key_list(state: dict[str, object]) -> list[str]:
    """Return a state_dict's names and shapes as the golden files write them."""
    return [f"{key} {'x'.join(map(str, value.shape))}" for key, value in state.items()]  # type: ignore[attr-defined]


def modnet_names_from_torch() -> Iterator[tuple[str, str]]:
    """Yield (our name, the authors' name) for every parameter of MODNet with MobileNetV2 in the authors' layout."""
    leaves = {"weight": "weight", "bias": "bias", "_mean": "running_mean", "_variance": "running_var"}

    def norm(ours: str, theirs: str) -> Iterator[tuple[str, str]]:
        for leaf, their_leaf in leaves.items():
            yield f"{ours}._batch_norm.{leaf}", f"{theirs}.{their_leaf}"

    def unit(ours: str, theirs: str, at: int) -> Iterator[tuple[str, str]]:
        yield f"{ours}._conv.weight", f"{theirs}.{at}.weight"
        yield from norm(ours, f"{theirs}.{at + 1}")

    # The encoder stands twice in a checkpoint, under two names for one storage; a filling in order ends with this one.
    features = "lr_branch.backbone.model.features"
    yield from unit("backbone.conv1", f"{features}.0", 0)
    number = 1
    for stage, blocks in enumerate((1, 2, 3, 4, 3, 3, 1), start=2):
        for block in range(1, blocks + 1):
            ours = f"backbone.conv{stage}." + ("_first_block" if block == 1 else f"conv{stage}_{block}")
            parts = ["_expand_conv", "_bottleneck_conv", "_linear_conv"][0 if stage > 2 else 1 :]
            for position, part in enumerate(parts):
                yield from unit(f"{ours}.{part}", f"{features}.{number}.conv", 3 * position)
            number += 1
    yield from unit("backbone.conv9", f"{features}.{number}", 0)
    for index in (0, 2):
        yield f"head.lr_branch.se_block.conv.{index}.weight", f"lr_branch.se_block.fc.{index}.weight"
    heads = {
        "lr_branch": ("conv_lr16x", "conv_lr8x", "conv_lr-"),
        "hr_branch": ("tohr_enc2x", "conv_enc2x", "tohr_enc4x", "conv_enc4x", "conv_hr4x.0", "conv_hr4x.1",
                      "conv_hr4x.2", "conv_hr2x.0", "conv_hr2x.1", "conv_hr2x.2", "conv_hr2x.3", "conv_hr.0",
                      "conv_hr.1-"),
        "f_branch": ("conv_lr4x", "conv_f2x", "conv_f.0", "conv_f.1-"),
    }  # fmt: skip
    for branch, units in heads.items():
        for name in units:
            at = f"{branch}.{name.rstrip('-')}.layers"
            for leaf in ("weight", "bias"):
                yield f"head.{at}.0.{leaf}", f"{at}.0.{leaf}"
            if not name.endswith("-"):
                for leaf, their_leaf in leaves.items():
                    yield f"head.{at}.1.bnorm.{leaf}", f"{at}.1.bnorm.{their_leaf}"


def modnet_torch_weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return the recipe's values of the authors' network under our names.

    Args:
        shapes: of our network. The two linear layers of the authors' SE block are 1x1 convolutions in ours.
    """
    arrays = {}
    for ours, theirs in modnet_names_from_torch():
        shape = shapes[ours]
        linear = ".fc." in theirs
        arrays[ours] = weight(theirs, shape[:2] if linear else shape).reshape(shape)
    return arrays
