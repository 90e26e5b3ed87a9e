"""Making a network whole that came for prediction only: norms with statistics, and the heads that training needs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import paddle
from paddle.nn import functional as F

from matting import trimap
from matting.errors import MattingError
from matting.losses import terms
from matting.models.layers import ConvNorm
from matting.pictures.files import read_image

logger = logging.getLogger(__name__)

FITTED = ("head.lr_branch.conv_lr.", "head.hr_branch.conv_hr.")
"""MODNet's heads that only training has, which an export for prediction leaves out."""

_SIDE = 512
"""Pixels on a side of what the statistics are measured over: the size that MODNet is trained at."""

_MOST, _LARGEST_SHORT = 64, 768
"""Photographs that are read, and pixels of their short side."""

STEPS = 100
"""Of fitting the heads."""

_FITTING_SIDE, _FITTING_CROPS, _FITTING_BATCH, _FITTING_RATE = 256, 16, 4, 0.003


def complete(network: paddle.nn.Layer, pictures: Sequence[np.ndarray], steps: int = STEPS, seed: int = 0) -> None:
    """Measure the encoder's norms and fit the heads of training; in evaluation the network stays the function it was.

    Args:
        network: a MODNet.
        pictures: photographs of what the network is for, (H, W, 3) RGB uint8; no labels are needed.
        steps: of fitting, each with 4 of 16 crops of 256 px.
        seed: of crops and mirroring.

    Raises:
        MattingError: there are no pictures, or the network has no such heads.
    """
    if not pictures:
        raise MattingError("there are no pictures to measure the norms over; give some photographs of people")
    calibrate(network, pictures)
    fit_heads(network, pictures, steps, seed)


def lacks_heads(network: paddle.nn.Layer) -> bool:
    """Return whether a MODNet came without the heads of training, which then say 1/2 everywhere."""
    kernels = [value for name, value in network.named_parameters() if name == f"{FITTED[0]}layers.0.weight"]
    return any(not kernel.numpy().any() for kernel in kernels)


def read_pictures(paths: Sequence[Path]) -> list[np.ndarray]:
    """Read photographs for `complete`: at most 64, spread over all that are given, none larger than it can use."""
    chosen = sorted({round(index) for index in np.linspace(0, len(paths) - 1, min(len(paths), _MOST))})
    pictures = []
    for index in chosen:
        picture = read_image(paths[index])
        factor = _LARGEST_SHORT / min(picture.shape[:2])
        if factor < 1:
            picture = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        pictures.append(picture)
    return pictures


def calibrate(network: paddle.nn.Layer, pictures: Sequence[np.ndarray]) -> None:
    """Give the encoder's batch norms the statistics of these pictures, without changing what they compute.

    A norm that was folded into its convolution is left with mean 0 and variance 1, which no batch has: in training it
    would be another function than in evaluation. For the measured mean m and variance v of its input, and its old mean
    m', variance v', scale s and shift b, it gets mean m, variance v, scale s sqrt(v + e) / sqrt(v' + e) and shift
    b + s (m - m') / sqrt(v' + e).
    """
    units = [layer for layer in network.backbone.sublayers() if isinstance(layer, ConvNorm)]
    sums = {id(unit): np.zeros((3, unit._batch_norm.bias.shape[0])) for unit in units}

    def measure(unit: ConvNorm) -> None:
        def hook(_layer: paddle.nn.Layer, _inputs: object, output: paddle.Tensor) -> None:
            axes = [0, 2, 3]
            # By all cores in float32, but the variance by itself: the difference of two large sums would lose it.
            mean = output.mean(axes).numpy().astype(np.float64)
            variance = output.var(axes, unbiased=False).numpy().astype(np.float64)
            # A picture counts once, whatever its size.
            sums[id(unit)] += (np.ones_like(mean), mean, variance + np.square(mean))

        hooks.append(unit._conv.register_forward_post_hook(hook))

    hooks: list = []
    network.eval()
    for unit in units:
        measure(unit)
    try:
        with paddle.no_grad():
            for picture in pictures:
                network.backbone(_tensor([cv2.resize(picture, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)]))
    finally:
        for hook in hooks:
            hook.remove()
    for unit in units:
        count, total, squares = sums[id(unit)]
        _restate(unit._batch_norm, total / count, np.maximum(squares / count - np.square(total / count), 0))


