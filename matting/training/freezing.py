"""Which parts of a network learn: `trainable:` of a configuration, for every model."""

from __future__ import annotations

from collections.abc import Sequence

import paddle

from matting.errors import MattingError
from matting.registry import nearest

_NORMS = (paddle.nn.BatchNorm, paddle.nn.BatchNorm2D, paddle.nn.SyncBatchNorm)


def learn_only(network: paddle.nn.Layer, prefixes: Sequence[str] | None) -> None:
    """Stop the gradient of every parameter whose name begins with none of the prefixes.

    Args:
        prefixes: of parameter names, up to a dot, such as `refine` or `head.f_branch`; None or empty: all learn.

    Raises:
        MattingError: a prefix fits no parameter.
    """
    if not prefixes:
        return
    names = [name for name, _ in network.named_parameters()]
    for prefix in prefixes:
        if not any(_under(name, [prefix]) for name in names):
            parts = sorted({name.rpartition(".")[0] for name in names} | {name.partition(".")[0] for name in names})
            raise MattingError(f"trainable: no parameter's name begins with {prefix!r}; {nearest(prefix, parts)}")
    for name, parameter in network.named_parameters():
        if not _under(name, prefixes):
            parameter.stop_gradient = True


def set_training(network: paddle.nn.Layer, prefixes: Sequence[str] | None) -> None:
    """Put a network into training mode, but leave the norms of what is frozen as they are: their statistics too."""
    network.train()
    for name, layer in network.named_sublayers() if prefixes else ():
        # The norms alone: other layers may tell by their mode whether to give what only the loss needs.
        if isinstance(layer, _NORMS) and not _under(name, prefixes or ()):
            layer.eval()


def _under(name: str, prefixes: Sequence[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)
