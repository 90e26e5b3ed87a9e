"""The RSSN augmentation: layers disturbed before compositing, so that grain and sharpness do not tell them apart."""

from __future__ import annotations

import cv2
import numpy as np

_DENOISE_STRENGTH = 3
_BLUR_SIZES = (19, 29, 39, 49, 59)


def disturb(foreground: np.ndarray, background: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Remove noise from both, blur the background, or neither, or both, each with probability 1/2."""
    if rng.random() < 0.5:
        foreground, background = (
            cv2.fastNlMeansDenoisingColored(layer, None, _DENOISE_STRENGTH, _DENOISE_STRENGTH, 7, 21)
            for layer in (foreground, background)
        )
    if rng.random() < 0.5:
        size = int(rng.choice(_BLUR_SIZES))
        background = cv2.GaussianBlur(background, (size, size), 0)
    return foreground, background
