"""Scoring the trimaps that a network draws inside: what its semantic phase is validated by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import paddle

from matting import trimap
from matting.errors import MattingError
from matting.evaluation.table import Evaluation, mean_of
from matting.metrics.trimap_agreement import CLASSES, trimap_agreement
from matting.predictor import padded
from matting.sample import Sample
from matting.system import exchange
from matting.system.read_ahead import read_ahead
from matting.transforms.compose import Compose
from matting.transforms.geometry import undo

NAME = "trimap"
"""What to give as `--metrics` for it, in any case."""


def is_asked_for(names: Sequence[str]) -> bool:
    """Return whether `--metrics` asks for the trimaps' score, which stands alone."""
    return [name.casefold() for name in names] == [NAME]


def evaluate_trimaps(
    network: paddle.nn.Layer,
    transforms: Sequence[Callable[..., Sample]],
    dataset: Any,
    num_workers: int = 0,
) -> Evaluation:
    """Draw a trimap of every picture of a set and score it at the original size.

    The truth is the sample's own trimap, or else the one made of its alpha by the evaluation rule.

    Args:
        network: gives `trimap_logits` while training; it is left in the mode in which it came.
        dataset: a `MattingDataset` in mode val.

    Raises:
        MattingError: the set is empty, or the network draws no trimap.
    """
    if len(dataset) == 0:
        raise MattingError("the validation set is empty, so there is nothing to measure; check val_file")
    if not hasattr(network, "trimap_probabilities"):
        raise MattingError(f"--metrics {NAME}: {type(network).__name__} draws no trimap; give SAD, MSE, ...")
    mine = range(exchange.rank(), len(dataset), exchange.ranks())
    prepare, rows = Compose(list(transforms)), []
    for index, sample in zip(mine, read_ahead(dataset.read, mine, num_workers), strict=True):
        truth = sample["trimap"] if "trimap" in sample else trimap.for_evaluation(sample["alpha"])
        drawn = draw_trimap(network, prepare, sample["image"])
        height, width = truth.shape
        row = {"name": sample["name"], "height": height, "width": width, **trimap_agreement(drawn, truth)}
        rows.append((index, row))
    gathered = sorted((item for part in exchange.gather(rows) for item in part), key=lambda item: item[0])
    ordered = [row for _, row in gathered]
    names = [name for name in ordered[0] if name.startswith(NAME)]
    return Evaluation(ordered, {name: mean_of(ordered, name) for name in names})


def draw_trimap(network: paddle.nn.Layer, prepare: Compose, image: np.ndarray) -> np.ndarray:
    """Return the trimap that a network draws of a photograph, (H, W) uint8 in {0, 128, 255} at its size.

    Args:
        image: (H, W, 3) RGB uint8.
    """
    sample = padded(prepare(Sample(image=image)), network.stride, network.stride)
    batch = paddle.to_tensor(np.ascontiguousarray(sample["image"].transpose(2, 0, 1)[None], np.float32))
    was_training = network.training
    network.eval()
    with paddle.no_grad():
        probabilities = network.trimap_probabilities(batch)[0].astype("float32").numpy()
    if was_training:
        network.train()
    planes = [undo(plane, sample.get("undo", ())) for plane in probabilities]
    if planes[0].shape != image.shape[:2]:
        planes = [cv2.resize(plane, image.shape[1::-1], interpolation=cv2.INTER_LINEAR) for plane in planes]
    return np.array(list(CLASSES.values()), np.uint8)[np.argmax(planes, axis=0)]
