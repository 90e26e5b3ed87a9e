"""The names of the PyTorch version of Semantic Human Matting, and ours for the same parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from matting.conversion.names import Taken, norm_names

_ORDER = [0, 2, 1]
"""Its (background, foreground, unknown) in our order: background, unknown, foreground."""

_FEATURES = "t_net.feature"

_BLOCKS = (1, 2, 3, 4, 3, 3, 1)
"""Inverted residuals in `block_1` to `block_7`."""


def from_torch(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the weights of SHM with the full-resolution MobileNetV2 under our names.

    The channels of the trimap, which that version fuses as (background, foreground, unknown), move into our order, so
    that alpha stays what it was.

    Raises:
        MattingError: a parameter is missing, or one is left over that the network has no place for.
    """
    # The fifth convolution of its M-Net is made and never used.
    taken = Taken(arrays, ignored=("m_net.en_conv_bn_relu_5.",))
    converted = {ours: taken[theirs] for ours, theirs in names()}
    for name in ("tnet.logits.weight", "tnet.logits.bias"):
        converted[name] = converted[name][_ORDER]
    first = converted["mnet.encode1._conv.weight"]
    converted["mnet.encode1._conv.weight"] = np.concatenate((first[:, :3], first[:, 3:][:, _ORDER]), axis=1)
    taken.finish("Semantic Human Matting with MobileNetV2")
    return converted


def names() -> Iterator[tuple[str, str]]:
    """Yield (our name, the PyTorch version's name) of every parameter and statistic."""
    yield from _unit("backbone.conv1", f"{_FEATURES}.head_conv", 0)
    for stage, blocks in enumerate(_BLOCKS, start=2):
        for block in range(1, blocks + 1):
            ours = f"backbone.conv{stage}." + ("_first_block" if block == 1 else f"conv{stage}_{block}")
            # A stage of one block is no sequence there.
            theirs = f"{_FEATURES}.block_{stage - 1}" + (f".{block - 1}" if blocks > 1 else "")
            for position, part in enumerate(("_expand_conv", "_bottleneck_conv", "_linear_conv")):
                yield from _unit(f"{ours}.{part}", f"{theirs}.conv", 3 * position)
    for level in (4, 3, 2, 1):
        yield from _unit(f"tnet.up{level}", f"t_net.s{level + 1}_up_conv", 1, bias=True)
        yield from _unit(f"tnet.fusion{level}", f"t_net.s{level}_fusion", 0, bias=True)
    for leaf in ("weight", "bias"):
        yield f"tnet.logits.{leaf}", f"t_net.last_conv.{leaf}"
    for number in range(1, 5):
        yield from _unit(f"mnet.encode{number}", f"m_net.en_conv_bn_relu_{number}", 0)
        yield from _unit(f"mnet.decode{number}", f"m_net.de_conv_bn_relu_{number}", 0)
        yield f"mnet.grow{number}.weight", f"m_net.deconv_{number}.weight"
    yield "mnet.details.weight", "m_net.conv.weight"


def _unit(ours: str, theirs: str, at: int, bias: bool = False) -> Iterator[tuple[str, str]]:
    yield f"{ours}._conv.weight", f"{theirs}.{at}.weight"
    if bias:
        yield f"{ours}._conv.bias", f"{theirs}.{at}.bias"
    yield from norm_names(f"{ours}._batch_norm", f"{theirs}.{at + 1}")
