"""Cutting out over HTTP: routes for programs, a page for people, and limits on what either may ask."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from matting.errors import MattingError
from matting.serve.limits import Access, Limits

if TYPE_CHECKING:
    from fastapi import FastAPI

    from matting.predictor import Predictor

__all__ = ["Access", "Limits", "app"]


def app(predictor: Predictor, limits: Limits | None = None, access: Access | None = None) -> FastAPI:
    """Return the server as an ASGI application, for a program of your own to run or to mount.

    Args:
        predictor: what `matting.load` returned.
        limits: on what one request, one client and all of them may ask.
        access: who may ask. By default everybody who reaches it, so that the program that mounts it decides.

    Raises:
        MattingError: FastAPI is not installed.

    Example:
        >>> uvicorn.run(app(matting.load("modnet-photographic")))  # doctest: +SKIP
    """
    check_installed()
    from matting.serve.application import build

    return build(predictor, limits or Limits(), access or Access())


def check_installed() -> None:
    """Raise a MattingError if a package that serving needs is not there."""
    for name in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        if importlib.util.find_spec(name) is None:
            raise MattingError(
                f"serving needs {name}, which is not installed: pip install fastapi uvicorn python-multipart "
                "prometheus-client, or the extra `serve`"
            )
