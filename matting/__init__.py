"""Natural image matting on PaddleSeg: a photograph in, the person out, hair and all.

>>> from matting import load, read_image  # doctest: +SKIP
>>> alpha = load("output/best_model")(read_image("photo.jpg"))  # doctest: +SKIP

Importing it is light; what is offered here is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from matting.system import telemetry
from matting.version import __version__

if TYPE_CHECKING:
    from matting.deployment.loading import load
    from matting.errors import MattingError
    from matting.pictures.files import read_image, write_image
    from matting.prediction.single import cutout, cutouts
    from matting.predictor import Predictor

__all__ = ["MattingError", "Predictor", "__version__", "cutout", "cutouts", "load", "read_image", "write_image"]

_HOMES = {
    "MattingError": "errors",
    "Predictor": "predictor",
    "cutout": "prediction.single",
    "cutouts": "prediction.single",
    "load": "deployment.loading",
    "read_image": "pictures.files",
    "write_image": "pictures.files",
}

# Here, because nothing of the package can be imported before it.
telemetry.switch_off()


def __getattr__(name: str) -> Any:
    """Import what the package offers when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'matting' has no attribute {name!r}")
    offered = getattr(importlib.import_module(f"matting.{_HOMES[name]}"), name)
    globals()[name] = offered
    return offered


def __dir__() -> list[str]:
    return sorted(__all__)
