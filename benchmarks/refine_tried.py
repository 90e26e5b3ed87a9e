"""What was tried beside `--refine fast` and `best` and is not built: functions of a picture and its small matte."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from unittest import mock

import cv2
import numpy as np

from matting import refine as refining
from matting.predictor import Predictor
from matting.refine import refine
from matting.transforms import Normalize, ResizeByShort
from matting.transforms.geometry import undo

SIDE = 512
"""Short side at which the network sees a picture, and the side of crops."""

Way = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Picture (H, W, 3) uint8, small matte enlarged bilinearly (H, W), small matte (h, w) to a matte (H, W)."""


def colours() -> dict[str, Way]:
    """Return the ways that ask the colours."""
    return {
        "stretched alone": stretched,
        "`fast`, not stretched": changed("fast", _STRETCH=np.float32(0)),
        "`fast`, edge-aware weighting (Li 2015)": edge_aware,
        "joint bilateral upsampling (Kopf 2007)": joint_bilateral,
        "`best`, windows of 3x3 (Levin 2008), 60 steps": changed("best", _RADIUS=1, _ROUNDS=60),
        "`best`, windows of 17x17": changed("best", _RADIUS=8),
        "`best`, solved at the network's size": changed("best", _FINER=1),
        "`best`, solved at 4 times the network's size": changed("best", _FINER=4),
        "`best`, holding on a third as strongly": changed("best", _HOLD=np.float32(0.03)),
    }


