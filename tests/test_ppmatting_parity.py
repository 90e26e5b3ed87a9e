"""PP-Matting and PP-MattingV2 compute what PaddleSeg Matting's do: outputs, losses, gradients.

The reference computed in float32, and in training mode the batch statistics of small maps amplify its rounding: noise
of one part in ten million on the input changes gradient norms of PP-Matting by 3e-3 of the largest, 2e-3 in the median.
So ours is computed in float64; PP-Matting's training outputs are held to 1e-4 on average and 1e-3 at most, its gradient
norms to 5e-3 of the largest and 2e-3 in the median. PP-MattingV2's are held to 1e-4 and to 1e-3 of the largest.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import paddle
import pytest
from paddle.nn import functional as F

import parity
from matting.losses import PPMattingLoss, PPMattingV2Loss, terms
from matting.models import PPMatting, PPMattingV2
from matting.models.backbones import STDC1, HRNet_W18
from matting.models.base import MattingModel
from matting.models.layers import pooled
from matting.models.ppmattingv2 import strongest

LOSS = 1e-4
V2 = "ppmattingv2-stdc1"
V1 = "ppmatting-hrnet_w18"


def v2() -> PPMattingV2:
    widths = [128, 96, 64, 32, 16]
    return PPMattingV2(STDC1(), widths, head_channel=8, dpp_output_channel=256, dpp_merge_type="add")


def v1() -> PPMatting:
    return PPMatting(HRNet_W18())


def filled(make: Callable[[], MattingModel], name: str) -> tuple[MattingModel, dict[str, np.ndarray]]:
    network, golden = make(), parity.golden(name)
    assert sorted(parity.key_list(network.state_dict())) == sorted(golden["keys"])
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    network.set_state_dict({key: parity.weight(key, shape) for key, shape in shapes.items()})
    return network, golden


def tensors(dtype: str = "float64") -> dict[str, paddle.Tensor]:
    return {key: paddle.to_tensor(value.astype(dtype)) for key, value in parity.batch().items()}


def apart(ours: paddle.Tensor, golden: np.ndarray) -> np.ndarray:
    return np.abs(parity.sampled(ours.numpy()) - golden)


def test_outputs_and_losses_of_ppmattingv2() -> None:
    network, golden = filled(v2, V2)
    batch = tensors()
    network.to(dtype="float64")
    with paddle.no_grad():
        network.eval()
        assert apart(network(batch["image"])["alpha"], golden["eval_alpha"]).max() < 1e-4
        network.train()
        output = network(batch["image"])
        values = {name: float(value) for name, value in PPMattingV2Loss()(output, batch).items()}
    for name in ("alpha", "alpha_8x"):
        assert apart(output[name], golden[f"train_{name}"]).max() < 1e-4, name
    named = {"distance": "alpha_mrsd", "gradient": "alpha_grad"}
    named |= {f"coarse_{ours}": f"alpha_8x_{theirs}" for ours, theirs in (("distance", "mrsd"), ("gradient", "grad"))}
    assert values == pytest.approx({ours: float(golden[f"loss_{theirs}"]) for ours, theirs in named.items()}, abs=LOSS)
    assert sum(values.values()) == pytest.approx(float(golden["loss_all"]), abs=LOSS)


def test_outputs_and_losses_of_ppmatting() -> None:
    network, golden = filled(v1, V1)
    batch = tensors()
    network.to(dtype="float64")
    with paddle.no_grad():
        network.eval()
        output = network(batch["image"])
        assert apart(output["alpha"], golden["eval_alpha"]).mean() < 1e-4  # where two classes are level, it jumps
        assert apart(output["trimap"].flip(axis=1), golden["eval_semantic"]).max() < 1e-4
        network.training = True  # the side outputs as well, while all norms keep to their statistics
        assert apart(network(batch["image"])["detail"], golden["eval_detail"]).max() < 1e-4
        network.train()
        output = network(batch["image"])
        values = {name: float(value) for name, value in PPMattingLoss(1, 1, 1)(output, batch).items()}
        total = float(sum(PPMattingLoss()(output, batch).values()))
    for name in ("semantic", "detail"):
        error = apart(output[name], golden[f"train_{name}"])
        assert error.mean() < 1e-4 and error.max() < 1e-3, name
    assert apart(output["alpha"], golden["train_fusion"]).mean() < 1e-3
    named = {"semantic": "semantic", "detail_distance": "detail_alpha", "fusion_distance": "fusion_alpha"}
    named |= {name: name for name in ("detail_gradient", "fusion_gradient", "fusion_composition")}
    expected = {ours: float(golden[f"loss_{theirs}"]) for ours, theirs in named.items()}
    assert values == pytest.approx(expected, abs=2 * LOSS)
    assert total == pytest.approx(float(golden["loss_all"]), abs=LOSS)


@pytest.mark.parametrize(
    ("make", "name", "loss", "heads", "far", "middle"),
    [
        (v2, V2, PPMattingV2Loss, ("matting_head_",), 1e-3, 1e-3),
        (v1, V1, PPMattingLoss, ("hrdb.detail_conv", "hrdb.gf_list", "scb.scb_stages.5"), 5e-3, 2e-3),
    ],
    ids=[V2, V1],
)
def test_gradients(
    make: Callable[[], MattingModel], name: str, loss: type, heads: tuple[str, ...], far: float, middle: float
) -> None:
    network, golden = filled(make, name)
    batch = tensors()
    network.to(dtype="float64")
    network.train()
    sum(loss()(network(batch["image"]), batch).values()).backward()
    gradients = {key: p.grad for key, p in network.named_parameters() if p.grad is not None}
    expected = dict(zip(golden["grad_names"].tolist(), golden["grad_norms"].tolist(), strict=True))
    assert set(gradients) == set(expected)
    largest = max(expected.values())
    error = {key: abs(float(paddle.linalg.norm(gradients[key])) - value) for key, value in expected.items()}
    worst = max(error, key=error.__getitem__)
    assert error[worst] < far * largest, f"{worst}: off by {error[worst]} of {expected[worst]}"
    assert np.median([error[key] / max(value, 1e-3 * largest) for key, value in expected.items()]) < middle
    near = [key for key in expected if key.startswith(heads)]  # little has been amplified here
    assert near and all(error[key] < 1e-3 * max(expected[key], 1e-3 * largest) for key in near)


@pytest.mark.parametrize(("height", "width"), [(2, 3), (7, 5), (16, 20)])
def test_pooling_by_products_is_adaptive_pooling(height: int, width: int) -> None:
    x = paddle.rand([2, 3, height, width])
    for side in (1, 2, 3, 4, 5, 6):
        expected = F.adaptive_avg_pool2d(x, side).numpy()
        np.testing.assert_allclose(pooled(x, side).numpy(), expected, atol=1e-6)


def test_maxima_have_the_gradient_that_paddle_computes() -> None:
    """Of few levels, so that there are equal maxima, which share the gradient."""
    levels = np.random.default_rng(0).integers(0, 4, (2, 5, 6, 7)).astype("float32")
    assert ((levels == levels.max(1, keepdims=True)).sum(1) > 1).any()
    weight = paddle.to_tensor(np.random.default_rng(1).normal(size=(2, 1, 6, 7)).astype("float32"))
    found = []
    for largest in (strongest, lambda x: x.max(axis=1, keepdim=True)):
        x = paddle.to_tensor(levels, stop_gradient=False)
        value = largest(x)
        (value * weight).sum().backward()
        found.append((value.numpy(), x.grad.numpy()))
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-6)


def test_the_gradient_of_a_ramp_by_hand() -> None:
    """A slope of 1 a pixel has the Sobel magnitude 1 away from the borders, where the kernels' weights sum to 1."""
    ramp = paddle.arange(8, dtype="float64").reshape([1, 1, 1, 8]).expand([1, 1, 6, 8])
    mask = paddle.zeros([1, 1, 6, 8], "float64")
    assert float(terms.sobel(ramp, paddle.zeros_like(ramp))) == pytest.approx((6 * 1 + 2 * 0.5) / 8 - 1e-3, abs=1e-5)
    assert float(terms.sobel(ramp, ramp + 3)) == pytest.approx(0, abs=1e-9)
    assert float(terms.sobel(ramp, ramp * 2, mask)) == 0
    assert float(terms.charbonnier(ramp, ramp + 2)) == pytest.approx(2, abs=1e-6)
