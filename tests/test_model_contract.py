"""Every network of the registry, with every backbone that fits it, keeps what `matting.models.base` promises.

Networks are found by themselves: those of every yml under configs/ but for the largest; with MATTING_NETWORKS=all, as
`make nightly` sets it, each of the registry with each backbone too, and the slow ones are traced.
"""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import paddle
import pytest

from matting import builder, config
from matting.engines.dynamic import DynamicNetwork
from matting.errors import MattingError
from matting.models.backbones.base import Backbone
from matting.models.base import MattingModel
from matting.registry import BACKBONES, MODELS
from matting.training.freezing import learn_only, set_training

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(path for path in (ROOT / "configs").rglob("*.yml") if not {"_base_", "phases"} & set(path.parts))
EVERY = os.environ.get("MATTING_NETWORKS") == "all"
LARGE = ("HRNet_W48",)
"""Backbones that differ from another one in their width alone, and are made by day in other tests only."""

SLOW_TO_TRACE = ("HRNet_W18", "HRNet_W48", "ResNet50_vd")
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "MobileNetV2": [{}, {"full_resolution": True}],
    "ResNet50_vd": [{}, {"output_stride": 16}, {"output_stride": 8}],
}
"""Settings of backbones that change what they promise."""

ENCODERS = [{"type": name, **options} for name in BACKBONES for options in OPTIONS.get(name, [{}])]


KINDS = [spec for spec in ENCODERS if BACKBONES[spec["type"]].__mro__[1] not in map(BACKBONES.__getitem__, BACKBONES)]
"""Those of layers of their own: another width of one is tried as a backbone, and where a configuration names it."""


def plain(component: Any, spec: dict[str, Any]) -> dict[str, Any]:
    """Return a spec without the settings that are the component's defaults, and without starting weights."""
    defaults = inspect.signature(component).parameters
    return {
        key: value
        for key, value in spec.items()
        if key == "type" or (key != "pretrained" and value != defaults[key].default)
    }


def network_spec(model: dict[str, Any]) -> str:
    """Return the `model:` section of a configuration in one form."""
    backbone = plain(BACKBONES[model["backbone"]["type"]], model["backbone"])
    return json.dumps(plain(MODELS[model["type"]], {**model, "backbone": backbone}), sort_keys=True)


@cache
def _encoder(spec: str) -> Backbone:
    return builder.build("backbone", {**json.loads(spec), "in_channels": 4}, "backbone")


def encoder(spec: dict[str, Any]) -> Backbone:
    """Return a backbone for four channels, the same one at every call."""
    return _encoder(json.dumps(spec))


def fits(model: str, spec: dict[str, Any]) -> bool:
    return encoder(spec).strides in MODELS[model].map_strides


def networks(every: bool) -> list[str]:
    """Return the networks of all configurations, and with `every` each of the registry with each backbone that fits."""
    specs = [config.load(path)["model"] for path in CONFIGS]
    specs = [spec for spec in specs if every or spec["backbone"]["type"] not in LARGE]
    for name in MODELS if every else ():
        channels = MODELS[name].in_channels
        specs += [{"type": name, "backbone": {**e, "in_channels": channels}} for e in KINDS if fits(name, e)]
    return sorted({network_spec(spec) for spec in specs})


NETWORKS = networks(EVERY)
CONFIGURED = {network_spec(config.load(path)["model"]) for path in CONFIGS}


def made(spec: str) -> MattingModel:
    paddle.seed(0)
    return builder.build("model", json.loads(spec), "model")


@pytest.fixture(scope="module", params=NETWORKS)
def twins(request: pytest.FixtureRequest) -> tuple[MattingModel, MattingModel]:
    """Two instances of a network, which the tests leave without gradients and in evaluation mode."""
    return made(request.param), made(request.param)


@pytest.fixture
def network(twins: tuple[MattingModel, MattingModel]) -> Iterator[MattingModel]:
    first = twins[0]
    first.eval()
    frozen = [parameter.stop_gradient for parameter in first.parameters()]
    yield first
    for parameter, was_frozen in zip(first.parameters(), frozen, strict=True):
        parameter.clear_gradient()
        parameter.stop_gradient = was_frozen


