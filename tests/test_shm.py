"""Semantic Human Matting computes what its PyTorch version does, and trains in phases that survive being stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import paddle
import pytest

import drawn
import parity
from matting import weights
from matting.conversion import shm
from matting.errors import MattingError
from matting.losses import SHMLoss
from matting.losses.shm import trimap_labels
from matting.metrics.trimap_agreement import trimap_agreement
from matting.models import SHM
from matting.models.backbones import HRNet_W18, MobileNetV2, ResNet50_vd
from matting.pictures.files import read_alpha
from matting.training import checkpoint
from matting.training.options import Options
from matting.training.stages import read_phases, run_phases
from tools import run_tool
from torch_files import views, write_zip

THEIR_ORDER = [0, 2, 1]
"""Our (background, unknown, foreground) in the order in which the reference fuses."""


def reference_checkpoint() -> dict[str, np.ndarray]:
    pairs = (entry.split(" ") for entry in parity.golden("shm-torch")["keys"])
    return {name: parity.weight(name, tuple(map(int, shape.split("x")))) for name, shape in pairs}


def converted() -> SHM:
    network = SHM(MobileNetV2(full_resolution=True))
    arrays = shm.from_torch(reference_checkpoint())
    assert {key: value.shape for key, value in arrays.items()} == {
        key: tuple(value.shape) for key, value in network.state_dict().items()
    }
    network.set_state_dict(arrays)
    return network


def test_alpha_and_trimap_of_the_reference() -> None:
    network, golden = converted(), parity.golden("shm-torch")
    image = paddle.to_tensor(parity.batch()["image"])
    network.eval()
    with paddle.no_grad():
        output = network(image)
        alpha, probabilities = output["alpha"].numpy(), output["trimap"].numpy()
    np.testing.assert_allclose(parity.sampled(alpha), np.clip(golden["eval_alpha"], 0, 1), atol=1e-4)
    logits = golden["eval_trimap_logits"].astype(np.float64)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(parity.sampled(probabilities)[:, THEIR_ORDER], softmax, atol=1e-4)


def test_outputs_while_training() -> None:
    network, golden = converted(), parity.golden("shm-torch")
    network.train()
    with paddle.no_grad():
        output = network(paddle.to_tensor(parity.batch()["image"]))
    np.testing.assert_allclose(parity.sampled(output["alpha"].numpy()), golden["train_alpha"], atol=1e-4)
    logits = parity.sampled(output["trimap_logits"].numpy())[:, THEIR_ORDER]
    np.testing.assert_allclose(logits, golden["train_trimap_logits"], atol=1e-4)


def test_losses_of_both_phases() -> None:
    """The reference labels by another order than it fuses by: its losses are those of its own channels."""
    golden, batch = parity.golden("shm-torch"), {k: paddle.to_tensor(v) for k, v in parity.batch().items()}
    network = converted()
    network.train()
    with paddle.no_grad():
        output = network(batch["image"])
        output["trimap_logits"] = output["trimap_logits"][:, THEIR_ORDER]
        terms = SHMLoss()(output, batch)
        tnet = SHMLoss(alpha=0, composition=0, cross_entropy=1)(output, batch)
    assert float(terms["alpha"]) == pytest.approx(0.5 * float(golden["loss_alpha"]), abs=1e-5)
    assert float(terms["composition"]) == pytest.approx(0.5 * float(golden["loss_composition"]), abs=1e-5)
    assert float(sum(terms.values())) == pytest.approx(float(golden["loss_end_to_end"]), abs=1e-5)
    assert list(tnet) == ["cross_entropy"]
    assert float(tnet["cross_entropy"]) == pytest.approx(float(golden["loss_pre_train_t_net"]), abs=1e-4)


def test_labels_and_a_loss_by_hand() -> None:
    trimap = paddle.to_tensor(np.array([[[[0.0, 128.0, 255.0]]]], np.float32))
    assert trimap_labels(trimap).tolist() == [[[[0, 1, 2]]]]
    logits = paddle.to_tensor(np.log(np.array([[[[0.5, 0.2, 0.1]], [[0.3, 0.6, 0.1]], [[0.2, 0.2, 0.8]]]], np.float32)))
    terms = SHMLoss(0, 0, 1)(
        {"alpha": trimap, "trimap_logits": logits}, {"alpha": trimap, "image": trimap, "trimap": trimap}
    )
    assert float(terms["cross_entropy"]) == pytest.approx(-np.mean(np.log([0.5, 0.6, 0.8])), abs=1e-6)
    with pytest.raises(MattingError, match="no term left"):
        SHMLoss(0, 0, 0)


@pytest.mark.parametrize(
    "backbone", [lambda: MobileNetV2(full_resolution=True), ResNet50_vd, HRNet_W18], ids=["mobile", "resnet", "hrnet"]
)
def test_every_parameter_learns_with_every_encoder(backbone) -> None:
    network = SHM(backbone())
    batch = {key: paddle.to_tensor(value[:, :, :64, :96]) for key, value in parity.batch().items()}
    network.train()
    output = network(batch["image"])
    assert tuple(output["trimap_logits"].shape) == (2, 3, 64, 96)
    sum(SHMLoss()(output, batch).values()).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None and not p.stop_gradient] == []


def test_a_reference_checkpoint_converts_with_the_tool(tmp_path: Path) -> None:
    write_zip(tmp_path / "shm.pth", {"state_dict": views(reference_checkpoint())})
    outcome = run_tool("convert_weights", "shm-torch", tmp_path / "shm.pth", tmp_path / "shm.safetensors")
    assert outcome.status == 0, outcome.error
    network = SHM(MobileNetV2(full_resolution=True))
    weights.load_weights(network, tmp_path / "shm.safetensors")


def test_agreement_of_trimaps_by_hand() -> None:
    truth = np.array([[0, 0, 128, 255]], np.uint8)
    scores = trimap_agreement(np.array([[0, 128, 128, 255]], np.uint8), truth)
    assert scores["trimap_accuracy"] == 0.75
    assert [scores[f"trimap_IoU_{name}"] for name in ("background", "unknown", "foreground")] == [0.5, 0.5, 1]
    assert scores["trimap_mIoU"] == pytest.approx(2 / 3)
    assert next(iter(scores)) == "trimap_mIoU"
    assert np.isnan(trimap_agreement(truth[:, :2], truth[:, :2])["trimap_IoU_foreground"])


CONFIG = """
batch_size: 2
iters: 4
train_dataset: &set
  type: MattingDataset
  dataset_root: {root}
  train_file: train.txt
  transforms: [{{type: Resize, target_size: [32, 32]}}, {{type: Normalize}}]
  mode: train