def _restate(norm: paddle.nn.Layer, mean: np.ndarray, variance: np.ndarray) -> None:
    """Write a batch norm's function with other statistics."""
    scale, shift, old_mean, old_variance = (
        part.numpy().astype(np.float64) for part in (norm.weight, norm.bias, norm._mean, norm._variance)
    )
    factor = scale / np.sqrt(old_variance + norm._epsilon)
    for part, value in (
        (norm.weight, factor * np.sqrt(variance + norm._epsilon)), (norm.bias, shift + factor * (mean - old_mean)),
        (norm._mean, mean), (norm._variance, variance),
    ):  # fmt: skip
        part.set_value(value.astype(np.float32))


def fit_heads(network: paddle.nn.Layer, pictures: Sequence[np.ndarray], steps: int, seed: int = 0) -> dict[str, float]:
    """Teach MODNet's semantic and detail heads to agree with the network's own matte; all else keeps still.

    What the heads are given does not change meanwhile, so it is computed once for each of 16 crops.

    Returns:
        The two losses, each a mean over the last tenth of the steps.

    Raises:
        MattingError: the network has no such heads.
    """
    if not any(name.startswith(FITTED[0]) for name, _ in network.named_parameters()):
        raise MattingError(f"{type(network).__name__} has no semantic and detail heads; only a MODNet is fitted so")
    rng = np.random.default_rng(seed)
    lessons = [_lesson(network, _crop(pictures[int(rng.integers(len(pictures)))], rng)) for _ in range(_FITTING_CROPS)]
    semantic_head, detail_head = network.head.lr_branch.conv_lr, network.head.hr_branch.conv_hr
    heads = paddle.nn.LayerList([semantic_head, detail_head])
    schedule = paddle.optimizer.lr.CosineAnnealingDecay(_FITTING_RATE, max(steps, 1))
    optimizer = paddle.optimizer.Adam(schedule, parameters=heads.parameters())
    heads.train()
    history = []
    for _ in range(steps):
        chosen = rng.permutation(_FITTING_CROPS)[:_FITTING_BATCH]
        context, details, alpha, unknown = (
            paddle.concat(parts) for parts in zip(*(lessons[k] for k in chosen), strict=True)
        )
        semantic = terms.mse(F.sigmoid(semantic_head(context)), terms.reduced(alpha))
        detail = terms.masked_l1(F.sigmoid(detail_head(details)), alpha, unknown)
        (semantic + detail).backward()
        optimizer.step()
        optimizer.clear_grad()
        schedule.step()
        history.append((float(semantic), float(detail)))
    heads.eval()
    last = np.mean(history[-max(1, steps // 10) :], axis=0)
    logger.info("fitted the heads of training in %d steps: semantic %.4f, detail %.4f", steps, *last)
    return {"semantic": float(last[0]), "detail": float(last[1])}


def _lesson(network: paddle.nn.Layer, picture: np.ndarray) -> tuple[paddle.Tensor, ...]:
    """Return what the two heads are given of a picture, and the network's own matte with its unknown region."""
    head, given = network.head, []
    network.eval()
    with paddle.no_grad():
        image = _tensor([picture])
        alpha = network(image)["alpha"]
        hooks = [
            part.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
            for part in (head.lr_branch.conv_lr, head.hr_branch.conv_hr)
        ]
        # The mode of the branches alone decides whether the heads are asked; no norm takes part in it.
        head.lr_branch.training = head.hr_branch.training = True
        network(image)
        for hook in hooks:
            hook.remove()
    network.eval()
    matte = trimap.certain(alpha.numpy()[0, 0])
    unknown = paddle.to_tensor(trimap.from_mask(matte, 3, 5)[None, None].astype(np.float32))
    return given[0], given[1], alpha, terms.unknown(unknown)


def _crop(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a square out of a picture, at a half to the whole of its short side, or that mirrored."""
    height, width = picture.shape[:2]
    side = max(1, int(min(height, width) * rng.uniform(0.5, 1)))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    crop = picture[top : top + side, left : left + side]
    crop = cv2.resize(crop, (_FITTING_SIDE, _FITTING_SIDE), interpolation=cv2.INTER_AREA)
    return crop[:, ::-1] if rng.random() < 0.5 else crop


def _tensor(pictures: Sequence[np.ndarray]) -> paddle.Tensor:
    """Return (N, 3, H, W) float32 in [-1, 1] of RGB pictures of one size."""
    return paddle.to_tensor((np.stack(pictures).transpose(0, 3, 1, 2) / 127.5 - 1).astype(np.float32))
