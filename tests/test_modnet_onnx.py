"""The authors' MODNet from ONNX: the function that it was, whole enough to train on, and no other file taken for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import paddle
import pytest
from onnx import helper, numpy_helper

from demo.drawn_people import draw_background, draw_portrait
from matting import builder, config, weights
from matting.composite import composite
from matting.conversion.modnet_onnx import from_onnx
from matting.conversion.onnx_file import Node, read_onnx
from matting.deployment import completion
from matting.engines.dynamic import DynamicNetwork
from matting.errors import MattingError
from matting.pictures.files import write_png
from matting.weights import sources
from matting.weights.identity import identity
from matting.weights.trained import load_trained
from modnet_onnx import write_onnx
from parity import batch, golden, sampled
from test_convert import AUTHORS, authors_checkpoint, network
from tools import one_sentence, run_tool


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "modnet.onnx"
    write_onnx(path, authors_checkpoint())
    return path


@pytest.fixture
def loaded(exported: Path) -> DynamicNetwork:
    ours = network()
    weights.put(ours.layer, from_onnx(read_onnx(exported)), exported)
    return ours


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure and fit at sizes that take no time."""
    monkeypatch.setattr(completion, "_SIDE", 96)
    monkeypatch.setattr(completion, "_FITTING_SIDE", 64)


def people(count: int = 3) -> list[np.ndarray]:
    drawn = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        foreground, alpha = draw_portrait(rng, 120, 96)
        drawn.append(composite(foreground, alpha, draw_background(rng, 120, 96)).astype(np.uint8))
    return drawn


def test_an_export_converts_to_what_the_authors_network_computes(exported: Path, tmp_path: Path) -> None:
    target = tmp_path / "modnet.safetensors"
    outcome = run_tool("convert_weights", "modnet-onnx", exported, target)
    assert outcome.status == 0, outcome.error
    ours = network()
    load_trained(ours.layer, target, config.load(AUTHORS))
    np.testing.assert_allclose(
        sampled(ours(batch()["image"])["alpha"]), golden("modnet-torch")["eval_alpha"], atol=1e-4
    )


def test_measured_norms_leave_the_function_and_give_training_the_same_one(loaded: DynamicNetwork, small: None) -> None:
    image = (np.stack(people()).transpose(0, 3, 1, 2) / 127.5 - 1).astype(np.float32)[:, :, :96]
    layer = loaded.layer
    before = loaded(image)["alpha"]

    def encoder_apart(features: np.ndarray) -> float:
        """Return how far the encoder with the batch's own statistics lies from the one with its norms' statistics."""
        layer.backbone.train()
        state = {key: value.clone() for key, value in layer.state_dict().items()}
        with paddle.no_grad():
            training = layer.backbone(paddle.to_tensor(features))[-1].numpy()
        layer.set_state_dict(state)
        layer.eval()
        with paddle.no_grad():
            evaluation = layer.backbone(paddle.to_tensor(features))[-1].numpy()
        return float(np.abs(training - evaluation).mean() / np.abs(evaluation).mean())

    identity = encoder_apart(image)
    completion.calibrate(layer, [picture[:96] for picture in people()])
    np.testing.assert_allclose(loaded(image)["alpha"], before, atol=1e-5)
    assert encoder_apart(image) < 0.05 < identity
    norm = layer.backbone.conv1._batch_norm
    with paddle.no_grad():
        entering = layer.backbone.conv1._conv(paddle.to_tensor(image)).numpy()
    np.testing.assert_allclose(norm._mean.numpy(), entering.mean((0, 2, 3)), atol=1e-5)
    np.testing.assert_allclose(norm._variance.numpy(), entering.var((0, 2, 3)), rtol=1e-3, atol=1e-6)


def test_fitted_heads_agree_with_the_matte_and_nothing_else_moves(loaded: DynamicNetwork, small: None) -> None:
    layer = loaded.layer
    state = {key: value.numpy().copy() for key, value in layer.state_dict().items()}
    learnt = [parameter.stop_gradient for parameter in layer.parameters()]
    first = completion.fit_heads(layer, people(), steps=1)
    last = completion.fit_heads(layer, people(), steps=30)
    assert last["semantic"] < first["semantic"] and last["detail"] < first["detail"]
    for key, value in layer.state_dict().items():
        if key.startswith(completion.FITTED):
            assert np.isfinite(value.numpy()).all()
        else:
            np.testing.assert_array_equal(value.numpy(), state[key])
    assert [parameter.stop_gradient for parameter in layer.parameters()] == learnt


def test_neutral_heads_can_be_taught(loaded: DynamicNetwork) -> None:
    layer = loaded.layer
    layer.train()
    output = layer(paddle.to_tensor(batch()["image"]))
    assert float(output["semantic"].std()) == 0 and float(output["detail"].std()) == 0
    ((output["detail"] - 1).square().mean() + (output["semantic"] - 1).square().mean()).backward()
    for name, parameter in layer.named_parameters():
        if name.startswith(("head.hr_branch.conv_hr.1", "head.lr_branch.conv_lr.")):
            assert float(parameter.grad.abs().sum()) > 0, name
    assert float(layer.head.hr_branch.conv_hr[0].layers[0].weight.abs().sum()) > 0


