"""How far a predicted trimap agrees with the true one: accuracy, and intersection over union of each class."""

from __future__ import annotations

import numpy as np

from matting.sample import BACKGROUND, FOREGROUND, UNKNOWN

CLASSES = {"background": BACKGROUND, "unknown": UNKNOWN, "foreground": FOREGROUND}


def trimap_agreement(prediction: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Score a trimap by its pixels.

    Args:
        prediction, truth: (H, W) uint8 in {0, 128, 255}.

    Returns:
        `trimap_mIoU`, the mean over the classes that either has; `trimap_accuracy`; and `trimap_IoU_<class>`, NaN for
        a class that neither has. All in [0, 1], higher is better.
    """
    scores = {}
    for name, value in CLASSES.items():
        one, other = prediction == value, truth == value
        union = np.count_nonzero(one | other)
        scores[f"trimap_IoU_{name}"] = np.count_nonzero(one & other) / union if union else float("nan")
    first = {
        "trimap_mIoU": float(np.nanmean(list(scores.values()))),
        "trimap_accuracy": float(np.mean(prediction == truth)),
    }
    return first | scores
