"""Loss terms by hand."""

from __future__ import annotations

import numpy as np
import paddle
import pytest

from matting.errors import MattingError
from matting.losses import LaplacianLoss, MODNetLoss, terms


def tensor(values: object) -> paddle.Tensor:
    return paddle.to_tensor(np.asarray(values, np.float32))


def test_means_over_the_image_and_over_a_mask() -> None:
    prediction, truth, mask = (
        tensor([[0.0, 0.5], [1.0, 0.2]]),
        tensor([[0.0, 1.0], [0.0, 0.0]]),
        tensor([[1, 1], [0, 0]]),
    )
    assert float(terms.l1(prediction, truth)) == pytest.approx((0.5 + 1 + 0.2) / 4)
    assert float(terms.mse(prediction, truth)) == pytest.approx((0.25 + 1 + 0.04) / 4)
    assert float(terms.masked_l1(prediction, truth, mask)) == pytest.approx(0.25, abs=1e-5)
    assert float(terms.masked_l1(prediction, truth, tensor(np.zeros((2, 2))))) == 0


def test_composition_weighs_the_error_by_the_colour() -> None:
    alpha, truth = tensor(np.full((1, 1, 1, 2), 0.5)), tensor([[[[0.5, 1.0]]]])
    image = tensor(np.array([[[0.2, 0.4]], [[0, 1.0]], [[0, -0.5]]])[None])
    assert float(terms.composition(alpha, truth, image)) == pytest.approx(0.5 * (0.4 + 1.0 + 0.5) / 6)


def test_inside_takes_the_truth_elsewhere_and_stops_its_gradient() -> None:
    prediction = tensor([0.2, 0.8])
    prediction.stop_gradient = False
    chosen = terms.inside(tensor([1, 0]), prediction, tensor([0.0, 0.1]))
    np.testing.assert_allclose(chosen.numpy(), [0.2, 0.1])
    chosen.sum().backward()
    np.testing.assert_array_equal(prediction.grad.numpy(), [1, 0])


def test_reduced_keeps_a_constant_and_blurs_a_point() -> None:
    np.testing.assert_allclose(terms.reduced(tensor(np.full((1, 1, 64, 96), 0.3))).numpy(), 0.3, rtol=1e-5)
    alpha = np.zeros((1, 1, 80, 80), np.float32)
    alpha[:, :, 32:48, 32:48] = 1
    row = np.array([0.25022103, 0.49955794, 0.25022103])
    np.testing.assert_allclose(terms.reduced(tensor(alpha))[0, 0].numpy()[1:4, 1:4], np.outer(row, row), rtol=1e-5)


def perfect(trimap: float = 128) -> tuple[dict, dict]:
    truth = np.zeros((1, 1, 64, 64), np.float32)
    truth[..., 32:] = 1
    target = {
        "alpha": tensor(truth),
        "image": tensor(np.ones((1, 3, 64, 64))),
        "trimap": tensor(np.full_like(truth, trimap)),
    }
    output = {"alpha": tensor(truth), "detail": tensor(truth), "semantic": terms.reduced(tensor(truth))}
    return output, target


def test_a_perfect_prediction_costs_nothing() -> None:
    assert {name: float(value) for name, value in MODNetLoss()(*perfect()).items()} == {
        "semantic": 0,
        "detail": 0,
        "fusion_l1": 0,
        "fusion_composition": 0,
        "fusion_consistency": 0,
    }


def test_the_weights_by_hand() -> None:
    output, target = perfect()
    output["alpha"] = output["detail"] = target["alpha"] * 0.5  # half of the image is off by 0.5
    values = {name: float(value) for name, value in MODNetLoss(consistency=0)(output, target).items()}
    assert values == pytest.approx(
        {"semantic": 0, "detail": 10 * 0.25, "fusion_l1": 5 * 0.25, "fusion_composition": 5 * 0.25}, rel=1e-4
    )
    known = {name: float(value) for name, value in MODNetLoss(consistency=0)(output, perfect(255)[1]).items()}
    assert known == pytest.approx({"semantic": 0, "detail": 0, "fusion_l1": 0.25, "fusion_composition": 0.25})


def test_an_unknown_mean_is_refused() -> None:
    with pytest.raises(MattingError, match="unknown, image"):
        MODNetLoss(detail_mean="known")


def test_the_laplacian_pyramid_by_hand() -> None:
    """A constant is all in the last level; of a point the blur takes its sides off, and halving keeps the sum."""
    truth = tensor(np.full((1, 1, 32, 32), 0.25))
    assert float(terms.laplacian(truth + 0.5, truth)) == pytest.approx(0.5, abs=1e-6)
    point = np.zeros((1, 1, 8, 8), np.float32)
    point[..., 3, 4] = 1
    bell = 1 + 2 * np.exp(-1) + 2 * np.exp(-4)
    centre = 2 / (10 * bell)
    expected = (2 * (1 - centre) + 1) / 64
    found = float(terms.laplacian(tensor(point), tensor(np.zeros_like(point)), levels=1))
    assert found == pytest.approx(expected, rel=1e-5)


def test_laplacian_loss_weighs_the_whole_and_the_transition() -> None:
    alpha, truth = np.zeros((1, 1, 32, 32), np.float32), np.zeros((1, 1, 32, 32), np.float32)
    alpha[..., :16] = 0.4
    trimap = np.zeros_like(alpha)
    trimap[..., 20:] = 128
    target = {"alpha": tensor(truth), "trimap": tensor(trimap)}
    whole = float(terms.laplacian(tensor(alpha), tensor(truth)))
    values = LaplacianLoss(weight=3, transition=2)({"alpha": tensor(alpha)}, target)
    assert {name: float(value) for name, value in values.items()} == {
        "laplacian": pytest.approx(3 * whole), "laplacian_transition": 0,
    }  # fmt: skip
    assert whole > 0 and list(LaplacianLoss()({"alpha": tensor(alpha)}, target)) == ["laplacian"]
    assert LaplacianLoss().needs == () and LaplacianLoss(transition=1).needs == ("trimap",)
    with pytest.raises(MattingError, match="sides must be at least 32"):
        LaplacianLoss()({"alpha": tensor(np.zeros((1, 1, 16, 64)))}, {"alpha": tensor(np.zeros((1, 1, 16, 64)))})
