"""The MODNet authors' network as they export it to ONNX, and ours for the same parameters."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matting.conversion.modnet import encoder_names, names
from matting.conversion.names import Taken
from matting.conversion.onnx_file import Graph
from matting.errors import MattingError

_NETWORK = "the MODNet authors' ONNX network with MobileNetV2"

_EPSILON = 1e-5
"""What Paddle's batch norms add to a variance."""

_TRAINING_ONLY = ("lr_branch.conv_lr.", "hr_branch.conv_hr.")
"""The heads that give semantics and detail while training, which an export leaves out."""


def from_onnx(graph: Graph) -> dict[str, np.ndarray]:
    """Return the weights of MODNet with MobileNetV2, in the authors' variant, under our names.

    The head's tensors keep their names in an export. The encoder's batch norms are folded into its convolutions, which
    stand in the order of computation: each norm becomes one that changes nothing in evaluation (mean 0, variance 1),
    with the folded shift as its own. `matting.deployment.completion` gives them statistics to train with.

    The heads that only training has start neutral: semantics and detail of 1/2 everywhere, without effect on the
    features before them.

    Raises:
        MattingError: it is another network.
    """
    arrays = Taken(_by_authors_names(graph))
    converted = {}
    for ours, theirs in names():
        if not theirs.startswith("lr_branch.backbone.") and not theirs.startswith(_TRAINING_ONLY):
            value = arrays[theirs]
            converted[ours] = value[:, :, None, None] if value.ndim == 2 else value
    units = [ours.removesuffix("._conv.weight") for ours, _ in encoder_names("") if ours.endswith("._conv.weight")]
    for number, unit in enumerate(units):
        bias = arrays[f"encoder.{number}.bias"]
        converted[f"{unit}._conv.weight"] = arrays[f"encoder.{number}.weight"]
        converted |= identity_norm(f"{unit}._batch_norm", bias)
    arrays.finish(_NETWORK)
    return converted | _neutral_heads(converted)


def identity_norm(name: str, shift: np.ndarray) -> dict[str, np.ndarray]:
    """Return a batch norm that adds `shift` (C,) in evaluation and does nothing else."""
    ones = np.ones_like(shift)
    return {
        f"{name}.weight": ones * np.float32(np.sqrt(1 + _EPSILON)),
        f"{name}.bias": shift,
        f"{name}._mean": 0 * ones,
        f"{name}._variance": ones,
    }


def _by_authors_names(graph: Graph) -> dict[str, np.ndarray]:
    """Return the tensors that the graph computes with: the encoder's numbered, the rest by the authors' names."""
    chosen: dict[str, np.ndarray] = {}
    convolutions = matrices = 0
    for node in graph.nodes:
        tensors = [name for name in node.inputs if name in graph.arrays]
        if node.kind == "Conv" and not any(name.endswith(".weight") for name in tensors):
            weight, bias = _both(tensors)
            chosen[f"encoder.{convolutions}.weight"] = graph.arrays[weight]
            chosen[f"encoder.{convolutions}.bias"] = graph.arrays[bias]
            convolutions += 1
        elif node.kind == "MatMul" and len(tensors) == 1:
            # Squeeze and excitation, whose two matrices an export turns.
            chosen[f"lr_branch.se_block.fc.{2 * matrices}.weight"] = graph.arrays[tensors[0]].T
            matrices += 1
        elif node.kind in ("Conv", "BatchNormalization"):
            chosen |= {name: graph.arrays[name] for name in tensors}
    return chosen


def _both(tensors: list[str]) -> tuple[str, str]:
    if len(tensors) != 2:
        raise MattingError(
            f"a convolution without a name has {len(tensors)} tensors, not a kernel and a folded norm's shift; the "
            f"file is of another network than {_NETWORK}"
        )
    return tensors[0], tensors[1]


def _neutral_heads(converted: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    width, context = (converted[f"head.{name}.layers.0.weight"].shape[0] for name in _WIDTHS)
    rng = np.random.default_rng(0)
    detail, half = "head.hr_branch.conv_hr", width // 2
    fan_in = (width + 3) * 9
    # Zero weights everywhere would never learn; those of the last convolutions alone do.
    kernel = rng.uniform(-1, 1, (width, width + 3, 3, 3)) * np.sqrt(6 / fan_in)
    heads = {
        "head.lr_branch.conv_lr.layers.0.weight": np.zeros((1, context, 3, 3)),
        "head.lr_branch.conv_lr.layers.0.bias": np.zeros(1),
        f"{detail}.0.layers.0.weight": kernel,
        f"{detail}.0.layers.0.bias": np.zeros(width),
        f"{detail}.0.layers.1.bnorm.weight": np.ones(half),
        f"{detail}.0.layers.1.bnorm.bias": np.zeros(half),
        f"{detail}.0.layers.1.bnorm._mean": np.zeros(half),
        f"{detail}.0.layers.1.bnorm._variance": np.ones(half),
        f"{detail}.1.layers.0.weight": np.zeros((1, width, 1, 1)),
        f"{detail}.1.layers.0.bias": np.zeros(1),
    }
    return {name: value.astype(np.float32) for name, value in heads.items()}


_WIDTHS = ("hr_branch.conv_hr2x.3", "lr_branch.conv_lr8x")
"""What the two heads of training take their inputs from."""
