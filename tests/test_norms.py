"""Norms that are held: the statistics they came with, in training too, while scale and shift learn."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from matting.errors import MattingError
from matting.training.norms import hold_norms


def layer() -> paddle.nn.Layer:
    paddle.seed(0)
    made = paddle.nn.Sequential(paddle.nn.Conv2D(3, 4, 3), paddle.nn.BatchNorm2D(4), paddle.nn.ReLU())
    made[1]._mean.set_value(np.full(4, 0.5, np.float32))
    return made


def test_held_norms_compute_in_training_what_they_do_in_evaluation() -> None:
    network, x = layer(), paddle.rand([2, 3, 16, 16])
    network.eval()
    expected = network(x).numpy()
    network.train()
    assert np.abs(network(x).numpy() - expected).max() > 0.1
    network = layer()
    hold_norms(network, "held")
    network.train()
    np.testing.assert_allclose(network(x).numpy(), expected, atol=1e-5)
    np.testing.assert_array_equal(network[1]._mean.numpy(), np.full(4, 0.5, np.float32))
    network(x).sum().backward()
    assert float(network[1].weight.grad.abs().sum()) > 0 and float(network[0].weight.grad.abs().sum()) > 0


def test_nothing_is_held_unless_asked_and_a_wrong_word_is_told() -> None:
    network, x = layer(), paddle.rand([2, 3, 16, 16])
    hold_norms(network, None)
    network.train()
    network(x)
    assert float((network[1]._mean - 0.5).abs().max()) > 0
    with pytest.raises(MattingError, match="held"):
        hold_norms(network, "frozen")
