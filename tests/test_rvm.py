"""RVM computes what PaddleSeg Matting's does, frame after frame, and cuts out clips in every engine."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import paddle
import pytest

import parity
from matting import builder, config, weights
from matting.deployment.description import open_predictor
from matting.deployment.export import export
from matting.engines import ENGINES, Interface
from matting.engines.dynamic import DynamicNetwork
from matting.errors import MattingError
from matting.models import RVM
from matting.models.backbones import MobileNetV3
from matting.predictor import Predictor

NAME = "rvm-mobilenetv3"
STATES = ("r1", "r2", "r3", "r4")


def filled(ratio: str | float = "auto") -> RVM:
    network = RVM(MobileNetV3(), downsample_ratio=ratio)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    network.set_state_dict({key: parity.weight(key, shape) for key, shape in shapes.items()})
    network.eval()
    return network


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of the filled network; it appears only when every engine agrees."""
    folder = tmp_path_factory.mktemp("rvm")
    weights.write_weights(folder / "w.pdparams", {key: v.numpy() for key, v in filled().state_dict().items()})
    done = export(config.load(f"rvm/{NAME}"), folder / "w.pdparams", folder / "export")
    assert set(done.differences) == {"dynamic", *ENGINES} and max(done.differences.values()) < 1e-4
    return folder / "export"


def clip(height: int, width: int, count: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    first = rng.integers(0, 256, (height, width, 3), np.uint8)
    return [np.roll(first, 3 * number, axis=1) for number in range(count)]


@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.25])
def test_two_frames_of_paddlesegs_rvm(ratio: float) -> None:
    golden, network = parity.golden(NAME), filled(ratio)
    assert sorted(parity.key_list(network.state_dict())) == sorted(golden["keys"])
    first = (parity.batch()["image"][:1] + 1) / 2
    states: list[np.ndarray] = []
    for number, frame in enumerate((first, np.roll(first, 5, axis=3))):
        outputs = DynamicNetwork(network)(frame, *states)
        states = [outputs[f"next_{name}"] for name in STATES]
        theirs = {key.split("_")[-1]: golden[key] for key in golden if key.startswith(f"ratio{ratio}_frame{number}_")}
        assert set(theirs) == {"alpha", "fg", *STATES}
        np.testing.assert_allclose(parity.sampled(outputs["alpha"]), theirs["alpha"], atol=1e-5)
        # PaddleSeg's foreground has its channels turned around.
        np.testing.assert_allclose(parity.sampled(outputs["foreground"])[:, ::-1], theirs["fg"], atol=1e-5)
        for name, state in zip(STATES, states, strict=True):
            np.testing.assert_allclose(state[:, ::8, ::2, ::2], theirs[name], atol=1e-5, err_msg=name)


def test_a_first_frame_comes_with_no_states_or_with_one_zero_each() -> None:
    network, frame = DynamicNetwork(filled(0.5)), parity.batch()["image"]
    without = network(frame)
    empty = network(frame, *(np.zeros((2, 1, 1, 1), np.float32) for _ in STATES))
    for name, value in without.items():
        np.testing.assert_array_equal(value, empty[name])


@pytest.mark.parametrize(
    ("ratio", "size", "reduced"),
    [
        ("auto", (720, 1280), (288, 512)),
        ("auto", (512, 300), (512, 300)),
        ("auto", (17, 4000), (2, 512)),
        (0.4, (720, 1280), (288, 512)),
        (0.25, (101, 57), (25, 14)),
        (1, (33, 1000), (33, 1000)),
    ],
)
def test_the_reduced_frame_by_hand(ratio: str | float, size: tuple[int, int], reduced: tuple[int, int]) -> None:
    with paddle.no_grad():
        assert tuple(filled(ratio)._reduced(paddle.zeros([1, 3, *size])).shape[2:]) == reduced


@pytest.mark.parametrize("ratio", [0, -0.5, 1.5, "half", True, None])
def test_ratios_that_reduce_nothing_are_refused(ratio: object) -> None:
    with pytest.raises(MattingError, match="downsample_ratio is .*; it must be auto, or a number above 0"):
        RVM(MobileNetV3(), downsample_ratio=ratio)  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_cuts_out_a_clip_of_odd_sizes_alike(exported: Path, engine: str) -> None:
    ours = open_predictor(exported, engine)
    assert ours.network.interface == Interface(("image",), 1, 16, None, ("alpha", "foreground"), STATES)
    transforms = builder.val_transforms(config.load(f"rvm/{NAME}"))
    stream, truth = ours.stream(), Predictor(DynamicNetwork(filled()), transforms).stream()
    for size in ((37, 51), (51, 531)):  # the second is reduced
        for frame in clip(*size):
            (alpha, foreground), (exact, own) = stream(frame), truth(frame)
            assert foreground is not None and own is not None and foreground.shape == frame.shape
            assert np.abs(alpha - exact).max() < 1e-4
            assert np.abs(foreground.astype(int) - own).max() <= 1


def test_a_memory_changes_what_follows(exported: Path) -> None:
    predictor, frames = open_predictor(exported), clip(48, 64)
    stream = predictor.stream()
    alphas = [stream(frame)[0] for frame in frames]
    np.testing.assert_array_equal(alphas[0], predictor(frames[0]))
    assert np.abs(alphas[1] - predictor(frames[1])).max() > 1e-3


def test_an_export_without_its_states_is_not_run(exported: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "export")
    text = (folder / "deploy.yml").read_text()
    (folder / "deploy.yml").write_text(text.replace("states:\n- r1\n- r2\n- r3\n- r4\n", ""))
    with pytest.raises(MattingError, match="takes image, r1, r2, r3, r4 and gives .*; it must take image and give"):
        open_predictor(folder, "onnxruntime")
    (folder / "deploy.yml").write_text(text.replace("- r4", "- 4"))
    with pytest.raises(MattingError, match="states is .*; it must be names"):
        open_predictor(folder, "onnxruntime")


def test_training_it_is_refused_in_one_sentence() -> None:
    with pytest.raises(MattingError, match="^RVM is here for prediction and export and cannot be trained; use its"):
        builder.check_training(config.load(f"rvm/{NAME}"))
