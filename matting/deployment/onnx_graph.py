"""Finishing touches on a converted ONNX graph: clear names, nothing unused, and means that stay exact on large maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from matting.engines import Interface


def finish(content: bytes, interface: Interface, description: str) -> bytes:
    """Return a converted model with its outputs named, its free sizes named, and its instance norms spread out.

    Args:
        content: a serialised model with 4-dimensional inputs, and the outputs of the interface in its order.
    """
    states = {*interface.states, *interface.gives[len(interface.outputs) :]}
    model = onnx.load_model_from_string(content)
    for old, new in zip([value.name for value in model.graph.output], interface.gives, strict=True):
        _rename(model, old, new)
    for value in (*model.graph.input, *model.graph.output):
        # Runtimes take sizes of one name for equal; a state's are its own, and its channels too: it may be one zero.
        own = f"{value.name}_" if value.name in states else ""
        sizes = ("batch", f"{own}channels" if own else "", f"{own}height", f"{own}width")
        for dimension, name in zip(value.type.tensor_type.shape.dim, sizes, strict=True):
            if not dimension.HasField("dim_value") and name:
                dimension.dim_param = name
    _spread_instance_norms(model)
    used = {name for node in model.graph.node for name in node.input}
    for unused in [value for value in model.graph.initializer if value.name not in used]:
        model.graph.initializer.remove(unused)
    model.producer_name, model.doc_string = "matting", description
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _rename(model: Any, old: str, new: str) -> None:
    for node in model.graph.node:
        for names in (node.input, node.output):
            for index, name in enumerate(names):
                if name == old:
                    names[index] = new
    for value in model.graph.output:
        if value.name == old:
            value.name = new


def _spread_instance_norms(model: Any) -> None:
    """Write instance norms as means over rows, then over columns.

    OpenVINO adds all pixels of a map into one float32 sum, which on half a million pixels moves alpha by 5e-4. Means of
    means leave 6e-5 and take the same time.
    """
    nodes = []
    for number, node in enumerate(model.graph.node):
        if node.op_type == "InstanceNormalization":
            nodes += _means(model, node, f"instance_norm_{number}")
        else:
            nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _means(model: Any, node: Any, prefix: str) -> list[Any]:
    source, scale, shift = node.input
    epsilon = next((attribute.f for attribute in node.attribute if attribute.name == "epsilon"), 1e-5)

    def constant(name: str, value: np.ndarray) -> str:
        model.graph.initializer.append(numpy_helper.from_array(value, f"{prefix}/{name}"))
        return f"{prefix}/{name}"

    made: list[Any] = []

    def step(kind: str, name: str, *inputs: str, **attributes: Any) -> str:
        made.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def mean(name: str, of: str) -> str:
        rows = step("ReduceMean", f"{prefix}/{name}_rows", of, axes=[3])
        return step("ReduceMean", f"{prefix}/{name}", rows, axes=[2])

    channels = constant("shape", np.array([1, -1, 1, 1], np.int64))
    centred = step("Sub", f"{prefix}/centred", source, mean("mean", source))
    variance = mean("variance", step("Mul", f"{prefix}/squared", centred, centred))
    stable = step("Add", f"{prefix}/stable", variance, constant("epsilon", np.array(epsilon, np.float32)))
    factor = step(
        "Div", f"{prefix}/factor", step("Reshape", f"{prefix}/scale", scale, channels),
        step("Sqrt", f"{prefix}/deviation", stable),
    )  # fmt: skip
    scaled = step("Mul", f"{prefix}/scaled", centred, factor)
    step("Add", node.output[0], scaled, step("Reshape", f"{prefix}/shift", shift, channels))
    return made
