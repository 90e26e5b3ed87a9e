"""Cutting out over HTTP: routes for programs, a page for people, and limits on what either may ask."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from matting.errors import MattingError
from matting.serve.limits import Access, Limits

if TYPE_CHECKING:
    import numpy as np
    from fastapi import FastAPI

    from matting.predictor import Predictor

__all__ = ["Access", "Limits", "app"]


def app(
    predictor: Predictor,
    limits: Limits | None = None,
    access: Access | None = None,
    precisions: Mapping[str, Predictor] | None = None,
    drawer: Callable[[np.ndarray], np.ndarray] | None = None,
) -> FastAPI:
    """Return the server as an ASGI application, for a program of your own to run or to mount.

    Args:
        predictor: what `matting.load` returned.
        limits: on what one request, one client and all of them may ask.
        access: who may ask. By default everybody who reaches it, so that the program that mounts it decides.
        precisions: the same network by `fp32`, `bf16` or `int8`, which requests may ask for; none but the first if
            not given.
        drawer: takes a photograph, (H, W, 3) RGB uint8, and draws its trimap, (H, W) uint8 in {0, 128, 255}, for a
            network that needs one where none was sent.

    Raises:
        MattingError: FastAPI is not installed.

    Example:
        >>> uvicorn.run(app(matting.load("modnet-photographic")))  # doctest: +SKIP
    """
    check_installed()
    from matting.serve.application import build
    from matting.serve.desk import Networks

    return build(Networks(predictor, precisions or {}, drawer), limits or Limits(), access or Access())


def check_installed() -> None:
    """Raise a MattingError if a package that serving needs is not there."""
    for name in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        if importlib.util.find_spec(name) is None:
            raise MattingError(
                f"serving needs {name}, which is not installed: pip install fastapi uvicorn python-multipart "
                "prometheus-client, or the extra `serve`"
            )