def networks(predictor: Predictor) -> dict[str, Way]:
    """Return the ways that run the network again, each followed by `best`."""
    whole = Predictor(predictor.network, [ResizeByShort(2 * SIDE), Normalize()])
    middle = Predictor(predictor.network, [ResizeByShort(3 * SIDE // 2), Normalize()])

    def mirrored(by: Predictor, image: np.ndarray) -> np.ndarray:
        return small_matte(by, np.ascontiguousarray(image[:, ::-1]))[:, ::-1]

    def again(*others: Callable[[np.ndarray, np.ndarray], np.ndarray], detail: bool = False) -> Way:
        def refined(image: np.ndarray, alpha: np.ndarray, small: np.ndarray) -> np.ndarray:
            joined = within_band(small, [other(image, small) for other in others], detail)
            return refine(image, enlarged(joined, alpha.shape), joined, "best")

        return refined

    flipped = [lambda image, small, by=by: mirrored(by, image) for by in (predictor, middle)]
    larger, twice = (lambda image, small, by=by: small_matte(by, image) for by in (middle, whole))
    along = lambda image, small: crops(whole, image, small)  # noqa: E731

    return {
        "`best`, the network once": built("best"),
        "mean with the mirrored picture": again(flipped[0]),
        "mean with 1.5 times the size": again(larger),
        "mean with 1.5 times the size and both mirrored": again(larger, *flipped),
        "detail of twice the size": again(twice, detail=True),
        "mean with crops at twice the size": again(along),
        "detail of crops at twice the size": again(along, detail=True),
    }


def small_matte(predictor: Predictor, image: np.ndarray) -> np.ndarray:
    """Return the matte at the size at which the network sees a picture."""
    batch, steps = predictor.prepare(image)
    return undo(predictor.network(batch["image"])["alpha"][0, 0], steps[1:])


def crops(predictor: Predictor, image: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Return the matte at a predictor's larger size: along the band of the small matte of crops of `SIDE` squared,
    which overlap by half and count less towards their borders; elsewhere the small one, enlarged."""
    batch, steps = predictor.prepare(image)
    layers = batch["image"]
    shape = layers.shape[2:]
    band = enlarged(refining._band(small), shape) > 0
    window = np.hanning(SIDE + 2)[1:-1].astype(np.float32)
    total, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    starts = [sorted({*range(0, side - SIDE, SIDE // 2), side - SIDE}) for side in shape]
    for top, left in itertools.product(*starts):
        part = slice(top, top + SIDE), slice(left, left + SIDE)
        if not band[part].any():
            continue
        given = np.ascontiguousarray(layers[(..., *part)])
        total[part] += np.outer(window, window) * predictor.network(given)["alpha"][0, 0]
        weight[part] += np.outer(window, window)
    seen = undo(weight, steps[1:])
    found = undo(total, steps[1:]) / np.maximum(seen, 1e-12)
    return np.where(seen > 0, found, enlarged(small, seen.shape)).astype(np.float32)


def within_band(small: np.ndarray, others: list[np.ndarray], detail: bool) -> np.ndarray:
    """Return the small matte, joined with others within its band: their mean, or with their `detail` added."""
    shape = max((small, *others), key=np.size).shape
    base, band = enlarged(small, shape), enlarged(refining._band(small), shape)
    if detail:
        wanted = base + sum(other - enlarged(reduced(other, small.shape), shape) for other in others)
    else:
        wanted = (base + sum(enlarged(other, shape) for other in others)) / (1 + len(others))
    return np.clip(base + band * (wanted - base), 0, 1).astype(np.float32)


def built(how: str, predictor: Predictor | None = None) -> Way:
    """Return the refinement as it is, by a predictor as people use it, or of a small matte alone."""
    if predictor is None or how == "fast":
        return lambda image, alpha, small: refine(image, alpha, small, how)
    whole = Predictor(predictor.network, predictor.transforms.transforms, how)
    return lambda image, alpha, small: whole(image)


def changed(how: str, **constants: float | np.ndarray) -> Way:
    """Return the refinement with other constants."""

    def refined(image: np.ndarray, alpha: np.ndarray, small: np.ndarray) -> np.ndarray:
        with mock.patch.multiple(refining, **constants):
            return refine(image, alpha, small, how)

    return refined


def stretched(image: np.ndarray, alpha: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Return what the stretching of the band does without any colours."""
    band = enlarged(refining._band(small), alpha.shape)
    return alpha + band * (refining._stretched(alpha) - alpha)


def edge_aware(image: np.ndarray, alpha: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Return `fast` with eps smaller where the picture varies (Li et al., Weighted Guided Image Filtering, TIP 2015,
    equations 5 and 9): over a pixel's variance in 3x3, relative to that of all pixels."""
    grey = reduced(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), small.shape).astype(np.float32) / 255
    variance = cv2.blur(grey * grey, (3, 3)) - cv2.blur(grey, (3, 3)) ** 2 + np.float32(1e-6)
    weight = variance * np.mean(1 / variance)
    epsilon = np.maximum(1e-3 / weight, 1e-5).astype(np.float32)  # less, and float32 finds no inverse
    return changed("fast", _EPSILON=epsilon)(image, alpha, small)


def joint_bilateral(image: np.ndarray, alpha: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Return a mean of 5x5 small pixels, by distance (sigma 1 of them) and by colour (sigma 0.1), within the band."""
    shrunk = reduced(image, small.shape).astype(np.float32) / 255
    rows, columns = np.nonzero(enlarged(refining._band(small), alpha.shape) > 0)
    own = image[rows, columns].astype(np.float32) / 255
    down, across = (
        (at + 0.5) * few / many - 0.5 for at, few, many in zip((rows, columns), small.shape, alpha.shape, strict=True)
    )
    total, weights = np.zeros(len(own), np.float32), np.full(len(own), 1e-12, np.float32)
    for row, column in ((row, column) for row in range(-2, 3) for column in range(-2, 3)):
        y = np.clip(np.rint(down).astype(int) + row, 0, small.shape[0] - 1)
        x = np.clip(np.rint(across).astype(int) + column, 0, small.shape[1] - 1)
        far = (y - down) ** 2 + (x - across) ** 2
        apart = np.square(own - shrunk[y, x]).sum(axis=1)
        weight = np.exp(-far / 2 - apart / (2 * 0.1**2)).astype(np.float32)
        total, weights = total + weight * small[y, x], weights + weight
    found = alpha.copy()
    found[rows, columns] = total / weights
    return np.clip(found, 0, 1)


def enlarged(plane: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a plane at a larger height and width, bilinearly."""
    return cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_LINEAR)


def reduced(plane: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a plane at a smaller height and width, by areas."""
    return cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_AREA)
