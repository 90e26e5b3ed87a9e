"""What weights are, besides their numbers: the network that they belong to, and how its input is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def identity(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what must agree between weights and the configuration that uses them.

    `model` and `backbone` are types, `normalisation` has `mean` and `std`, `channels` is the order of the colours that
    the network sees, RGB or BGR.
    """
    model = values.get("model") or {}
    transforms = (values.get("val_dataset") or values.get("train_dataset") or {}).get("transforms") or []
    normalize: Mapping[str, Any] = next((spec for spec in transforms if spec.get("type") == "Normalize"), {})
    turns = sum(spec.get("type") == "LoadImages" and spec.get("to_rgb") is False for spec in transforms)
    return {
        "model": model.get("type"),
        "backbone": (model.get("backbone") or {}).get("type"),
        "normalisation": {
            "mean": list(normalize.get("mean", (0.5, 0.5, 0.5))),
            "std": list(normalize.get("std", (0.5, 0.5, 0.5))),
        },
        "channels": "BGR" if turns % 2 else "RGB",
    }
