"""What the metrics ask of their inputs, and how they read them: two mattes and a region of one size."""

from __future__ import annotations

import numpy as np

from matting.errors import MattingError


def check(prediction: np.ndarray, truth: np.ndarray, region: np.ndarray | None = None) -> None:
    """Refuse what cannot be scored.

    Args:
        prediction, truth: (H, W) uint8, or floating point in [0, 1].
        region: (H, W) bool, the pixels to score; None for all of them.

    Raises:
        MattingError: sizes differ, a type or range is another one, or the region holds no pixel.
    """
    for name, matte in (("prediction", prediction), ("truth", truth)):
        if matte.ndim != 2 or matte.size == 0:
            raise MattingError(f"the {name} has the shape {matte.shape}; a matte is (height, width): give one channel")
        if matte.dtype == np.uint8:
            continue
        if not np.issubdtype(matte.dtype, np.floating):
            raise MattingError(f"the {name} is of type {matte.dtype}; give uint8 (0 to 255) or float (0 to 1)")
        low, high = float(matte.min()), float(matte.max())
        if not (low >= 0.0 and high <= 1.0):  # written so that NaN is refused too
            raise MattingError(
                f"the {name} runs from {low:g} to {high:g}; a float matte lies in [0, 1]: clip or divide it first"
            )
    if prediction.shape != truth.shape:
        raise MattingError(
            f"the prediction is {size_text(prediction)} but the truth is {size_text(truth)}; "
            "the sizes must agree: score at the size of the truth"
        )
    if region is None:
        return
    if region.dtype != np.bool_ or region.shape != truth.shape:
        raise MattingError(
            f"the region is {region.dtype} {size_text(region)} but the truth is {size_text(truth)}; "
            "a region is bool and of the same size, such as trimap == 128"
        )
    if not region.any():
        raise MattingError("the region holds no pixel, so nothing can be scored; leave it out to score the whole image")


def size_text(array: np.ndarray) -> str:
    """Return the size the way people write it, width first."""
    return "x".join(str(n) for n in array.shape[1::-1] + array.shape[2:])


def as_alpha(matte: np.ndarray) -> np.ndarray:
    """Return the matte as float64 in [0, 1]; a new array unless it is float64 already."""
    if matte.dtype == np.uint8:
        return matte / 255.0
    return matte.astype(np.float64, copy=False)
