"""An ONNX file of the form in which the MODNet authors' network is published, made of a checkpoint's arrays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from matting.conversion.modnet import encoder_names, names

EPSILON = 1e-5


def write_onnx(path: Path, checkpoint: Mapping[str, np.ndarray], leave_out: str = "") -> None:
    """Write what an export leaves of a checkpoint: folded norms under numbers, the head's names, turned matrices.

    The operators stand in the order of the network's computation, with what else an export is full of in between, but
    their outputs lead nowhere: the file is for reading, not for running.
    """
    tensors: list[onnx.TensorProto] = []
    nodes: list[onnx.NodeProto] = []

    def add(kind: str, *arrays: tuple[str, np.ndarray]) -> None:
        tensors.extend(numpy_helper.from_array(array, name) for name, array in arrays)
        nodes.append(helper.make_node(kind, [f"x{len(nodes)}", *(name for name, _ in arrays)], [f"x{len(nodes) + 1}"]))

    features = "lr_branch.backbone.model.features"
    kernels = [theirs for ours, theirs in encoder_names(features) if ours.endswith("_conv.weight")]
    norms = [theirs.removesuffix(".weight") for ours, theirs in encoder_names(features) if ours.endswith("norm.weight")]
    for number, (kernel, norm) in enumerate(zip(kernels, norms, strict=True)):
        weight, shift = folded(checkpoint, kernel, norm)
        add("Conv", (f"{1013 + 3 * number}", weight), (f"{1014 + 3 * number}", shift))
        add("Clip")
    for index, number in ((0, 1168), (2, 1169)):
        add("MatMul", (str(number), np.ascontiguousarray(checkpoint[f"lr_branch.se_block.fc.{index}.weight"].T)))
    tensors.append(numpy_helper.from_array(np.array([2], np.int64), "1170"))
    heads = dict.fromkeys(theirs.rpartition(".")[0] for _, theirs in names() if not theirs.startswith("lr_branch.ba"))
    for layer in heads:
        if layer.startswith(("lr_branch.se_block", "lr_branch.conv_lr.", "hr_branch.conv_hr.")) or layer == leave_out:
            continue
        leaves = ("weight", "bias") if layer.endswith(".0") else ("weight", "bias", "running_mean", "running_var")
        kind = "Conv" if layer.endswith(".0") else "BatchNormalization"
        add(kind, *((f"{layer}.{leaf}", checkpoint[f"{layer}.{leaf}"]) for leaf in leaves))
        add("Relu")
    graph = helper.make_graph(nodes, "torch-jit-export", [], [], tensors)
    path.write_bytes(helper.make_model(graph).SerializeToString())


def folded(checkpoint: Mapping[str, np.ndarray], kernel: str, norm: str) -> tuple[np.ndarray, np.ndarray]:
    """Return kernel and shift of a convolution with the norm behind it in one."""
    scale, shift, mean, variance = (
        checkpoint[f"{norm}.{leaf}"] for leaf in ("weight", "bias", "running_mean", "running_var")
    )
    factor = scale / np.sqrt(variance + EPSILON)
    return checkpoint[kernel] * factor[:, None, None, None], shift - factor * mean
