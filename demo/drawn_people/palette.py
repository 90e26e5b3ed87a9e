"""Colours of skin, hair and cloth as photographs show them, with some variation at each draw."""

from __future__ import annotations

import numpy as np

_SKIN = np.array(
    [(246, 214, 192), (236, 198, 170), (224, 180, 148), (205, 156, 122), (180, 128, 96), (142, 96, 70), (104, 70, 54)]
)
_HAIR = np.array(
    [(26, 22, 21), (42, 31, 26), (66, 45, 32), (98, 66, 42), (146, 104, 62), (196, 156, 102), (222, 192, 146)]
    + [(128, 62, 34), (150, 146, 142), (212, 208, 202)]
)
_CLOTH = np.array(
    [(32, 34, 40), (236, 234, 228), (44, 62, 104), (120, 132, 146), (150, 44, 48), (66, 98, 72), (196, 168, 128)]
    + [(88, 64, 52), (214, 180, 72), (104, 74, 128), (220, 150, 160), (70, 130, 150), (224, 112, 60), (180, 196, 214)]
)


def skin(rng: np.random.Generator) -> np.ndarray:
    """Return a skin colour, (3,) float64 RGB in [0, 255]."""
    return _vary(rng, _SKIN[rng.integers(len(_SKIN))], 6.0)


def hair(rng: np.random.Generator) -> np.ndarray:
    """Return a hair colour, (3,) float64 RGB in [0, 255]; now and then a dyed one."""
    if rng.random() < 0.05:
        return rng.uniform(40, 220, 3)
    return _vary(rng, _HAIR[rng.integers(len(_HAIR))], 7.0)


def cloth(rng: np.random.Generator) -> np.ndarray:
    """Return the colour of a piece of clothing, (3,) float64 RGB in [0, 255]."""
    return _vary(rng, _CLOTH[rng.integers(len(_CLOTH))], 16.0)


def _vary(rng: np.random.Generator, colour: np.ndarray, spread: float) -> np.ndarray:
    # Lightness varies more than hue.
    changed = colour + rng.normal(0.0, spread) + rng.normal(0.0, spread / 3, 3)
    return np.clip(changed, 6.0, 250.0)
