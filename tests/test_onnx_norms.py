"""Norms of a converted graph: what they compute stays, and two that share a map become one."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from matting.deployment import onnx_norms

FIRST, SECOND = 3, 2
"""Channels of the batch norm and of the instance norm."""


def halved(order: tuple[int, int]) -> Any:
    """Return MODNet's norm as it is converted, with the halves put together in an order."""
    rng = np.random.default_rng(0)
    numbers = {name: rng.uniform(0.5, 2, FIRST) for name in ("scale", "bias", "mean", "variance")}
    numbers |= {name: rng.uniform(0.5, 2, SECOND) for name in ("own_scale", "own_bias")}
    constants = [numpy_helper.from_array(values.astype(np.float32), name) for name, values in numbers.items()]
    constants.append(numpy_helper.from_array(np.array([FIRST, SECOND]), "sizes"))
    normed = "a_normed", "b_normed"
    nodes = [
        helper.make_node("Split", ["map", "sizes"], ["a", "b"], axis=1),
        helper.make_node("Identity", ["a"], ["same"]),
        helper.make_node(
            "BatchNormalization", ["same", "scale", "bias", "mean", "variance"], ["a_normed"], epsilon=0.1
        ),
        helper.make_node("InstanceNormalization", ["b", "own_scale", "own_bias"], ["b_normed"], epsilon=0.2),
        helper.make_node("Concat", [normed[index] for index in order], ["both"], axis=1),
        helper.make_node("Relu", ["both"], ["result"]),
    ]
    shape = ["batch", FIRST + SECOND, "height", "width"]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("map", "result")]
    graph = helper.make_graph(nodes, "halves", ends[:1], ends[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def computed(model: Any, array: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # it names constants that nobody uses any more
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(["result"], {"map": array})[0]


@pytest.mark.parametrize(("order", "is_joined"), [((0, 1), True), ((1, 0), False)])
def test_norms_compute_the_same_and_split_no_map_that_comes_together_again(
    order: tuple[int, int], is_joined: bool
) -> None:
    rng = np.random.default_rng(1)
    array = rng.normal(3, 2, (2, FIRST + SECOND, 7, 9)).astype(np.float32)
    model = halved(order)
    wanted = computed(model, array)
    onnx_norms.rewrite(model)
    kinds = [node.op_type for node in model.graph.node]
    np.testing.assert_allclose(computed(model, array), wanted, atol=2e-6)
    assert ("Split" not in kinds and "BatchNormalization" not in kinds) == is_joined
    assert "InstanceNormalization" not in kinds