def batch(height: int, width: int, count: int = 2) -> dict[str, paddle.Tensor]:
    rng = np.random.default_rng(0)
    alpha = np.clip(rng.uniform(-0.5, 1.5, (count, 1, height, width)), 0, 1)
    foreground, background = (rng.uniform(-1, 1, (count, 3, height, width)) for _ in range(2))
    arrays = {
        "image": alpha * foreground + (1 - alpha) * background,
        "alpha": alpha,
        "trimap": np.select([alpha >= 1, alpha <= 0], [255, 0], 128),
        "foreground": foreground,
        "background": background,
    }
    return {key: paddle.to_tensor(value.astype(np.float32)) for key, value in arrays.items()}


def inputs(network: MattingModel, *sides: int) -> list[paddle.Tensor]:
    layers = batch(*sides)
    return [layers[name] for name in network.inputs]


def size(network: MattingModel) -> tuple[int, int]:
    """Return a size that the network takes, its sides different."""
    step = max(network.stride, network.smallest, 32)
    return 2 * step, 3 * step


@pytest.mark.parametrize("spec", ENCODERS, ids=json.dumps)
def test_a_backbone_gives_the_maps_that_it_promises(spec: dict[str, Any]) -> None:
    backbone = encoder(spec)
    assert isinstance(backbone, Backbone) and backbone.in_channels == 4
    backbone.eval()
    with paddle.no_grad():
        maps = backbone(paddle.zeros([1, 4, 64, 96]))
    for x, channels, stride in zip(maps, backbone.feat_channels, backbone.strides, strict=True):
        assert tuple(x.shape) == (1, channels, 64 // stride, 96 // stride)


@pytest.mark.parametrize("model", list(MODELS))
def test_a_network_says_which_backbones_it_refuses(model: str) -> None:
    channels, unfit = MODELS[model].in_channels, [spec for spec in ENCODERS if not fits(model, spec)]
    assert unfit
    for spec in unfit:
        with pytest.raises(MattingError, match=f"of this {spec['type']} are at strides .*; {model} needs them at "):
            MODELS[model](encoder(spec))
    fitting = next(spec for spec in ENCODERS if fits(model, spec))
    with pytest.raises(MattingError, match=f"backbone of {model} takes 5 channels; it must take {channels}, image"):
        MODELS[model](builder.build("backbone", {**fitting, "in_channels": 5}, "backbone"))
    with pytest.raises(MattingError, match="Linear, does not state in_channels, feat_channels and strides"):
        MODELS[model](paddle.nn.Linear(1, 1))


def test_every_network_and_backbone_is_among_those_tried() -> None:
    specs = [json.loads(spec) for spec in networks(every=True)]
    assert {spec["type"] for spec in specs} == set(MODELS) == {json.loads(spec)["type"] for spec in NETWORKS}
    assert {spec["backbone"]["type"] for spec in specs} >= {spec["type"] for spec in KINDS} >= {"STDC1", "VGG16"}


def test_evaluation_gives_what_the_interface_names(network: MattingModel) -> None:
    interface, (height, width) = network.interface, size(network)
    assert interface.inputs == network.inputs and interface.outputs[0] == "alpha"
    with paddle.no_grad():
        outputs = network(*inputs(network, height, width))
    assert tuple(outputs) == interface.gives and interface.states == network.states
    for name in interface.outputs:
        value = outputs[name]
        assert tuple(value.shape) == (2, 1 if name == "alpha" else 3, height, width), name
        assert float(value.min()) >= 0 and float(value.max()) <= 1, name
        assert value.dtype == paddle.float32, name


def test_sizes_outside_the_interface_are_refused_and_its_smallest_is_taken(network: MattingModel) -> None:
    least = -(-network.smallest // network.stride) * network.stride
    with paddle.no_grad():
        assert tuple(network(*inputs(network, least, least))["alpha"].shape) == (2, 1, least, least)
    refused = {least - network.stride} | ({least + network.stride // 2} if network.stride > 1 else set())
    for bad in refused - {0}:
        with pytest.raises(MattingError, match=f"a picture of {least}x{bad}"):
            network(*inputs(network, bad, least))
        with pytest.raises(MattingError, match=f"the network got a picture of {least}x{bad}"):
            network.interface.check((np.zeros((1, 3, bad, least), np.float32),))


def test_training_gives_side_outputs_and_every_parameter_a_gradient(network: MattingModel) -> None:
    if not_trained(network):
        return
    layers = batch(*size(network))
    network.train()
    outputs = network(*(layers[name] for name in network.inputs))
    assert "alpha" in outputs and set(outputs) - set(network.outputs)
    terms = builder.criterion({}, network)(outputs, layers)
    assert all(value.shape == [] for value in terms.values())
    sum(terms.values()).backward()
    learning = {name: p for name, p in network.named_parameters() if not p.stop_gradient}
    assert all(bool(paddle.isfinite(p.grad).all()) for p in learning.values() if p.grad is not None)
    assert [name for name, p in learning.items() if p.grad is None] == unread(network)


def not_trained(network: MattingModel) -> bool:
    """Return whether a network is for prediction alone, which training then says."""
    if network.default_loss is None:
        with pytest.raises(MattingError, match="is here for prediction and export and cannot be trained"):
            builder.check_training({"model": {"type": type(network).__name__, "backbone": {"type": "MobileNetV3"}}})
    return network.default_loss is None


def unread(network: MattingModel) -> list[str]:
    """Return the parameters of the backbone that lead to no map that the network reads."""
    if not network.unread_maps:
        return []
    for parameter in network.backbone.parameters():
        parameter.clear_gradient()
    maps = network.backbone(paddle.rand([1, network.in_channels, 64, 64]))
    sum(x.sum() for place, x in enumerate(maps) if place not in network.unread_maps).backward()
    named = network.backbone.named_parameters()
    return [f"backbone.{name}" for name, p in named if not p.stop_gradient and p.grad is None]


def test_two_instances_compute_the_same(network: MattingModel, twins: tuple[MattingModel, MattingModel]) -> None:
    assert list(network.state_dict()) == list(twins[1].state_dict())
    twins[1].set_state_dict(network.state_dict())
    shown = [layer.numpy() for layer in inputs(network, *size(network))]
    ours, theirs = DynamicNetwork(network)(*shown), DynamicNetwork(twins[1])(*shown)
    for name in ours:
        np.testing.assert_array_equal(ours[name], theirs[name])


def test_it_is_traced_with_free_sizes(
    network: MattingModel, twins: tuple[MattingModel, MattingModel], request: pytest.FixtureRequest
) -> None:
    spec = request.node.callspec.params["twins"]
    is_slow = json.loads(spec)["backbone"]["type"] in SLOW_TO_TRACE
    if spec not in CONFIGURED or (is_slow and not EVERY):
        pytest.skip("tracing it is slow: its parts are traced in other networks, and it in `make nightly`")
    other = twins[1]
    other.set_state_dict(network.state_dict())
    other.eval()
    channels = {"image": 3, "trimap": 1}
    takes = network.interface.takes
    specs = [paddle.static.InputSpec([None, channels.get(name), None, None], "float32", name) for name in takes]
    traced = paddle.jit.to_static(other, input_spec=specs, full_graph=True)
    height, width = size(network)
    for sides in ((height, width, 2), (width, height, 1)):
        shown = inputs(network, *sides)
        shown += [paddle.zeros([sides[2], 1, 1, 1]) for _ in network.states]
        expected = DynamicNetwork(network)(*(layer.numpy() for layer in shown))
        with paddle.no_grad():
            outputs = traced(*shown)
        for name, value in expected.items():
            apart = np.abs(outputs[name].numpy() - value)
            assert (apart.mean() if network.jumps else apart.max()) < 1e-5, name
    other.forward.rollback()


def test_a_prediction_leaves_mode_and_state_as_they_were(network: MattingModel) -> None:
    learn_only(network, ["backbone"])
    set_training(network, ["backbone"])
    modes = {name: layer.training for name, layer in network.named_sublayers(include_self=True)}
    before = {name: value.numpy() for name, value in network.state_dict().items()}
    DynamicNetwork(network)(*(layer.numpy() for layer in inputs(network, *size(network))))
    assert {name: layer.training for name, layer in network.named_sublayers(include_self=True)} == modes
    for name, value in network.state_dict().items():
        np.testing.assert_array_equal(value.numpy(), before[name], err_msg=name)


def test_what_is_frozen_stays_as_it_is(network: MattingModel) -> None:
    if not_trained(network):
        return
    before = {name: value.numpy() for name, value in network.state_dict().items()}
    learnt = next(name for name, part in reversed(list(network.named_children())) if name != "backbone")
    learn_only(network, [learnt])
    set_training(network, [learnt])
    layers = batch(*size(network))
    terms = builder.criterion({}, network)(network(*(layers[name] for name in network.inputs)), layers)
    sum(terms.values()).backward()
    paddle.optimizer.SGD(0.01, parameters=network.parameters()).step()
    changed = {name for name, value in network.state_dict().items() if (value.numpy() != before[name]).any()}
    network.set_state_dict(before)
    assert changed and all(name.startswith(f"{learnt}.") for name in changed)
