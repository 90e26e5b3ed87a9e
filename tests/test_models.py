"""Options and outputs of MODNet; what holds for every network is in test_model_contract.py."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from matting.errors import MattingError
from matting.losses import MODNetLoss
from matting.models import MODNet
from matting.models.backbones import MobileNetV2
from matting.models.layers import EfficientASPP, SEBlock


def batch(side: int = 64) -> dict[str, paddle.Tensor]:
    rng = np.random.default_rng(0)
    alpha = rng.uniform(0, 1, (2, 1, side, side)).astype(np.float32)
    arrays = {
        "image": rng.uniform(-1, 1, (2, 3, side, side)).astype(np.float32),
        "alpha": alpha,
        "trimap": np.select([alpha > 0.7, alpha < 0.3], [255, 0], 128).astype(np.float32),
    }
    return {key: paddle.to_tensor(value) for key, value in arrays.items()}


@pytest.mark.parametrize("context", ["se", "easpp"])
def test_every_parameter_gets_a_gradient(context: str) -> None:
    network = MODNet(MobileNetV2(), context=context)
    target = batch()
    sum(MODNetLoss()(network(target["image"]), target).values()).backward()
    without = [name for name, p in network.named_parameters() if not p.stop_gradient and p.grad is None]
    assert without == []
    finite = [bool(paddle.isfinite(p.grad).all()) for p in network.parameters() if not p.stop_gradient]
    assert all(finite)


def test_side_outputs_exist_while_training_only() -> None:
    network, image = MODNet(MobileNetV2()), batch()["image"]
    output = network(image)
    assert {name: tuple(value.shape) for name, value in output.items()} == {
        "alpha": (2, 1, 64, 64),
        "detail": (2, 1, 64, 64),
        "semantic": (2, 1, 4, 4),
    }
    assert all(float(value.min()) >= 0 and float(value.max()) <= 1 for value in output.values())
    network.eval()
    assert set(network(image)) == {"alpha"}


def test_a_size_that_the_stride_does_not_divide_is_refused() -> None:
    with pytest.raises(MattingError, match="100x64; both sides must be multiples of 32"):
        MODNet(MobileNetV2())(paddle.zeros([1, 3, 64, 100]))


def test_an_unknown_context_is_refused() -> None:
    with pytest.raises(MattingError, match="se, easpp"):
        MODNet(MobileNetV2(), context="aspp")


def test_easpp_looks_around_where_squeeze_and_excitation_does_not() -> None:
    def parameters(layer: paddle.nn.Layer) -> int:
        return sum(p.size for p in layer.parameters() if not p.stop_gradient)

    easpp, excitation = EfficientASPP(64), SEBlock(64)
    assert parameters(easpp) == 64 * 16 + 32 + 4 * 9 * 16 + 4 * 16 + 32 + 16 * 64 + 128
    assert parameters(excitation) == 2 * 64 * 16
    easpp.eval()
    x = paddle.zeros([1, 64, 15, 15])
    x[0, :, 7, 7] = 1.0
    reach = (easpp(x) - easpp(paddle.zeros_like(x))).abs().sum(axis=1)[0].numpy() > 0
    rows = np.flatnonzero(reach.any(axis=1))
    assert rows.min() == 7 - 6 and rows.max() == 7 + 6