val_dataset:
  type: MattingDataset
  dataset_root: {root}
  val_file: train.txt
  transforms: [{{type: Resize, target_size: [32, 32]}}, {{type: Normalize}}]
  mode: val
model: {{type: SHM, backbone: {{type: MobileNetV2, full_resolution: True}}}}
optimizer: {{type: adam}}
learning_rate: {{value: 0.001}}
"""


@pytest.fixture
def phases(tmp_path: Path) -> Path:
    drawn.dataset(tmp_path / "data", count=2)
    (tmp_path / "base.yml").write_text(CONFIG.format(root=tmp_path / "data"), encoding="utf-8")
    for name, rest in (
        ("tnet", "trainable: [backbone, tnet]\nloss: {type: SHMLoss, alpha: 0, composition: 0, cross_entropy: 1}\n"),
        ("all", "loss: {type: SHMLoss}\n"),
    ):
        (tmp_path / f"{name}.yml").write_text(f"_base_: base.yml\n{rest}", encoding="utf-8")
    listed = "phases:\n- {name: tnet, config: tnet.yml, metrics: [trimap]}\n- {name: all, config: all.yml, iters: 3}\n"
    (tmp_path / "phases.yml").write_text(listed, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("written", "names"), [("sad", ("sad",)), ("[Sad, mse]", ("Sad", "mse")), ("Trimap", ("Trimap",))]
)
def test_metrics_of_phases_are_one_or_several_in_any_case(phases: Path, written: str, names: tuple) -> None:
    listed = f"phases:\n- {{name: all, config: all.yml, metrics: {written}}}\n"
    (phases / "one.yml").write_text(listed, encoding="utf-8")
    assert read_phases(phases / "one.yml")[0].metrics == names


@pytest.mark.parametrize("written", ["5", "{a: 1}", "[]", "[5]", "[sda]", "[trimap, SAD]"])
def test_wrong_metrics_of_a_phase_are_refused_before_the_first_one(phases: Path, written: str) -> None:
    listed = f"phases:\n- {{name: one, config: all.yml}}\n- {{name: all, config: all.yml, metrics: {written}}}\n"
    (phases / "one.yml").write_text(listed, encoding="utf-8")
    with pytest.raises(MattingError, match=r"phases\.1\.metrics"):
        read_phases(phases / "one.yml")


def test_phases_stopped_in_each_end_as_if_never_stopped(phases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = read_phases(phases / "phases.yml")
    whole = run_phases(listed, Options(phases / "whole", save_interval=1))
    assert whole == phases / "whole/all/best_model"
    log = (phases / "whole/tnet/train.log").read_text(encoding="utf-8")
    assert "trimap_mIoU=" in log and "trimap_IoU_unknown=" in log

    stopped: list[str] = []
    drop_old = checkpoint.drop_old

    def stop_once(folder: Path, keep: int, progress: checkpoint.Progress) -> None:
        drop_old(folder, keep, progress)
        if folder.name not in stopped and checkpoint.latest(folder).name == "iter_2":
            stopped.append(folder.name)
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "drop_old", stop_once)
    broken = Options(phases / "broken", save_interval=1)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_phases(listed, broken)
    run_phases(listed, broken)
    assert stopped == ["tnet", "all"]
    for phase, last in (("tnet", "iter_4"), ("all", "iter_3")):
        one, two = (weights.read_weights(phases / run / phase / last) for run in ("whole", "broken"))
        for key, value in one.items():
            np.testing.assert_array_equal(value, two[key], err_msg=f"{phase} {key}")
    changed = {path.name: path.stat().st_mtime_ns for path in (phases / "whole/all").iterdir()}
    run_phases(listed, Options(phases / "whole", save_interval=1))
    assert changed == {path.name: path.stat().st_mtime_ns for path in (phases / "whole/all").iterdir()}


def test_predict_shows_the_trimap_that_is_drawn_inside(phases: Path) -> None:
    network = SHM(MobileNetV2(full_resolution=True))
    state = {key: value.numpy() for key, value in network.state_dict().items()}
    weights.write_weights(phases / "w.pdparams", state)
    common = ("predict", "--config", phases / "all.yml", "--model_path", phases / "w.pdparams", "--save", "trimap")
    common += ("--image_path", phases / "data/train/fg", "--save_dir", phases / "out")
    shown = run_tool(*common, "--engine", "dynamic")
    assert shown.status == 0, shown.error
    trimap = read_alpha(phases / "out/0_trimap.png")
    assert trimap.shape == (60, 80) and {round(value * 255) for value in np.unique(trimap).tolist()} <= {0, 128, 255}
    for engine in ("onnxruntime", "openvino"):
        exported = run_tool(*common, "--engine", engine)
        assert exported.status == 0, exported.error
        assert (read_alpha(phases / "out/0_trimap.png") == trimap).mean() > 0.99, engine
    whole = run_tool(*common[:-6], *common[-4:], "--engine", "auto")
    assert whole.status == 0 and (phases / "out/0_alpha.png").is_file()  # SHM exports and runs in the engines


@pytest.mark.parametrize(
    ("text", "said"),
    [("[]", "must be a mapping"), ("phases: []", "must hold a list"), ("phases: [{name: a}]", "phases.0"),
     ("phases: [{name: a, config: b.yml, rate: 1}]", "it takes config"), ("phases: [", "phases.yml"),
     ("phases: [{name: a, config: b.yml}, {name: a, config: c.yml}]", "two phases have one name")],
)  # fmt: skip
def test_a_wrong_list_of_phases_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "phases.yml").write_text(text)
    with pytest.raises(MattingError, match=said):
        read_phases(tmp_path / "phases.yml")


def test_the_phases_that_come_with_it_are_complete() -> None:
    from tools import ROOT

    for phase in read_phases(ROOT / "configs/phases/shm-mobilenetv2.yml"):
        assert phase.config.is_file()


def test_only_networks_with_trimaps_inside_are_validated_by_them(phases: Path) -> None:
    outcome = run_tool(
        "train", "--config", phases / "all.yml", "--save_dir", phases / "run", "--do_eval", "--metrics", "trimap",
        "--opts", "model={type: MODNet, hr_channels: 8, backbone: {type: MobileNetV2}}", "loss={type: MODNetLoss}",
    )  # fmt: skip
    assert outcome.status == 1 and "draws no trimap" in outcome.error
