"""Trained weights and what they were trained as, compared with the configuration before its network takes them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matting.errors import MattingError
from matting.weights import finite
from matting.weights.download import located
from matting.weights.files import weights_file
from matting.weights.fitting import load_weights
from matting.weights.identity import identity
from matting.weights.safetensors_format import is_safetensors, read_identity
from matting.weights.state_file import read_state

NETWORK, STATE, CONFIG = "model.pdparams", "state.json", "config.yml"
"""The files of a checkpoint folder that say what its network is."""


def load_trained(network: Any, source: str | Path, values: Mapping[str, Any], partial: bool = False) -> None:
    """Put trained weights into a network.

    Args:
        network: a `matting.models.base.MattingModel`.
        source: a checkpoint folder, a file of weights, a URL, or a published name.
        partial: take what fits, even of weights that were trained as something else.

    Raises:
        MattingError: they do not fit the network, say that they were trained as something else, or are not finite.
    """
    source = weights_file(located(source))
    if not partial:
        _check_identity(source, identity(values))
    load_weights(network, source, partial)
    finite.check(network, source)


def _check_identity(file: Path, ours: Mapping[str, Any]) -> None:
    """Compare what stands in or beside a file of weights with what the configuration will make of it."""
    theirs, cure = {}, "use the configuration that it was trained with"
    if is_safetensors(file):
        theirs = read_identity(file)
    elif file.name == NETWORK and (file.parent / STATE).is_file():
        theirs = read_state(file.parent / STATE).get("identity", {})
        cure = f"use the configuration saved beside it: {file.parent / CONFIG}"
    for key in theirs:
        if theirs[key] != ours.get(key):
            raise MattingError(
                f"{file} was trained with {key} {theirs[key]}, the configuration says {ours.get(key)}; {cure}"
            )
