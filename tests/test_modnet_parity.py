"""MODNet computes what PaddleSeg Matting's and the authors' implementations compute: outputs, losses, gradients.

In training mode the batch statistics of small maps amplify rounding: an input changed by one part in ten million
changes outputs by 1e-4 and gradient norms by 2e-3 of the largest. So outputs and losses are computed in float64, and
gradient norms are held to 1e-3 next to the outputs, and elsewhere, where another processor rounds otherwise, to 5e-3 of
the largest and 2e-3 of themselves in the median.
"""

from __future__ import annotations

import numpy as np
import paddle
import pytest

import parity
from matting.losses import MODNetLoss
from matting.models import MODNet
from matting.models.backbones import HRNet_W18, MobileNetV2, ResNet50_vd

BACKBONES = {"mobilenetv2": MobileNetV2, "resnet50_vd": ResNet50_vd, "hrnet_w18": HRNet_W18}
OUTPUT, LOSS = 1e-4, 1e-4


def tensors(dtype: str = "float64") -> dict[str, paddle.Tensor]:
    return {key: paddle.to_tensor(value.astype(dtype)) for key, value in parity.batch().items()}


def filled(backbone: str) -> MODNet:
    network = MODNet(BACKBONES[backbone]())
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    network.set_state_dict({key: parity.weight(key, shape) for key, shape in shapes.items()})
    return network


@pytest.mark.parametrize("backbone", BACKBONES)
def test_outputs_and_losses_of_paddlesegs_modnet(backbone: str) -> None:
    golden, network, batch = parity.golden(f"modnet-{backbone}"), filled(backbone), tensors()
    assert sorted(parity.key_list(network.state_dict())) == sorted(golden["keys"])
    network.to(dtype="float64")
    with paddle.no_grad():
        network.eval()
        alpha = network(batch["image"])["alpha"].numpy()
        network.train()
        output = network(batch["image"])
        terms = MODNetLoss()(output, batch)

    np.testing.assert_allclose(parity.sampled(alpha), golden["eval_alpha"], atol=OUTPUT)
    for ours, theirs in (("semantic", "semantic"), ("detail", "detail"), ("alpha", "matte")):
        actual = parity.sampled(output[ours].numpy())
        np.testing.assert_allclose(actual, golden[f"train_{theirs}"], atol=OUTPUT, err_msg=ours)
    named = {"semantic": "semantic", "detail": "detail", "fusion_l1": "fusion_l1"}
    named |= {"fusion_composition": "fusion_comp", "fusion_consistency": "fusion_con_sem"}
    assert set(terms) == set(named)
    for ours, theirs in named.items():
        assert float(terms[ours]) == pytest.approx(float(golden[f"loss_{theirs}"]), abs=LOSS), ours
    assert float(sum(terms.values())) == pytest.approx(float(golden["loss_all"]), abs=LOSS)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_gradients_of_paddlesegs_modnet(backbone: str) -> None:
    golden, network, batch = parity.golden(f"modnet-{backbone}"), filled(backbone), tensors("float32")
    network.train()
    sum(MODNetLoss()(network(batch["image"]), batch).values()).backward()
    # The reference took its norms in float32, which loses 5 % over the 52 million numbers of ResNet's widest kernel.
    gradients = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    expected = dict(zip(golden["grad_names"].tolist(), golden["grad_norms"].tolist(), strict=True))
    norms = {name: float(paddle.linalg.norm(gradients[name])) for name in expected}
    largest = max(expected.values())
    error = {name: abs(norms[name] - value) for name, value in expected.items()}
    worst = max(error, key=error.__getitem__)
    assert error[worst] < 5e-3 * largest, f"{worst}: {norms[worst]} instead of {expected[worst]}"
    assert np.median([error[name] / max(value, 1e-3 * largest) for name, value in expected.items()]) < 2e-3
    for name, value in expected.items():
        if name.startswith(("head.f_branch.conv_f.", "head.lr_branch.conv_lr.")):  # little has been amplified here
            assert norms[name] == pytest.approx(value, rel=1e-3, abs=1e-5 * largest), name


def test_the_authors_modnet() -> None:
    golden = parity.golden("modnet-torch")
    network = MODNet(MobileNetV2(expand_first=False), affine_instance_norm=False)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    arrays = parity.modnet_torch_weights(shapes)
    assert set(arrays) == set(shapes)
    network.set_state_dict(arrays)
    network.to(dtype="float64")
    batch = tensors()

    network.eval()
    for layer in (network.head, network.head.lr_branch, network.head.hr_branch):
        layer.training = True  # the side outputs as well, while all norms keep to their statistics
    with paddle.no_grad():
        output = network(batch["image"])
    for name in ("semantic", "detail", "alpha"):
        actual = parity.sampled(output[name].numpy())
        np.testing.assert_allclose(actual, golden[f"eval_{name}"], atol=OUTPUT, err_msg=name)

    network.train()
    terms = MODNetLoss(semantic=10, detail_mean="image", consistency=0)(network(batch["image"]), batch)
    matte = float(terms["fusion_l1"]) + float(terms["fusion_composition"])
    assert float(terms["semantic"]) == pytest.approx(float(golden["loss_semantic"]), abs=LOSS)
    assert float(terms["detail"]) == pytest.approx(float(golden["loss_detail"]), abs=LOSS)
    assert matte == pytest.approx(float(golden["loss_matte"]), abs=LOSS)
    assert "fusion_consistency" not in terms
