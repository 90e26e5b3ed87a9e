"""An optimizer's state under the network's own names, so that it fits whatever else a process has made before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle


def portable(optimizer: paddle.optimizer.Optimizer, network: paddle.nn.Layer) -> dict[str, Any]:
    """Return the optimizer's state keyed by the network's own names.

    Paddle keys it by parameter names that count all layers made in a process (conv2d_57.w_0), which agree with nothing
    when another network was made before.
    """
    ours = {parameter.name: name for name, parameter in network.named_parameters()}
    return _renamed(optimizer.state_dict(), ours, lambda value: value.numpy())


def restore(optimizer: paddle.optimizer.Optimizer, network: paddle.nn.Layer, state: Mapping[str, Any]) -> None:
    """Give an optimizer the state that `portable` returned."""
    theirs = {name: parameter.name for name, parameter in network.named_parameters()}
    optimizer.set_state_dict(_renamed(state, theirs, paddle.to_tensor))


def _renamed(state: Mapping[str, Any], names: Mapping[str, str], convert: Any) -> dict[str, Any]:
    """Rename `<parameter><suffix>` keys, converting arrays; nested mappings (master weights) likewise."""
    renamed: dict[str, Any] = {}
    for key, value in state.items():
        if isinstance(value, Mapping):
            renamed[key] = _renamed(value, names, convert) if key == "master_weights" else dict(value)
            continue
        stem = key
        while stem not in names and "_" in stem:
            stem = stem.rpartition("_")[0]
        new = names[stem] + key[len(stem) :] if stem in names else key
        renamed[new] = convert(value) if isinstance(value, np.ndarray | paddle.Tensor) else value
    return renamed
