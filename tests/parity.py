"""Weights and inputs that depend on names and shapes alone, and the reference numbers computed with them.

The reference implementations were filled by the same recipe; `golden/*.npz` holds what they computed. Maps of the
input's size are stored at every fourth row and column.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from matting.conversion import modnet

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


def soc_outputs() -> dict[str, np.ndarray]:
    """Return what a network and its teacher may say of the batch: float32 NCHW in [0, 1], by `SOCLoss`'s names.

    Details and mattes differ from the teacher's everywhere, and on clear background semantics and matte lie on both
    sides of 0.01.
    """
    rng = np.random.default_rng(20220301)
    truth = batch()["alpha"]
    count, _, height, width = truth.shape

    def near(centre: np.ndarray, spread: float) -> np.ndarray:
        return np.clip(centre + spread * rng.standard_normal(centre.shape), 0, 1).astype(np.float32)

    # The floor rises from column to column, so that it passes 0.01 in the shrunken matte too.
    floor = np.linspace(0, 0.03, width, dtype=np.float32)
    coarse = truth.reshape(count, 1, height // 16, 16, width // 16, 16).mean(axis=(3, 5))
    small = rng.uniform(0, 0.02, coarse.shape).astype(np.float32)
    return {
        "alpha": np.maximum(near(0.97 * truth, 0.001), floor),
        "detail": near(truth, 0.1),
        "semantic": np.where(coarse > 0, near(0.9 * coarse, 0.05), small).astype(np.float32),
        "teacher_alpha": near(0.9 * truth, 0.05),
        "teacher_detail": near(truth, 0.1),
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


def modnet_torch_weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return the recipe's values of the authors' network under our names.

    Args:
        shapes: of our network. The two linear layers of the authors' SE block are 1x1 convolutions in ours.
    """
    arrays = {}
    for ours, theirs in modnet.names():
        shape = shapes[ours]
        linear = ".fc." in theirs
        arrays[ours] = weight(theirs, shape[:2] if linear else shape).reshape(shape)
    return arrays