def test_pictures_are_read_no_larger_and_no_more_than_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(5)]
    for number, path in enumerate(paths):
        write_png(path, np.full((90, 60 + 30 * (number == 0), 3), 40 * number, np.uint8))
    monkeypatch.setattr(completion, "_MOST", 3)
    monkeypatch.setattr(completion, "_LARGEST_SHORT", 60)
    pictures = completion.read_pictures(paths)
    assert [picture.shape for picture in pictures] == [(60, 60, 3), (90, 60, 3), (90, 60, 3)]
    assert [int(picture[0, 0, 0]) for picture in pictures] == [0, 80, 160]
    assert len(completion.read_pictures(paths[:1])) == 1 and completion.read_pictures([]) == []


def test_the_tool_makes_a_network_whole_over_photographs(exported: Path, tmp_path: Path, small: None) -> None:
    for number, picture in enumerate(people()):
        write_png(tmp_path / f"photos/{number}.png", picture)
    target = tmp_path / "whole.safetensors"
    common = ("convert_weights", "modnet-onnx", exported, target, "--fitting_steps", 3)
    outcome = run_tool(*common, "--calibrate", tmp_path / "photos")
    assert outcome.status == 0, outcome.error
    ours = network()
    weights.load_weights(ours.layer, target)
    assert float(ours.layer.backbone.conv1._batch_norm._mean.abs().sum()) > 0
    np.testing.assert_allclose(
        sampled(ours(batch()["image"])["alpha"]), golden("modnet-torch")["eval_alpha"], atol=1e-4
    )
    (tmp_path / "none").mkdir()
    one_sentence(run_tool(*common, "--calibrate", tmp_path / "none"), "none")
    wrong = run_tool("convert_weights", "torchvision-vgg16", exported, target, "--calibrate", tmp_path / "photos")
    one_sentence(wrong, "--calibrate", "modnet-onnx")


def test_another_network_is_refused(tmp_path: Path) -> None:
    write_onnx(tmp_path / "short.onnx", authors_checkpoint(), leave_out="f_branch.conv_f2x.layers.0")
    convolution = helper.make_node("Conv", ["x", "w"], ["y"])
    unbiased = helper.make_graph([convolution], "g", [], [], [tensor("w", 1, 1, 1, 1)])
    (tmp_path / "other.onnx").write_bytes(helper.make_model(unbiased).SerializeToString())
    for name, said in (("short", "f_branch.conv_f2x"), ("other", "another network")):
        target = tmp_path / "w.safetensors"
        one_sentence(run_tool("convert_weights", "modnet-onnx", tmp_path / f"{name}.onnx", target), said)
        assert not target.exists()


def tensor(name: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ones(shape, np.float32), name)


def written(path: Path, *tensors: onnx.TensorProto, nodes: int = 1) -> Path:
    operators = [helper.make_node("Conv", ["x", "w"], ["y"])] * nodes
    graph = helper.make_graph(operators, "g", [], [], list(tensors))
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def test_tensors_of_all_encodings_are_read(tmp_path: Path) -> None:
    typed = helper.make_tensor("typed", onnx.TensorProto.FLOAT, [2, 3], np.arange(6.0))
    whole = numpy_helper.from_array(np.arange(3), "whole numbers")
    scalar = helper.make_tensor("scalar", onnx.TensorProto.FLOAT, [], [1.5])
    graph = read_onnx(written(tmp_path / "a.onnx", typed, whole, scalar, tensor("w", 1, 2)))
    assert graph.nodes == [Node("Conv", ["x", "w"])] and set(graph.arrays) == {"typed", "scalar", "w"}
    np.testing.assert_array_equal(graph.arrays["typed"], np.arange(6.0).reshape(2, 3))
    assert graph.arrays["scalar"] == 1.5 and graph.arrays["w"].shape == (1, 2)


def test_what_is_no_onnx_file_is_one_sentence(tmp_path: Path) -> None:
    liar = tensor("w", 2)
    liar.dims[0] = 1 << 60
    outside = tensor("w", 2)
    outside.data_location = onnx.TensorProto.EXTERNAL
    outside.external_data.add(key="location", value="/etc/passwd")
    sound = written(tmp_path / "sound.onnx", tensor("w", 4)).read_bytes()
    cases = {
        "liar": (written(tmp_path / "liar.onnx", liar).read_bytes(), "has 2 numbers"),
        "outside": (written(tmp_path / "outside.onnx", outside).read_bytes(), "another file"),
        "crowd": (written(tmp_path / "crowd.onnx", nodes=300_000).read_bytes(), "fields"),
        "cut": (sound[:-3], "no readable ONNX"), "page": (b"<!DOCTYPE html><html></html>", "ONNX"),
        "empty": (b"", "no ONNX graph"), "endless": (b"\xff" * 64, "no readable ONNX"),
    }  # fmt: skip
    for name, (content, said) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MattingError, match=said):
            read_onnx(tmp_path / name)
    with pytest.raises(MattingError, match="cannot be read"):
        read_onnx(tmp_path / "missing.onnx")


def test_cached_weights_say_what_the_configuration_says() -> None:
    assert identity(config.load(AUTHORS)) == sources._AUTHORS
    assert builder.model(config.load(AUTHORS), pretrained=False).inputs == ("image",)
