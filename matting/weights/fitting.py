"""Weights into networks: all or nothing by default, and what does not fit is listed, with a guess of what it is."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from matting.errors import MattingError
from matting.weights.download import located
from matting.weights.files import read_weights
from matting.weights.guess import guess

logger = logging.getLogger(__name__)


class Layer(Protocol):
    """What this module needs of a network: Paddle's `nn.Layer` has it."""

    def state_dict(self) -> Mapping[str, Any]: ...

    def set_state_dict(self, state_dict: Mapping[str, np.ndarray]) -> Any: ...


class Network(Layer, Protocol):
    """And of a whole one: `matting.models.base.MattingModel` has it."""

    ignored_keys: tuple[str, ...]


@dataclass(frozen=True)
class _Fit:
    """How the names and shapes of a file agree with those of a network."""

    missing: list[str]
    unexpected: list[str]
    ill_shaped: dict[str, str]

    def problems(self) -> str:
        return "; ".join(
            filter(None, (
                _listed("missing", self.missing),
                _listed("unexpected", self.unexpected),
                _listed("of another shape", self.ill_shaped.values()),
            ))
        )  # fmt: skip


def load_weights(network: Network, source: str | Path, partial: bool = False) -> None:
    """Put the weights of a file into a network; see `put`."""
    put(network, read_weights(source), source, partial, network.ignored_keys)


def put(
    layer: Layer,
    arrays: Mapping[str, np.ndarray],
    origin: str | Path,
    partial: bool = False,
    ignored: Sequence[str] = (),
) -> None:
    """Put arrays into a network of exactly the same names and shapes.

    Args:
        origin: where they come from, for messages.
        partial: take what fits, warn of the rest.
        ignored: keys that may be given without being in the network.

    Raises:
        MattingError: anything is missing, left over, or of another shape; with `partial`, nothing fits.
    """
    fit = _compare(layer, arrays, ignored)
    problems, name = fit.problems(), type(layer).__name__
    fitting = _fitting(layer, arrays, fit)
    if problems and not (partial and fitting):
        raise MattingError(
            f"the weights {origin} do not fit the network {name}: {problems}. {guess(arrays)}"
            "Give the configuration that the weights were trained with, or other weights"
        )
    if problems:
        logger.warning("only a part of %s goes into %s: %s", origin, name, problems)
    layer.set_state_dict(fitting)


def load_pretrained(layer: Layer, source: str) -> None:
    """Start a network, or a part of one, from what fits in a file, behind a URL, or under a published name.

    Where the network takes more than the three channels that the file was trained on, the others start from zero.

    Raises:
        MattingError: nothing fits, a name fits with another shape, or the file cannot be fetched.
    """
    if not isinstance(source, str):
        raise MattingError(f"pretrained: {source!r} is no path, URL or published name; give one, or Null for none")
    try:
        arrays = _widened(layer, read_weights(located(source)))
    except MattingError as error:
        raise MattingError(
            f"pretrained: {error}; or go on without it by `pretrained: Null` (--opts model.backbone.pretrained=Null)"
        ) from None
    fit = _compare(layer, arrays)
    fitting = _fitting(layer, arrays, fit)
    name = type(layer).__name__
    if fit.ill_shaped or not fitting:
        problem = _listed("of another shape", fit.ill_shaped.values()) or "no name agrees"
        raise MattingError(
            f"pretrained: {source} does not fit {name}: {problem}. {guess(arrays)}"
            "Give other weights or `pretrained: Null`"
        )
    if fit.missing:
        logger.warning("%s starts from %s; %s", name, source, _listed("not in it, so left as they are", fit.missing))
    layer.set_state_dict(fitting)


def _fitting(layer: Layer, arrays: Mapping[str, np.ndarray], fit: _Fit) -> dict[str, np.ndarray]:
    """Return what fits, in the network's float32 where the file keeps half or double precision."""
    own = layer.state_dict()
    chosen = {key: value for key, value in arrays.items() if key in own and key not in fit.ill_shaped}
    return {
        key: value.astype(np.float32) if value.dtype.kind == "f" and "float32" in str(own[key].dtype) else value
        for key, value in chosen.items()
    }


def _widened(layer: Layer, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give kernels that were trained on RGB the further input channels of the network's stem, with weight zero."""
    own, widened = layer.state_dict(), dict(arrays)
    for key, value in arrays.items():
        shape = tuple(own[key].shape) if key in own else value.shape
        if (
            value.ndim == 4
            and value.shape[1] == 3 < shape[1]
            and value.shape[:1] + value.shape[2:] == shape[:1] + shape[2:]
        ):
            widened[key] = np.zeros(shape, value.dtype)
            widened[key][:, :3] = value
    return widened


def _compare(layer: Layer, arrays: Mapping[str, np.ndarray], ignored: Sequence[str] = ()) -> _Fit:
    own = layer.state_dict()
    return _Fit(
        missing=[key for key in own if key not in arrays],
        unexpected=[key for key in arrays if key not in own and key not in ignored],
        ill_shaped={
            key: f"{key} {list(arrays[key].shape)} for {list(own[key].shape)}"
            for key in own
            if key in arrays and list(arrays[key].shape) != list(own[key].shape)
        },
    )


def _listed(what: str, names: Iterable[str], first: int = 10) -> str:
    names = list(names)
    if not names:
        return ""
    more = ", ..." if len(names) > first else ""
    return f"{len(names)} {what} ({', '.join(names[:first])}{more})"
