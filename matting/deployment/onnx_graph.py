"""Finishing touches on a converted ONNX graph: clear names, nothing unused, and norms as engines compute them best."""

from __future__ import annotations

from typing import Any

import onnx

from matting.deployment import onnx_norms
from matting.engines import Interface


def finish(content: bytes, interface: Interface, description: str) -> bytes:
    """Return a converted model with its outputs named, its free sizes named, and its norms rewritten.

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
    onnx_norms.rewrite(model)
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
