"""Inputs on which a network shows whether two ways of running it agree: noise, and a picture with soft edges."""

from __future__ import annotations

import numpy as np

from matting.engines.network import Interface
from matting.trimap import for_evaluation


def trial_picture(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a striped disc whose edge fades out over a gradient, and its alpha.

    Returns:
        (height, width, 3) uint8 and (height, width) float32 in [0, 1].
    """
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    radius = np.hypot((rows - height / 2) / height, (columns - width / 2) / width)
    alpha = np.clip((0.4 - radius) / 0.2, 0, 1)
    stripes = 0.5 + 0.4 * np.sin((rows + 2 * columns) / 5)
    foreground = np.dstack((stripes, 0.6 * stripes, 1 - stripes))
    background = np.dstack((rows / height, columns / width, np.full_like(rows, 0.4)))
    image = alpha[..., None] * foreground + (1 - alpha[..., None]) * background
    return np.rint(255 * image).astype(np.uint8), alpha


def trial_inputs(interface: Interface) -> list[tuple[np.ndarray, ...]]:
    """Return noise and the trial picture, of two sizes where sizes are free, the first as a batch of two.

    The picture for a network with a memory is long: such a one works on a reduced frame, if there is much to reduce.
    """
    rng = np.random.default_rng(0)
    step = max(interface.stride, interface.smallest, 32)
    long = 20 if interface.states else 5
    sizes = [(3 * step, 2 * step), (4 * step, long * step)] if interface.size is None else [interface.size] * 2
    noise = rng.normal(size=(2, 3, *sizes[0])).astype(np.float32)
    image, alpha = trial_picture(*sizes[1])
    picture = (image.transpose(2, 0, 1)[None] / 127.5 - 1).astype(np.float32)
    if interface.inputs == ("image",):
        return [(noise,), (picture,)]
    random = rng.choice(np.array([0, 128, 255], np.float32), (2, 1, *sizes[0]))
    return [(noise, random), (picture, for_evaluation(alpha)[None, None].astype(np.float32))]
