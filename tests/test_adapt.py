"""Adapting without labels: the reference's first step, the boundary against SciPy, a run that learns and resumes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import paddle
import pytest
from scipy.ndimage import grey_dilation, grey_erosion

import parity
from demo.drawn_people import draw_portrait
from matting import builder, config, weights
from matting.deployment import completion
from matting.errors import MattingError
from matting.evaluation.table import Evaluation
from matting.losses import SOCLoss
from matting.losses.soc import boundary
from matting.models import MODNet
from matting.models.backbones import HRNet_W18, MobileNetV2, ResNet50_vd
from matting.pictures.files import read_image, write_png
from matting.training import checkpoint, history
from matting.training.adaptation import adapt
from matting.training.student import Adaptation, Adapting
from matting.training.watcher import CONSISTENCY
from test_history import learnt
from tools import run_tool

CONFIG = """
model: {type: MODNet, hr_channels: 8, backbone: {type: MobileNetV2}}
val_dataset:
  type: MattingDataset
  dataset_root: .
  transforms: [{type: ResizeByShort, short_size: 64}, {type: ResizeToIntMult, mult_int: 32}, {type: Normalize}]
"""


def adapting(student: MODNet, teacher: MODNet, how: Adaptation | None = None, steps: int = 2) -> Adapting:
    teacher.set_state_dict(student.state_dict())
    made = Adapting(student, teacher, how or Adaptation(), steps)
    made.train()
    return made


def test_the_first_step_of_the_authors() -> None:
    pair = [MODNet(MobileNetV2(expand_first=False), affine_instance_norm=False) for _ in range(2)]
    pair[0].set_state_dict(
        parity.modnet_torch_weights({key: tuple(value.shape) for key, value in pair[0].state_dict().items()})
    )
    output = adapting(*pair)(paddle.to_tensor(parity.batch()["image"]))
    terms, golden = SOCLoss()(output, {}), parity.golden("modnet-torch")
    assert float(terms["soc_semantic"]) == pytest.approx(float(golden["soc_semantic"]), abs=1e-4)
    assert float(terms["soc_detail"]) + float(terms["soc_matte"]) == float(golden["soc_detail"]) == 0


def test_losses_and_gradients_are_the_authors_where_every_part_counts() -> None:
    """Held against their PyTorch code: details differ from the teacher's, and clear background lies around 0.01."""
    output, golden = (
        {key: paddle.to_tensor(value) for key, value in parity.soc_outputs().items()},
        parity.golden("soc-torch"),
    )
    for key in ("semantic", "detail", "alpha"):
        output[key].stop_gradient = False
    np.testing.assert_array_equal(
        parity.sampled(boundary(output["alpha"], output["semantic"]).numpy()), golden["boundary"]
    )
    values = SOCLoss()(output, {})
    parts = {"soc_semantic": "soc_semantic", "soc_detail": "backup_detail", "soc_matte": "backup_matte"}
    for ours, theirs in parts.items():
        assert float(values[ours]) == pytest.approx(float(golden[theirs]), rel=1e-5), ours
        assert float(golden[theirs]) > 0.04
    sum(values.values()).backward()
    for key in ("semantic", "detail", "alpha"):
        gradient = parity.sampled(output[key].grad.numpy())
        np.testing.assert_allclose(gradient, golden[f"grad_{key}"], rtol=1e-4, atol=1e-7, err_msg=key)


def test_clear_background_pulls_towards_zero() -> None:
    """Targets below 0.01 are 0: the semantic map of 0.002 is drawn down, not up to a matte of 0.008."""
    for low, high in (("semantic", "alpha"), ("alpha", "semantic")):
        output = {key: paddle.full([1, 1, 32, 32], 0.008 if key == high else 0.002) for key in ("alpha", "detail")}
        output |= {f"teacher_{key}": output[key] for key in ("alpha", "detail")}
        output["semantic"] = paddle.full([1, 1, 2, 2], 0.008 if high == "semantic" else 0.002)
        output[low].stop_gradient = False
        SOCLoss()(output, {})["soc_semantic"].backward()
        assert float(output[low].grad.sum()) == pytest.approx(100 * 2 * 0.002, rel=1e-4)


def test_the_optimizer_is_the_authors(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    class Adam(paddle.optimizer.Adam):
        def __init__(self, *arguments: object, **options: object) -> None:
            made.append((arguments, options))
            super().__init__(*arguments, **options)

    monkeypatch.setattr(paddle.optimizer, "Adam", Adam)
    values, photos = config.load(trained / "modnet.yml"), sorted((trained / "photos").iterdir())
    adapt(values, trained / "modnet.pdparams", photos, trained / "out", Adaptation(epochs=1, size=(64, 64)))
    ((arguments, options),) = made
    assert arguments == (1e-5,) and (options["beta1"], options["beta2"]) == (0.9, 0.99)


@pytest.mark.parametrize("size", [(64, 96), (80, 112), (128, 160)])
def test_the_boundary_is_scipys(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    alpha = (rng.random(size) < 0.02).astype(np.float32)
    alpha[10:50, 20:60] = 1
    alpha[30, 40] = 0
    side = int(sum(size) / 2 * 0.05)
    expected = grey_dilation(alpha, size=(side, side)) - grey_erosion(alpha, size=(side, side)) != 0
    semantic = paddle.ones([1, 1, size[0] // 16, size[1] // 16])
    found = boundary(paddle.to_tensor(alpha[None, None]), semantic).numpy()[0, 0]
    np.testing.assert_array_equal(found, expected)


def test_terms_by_hand() -> None:
    alpha = paddle.full([1, 1, 96, 96], 0.5)
    output = {
        "alpha": alpha, "detail": paddle.full([1, 1, 96, 96], 0.5), "semantic": paddle.full([1, 1, 6, 6], 0.75),
        "teacher_alpha": alpha, "teacher_detail": paddle.full([1, 1, 96, 96], 0.25),
    }  # fmt: skip
    output["alpha"] = paddle.concat((alpha[:, :, :, :48], paddle.zeros([1, 1, 96, 48])), axis=3)
    output["teacher_alpha"] = output["alpha"]
    terms = SOCLoss()(output, {})
    assert float(terms["soc_detail"]) == pytest.approx(0.25)  # every boundary pixel is that far off
    assert float(terms["soc_matte"]) == 0
    paper = SOCLoss(formula="paper")(output, {})
    assert float(paper["soc_detail"]) == pytest.approx(0.25) and float(paper["soc_matte"]) > 0
    with pytest.raises(MattingError, match="authors, paper"):
        SOCLoss(formula="own")


@pytest.mark.parametrize("backbone", [MobileNetV2, ResNet50_vd, HRNet_W18])
def test_the_loss_falls_and_details_stay(backbone: type) -> None:
    paddle.seed(0)
    image = paddle.to_tensor(parity.batch()["image"][:1, :, :64, :96])
    student = MODNet(backbone(), hr_channels=8)
    with paddle.no_grad():
        for _ in range(20):  # norms that know the data, as a trained network's do
            student(image)
    network = adapting(student, MODNet(backbone(), hr_channels=8), steps=100)
    before = network(image)["detail"].numpy()
    optimizer = paddle.optimizer.Adam(1e-6, parameters=network.student.parameters())
    norm = next(layer for layer in network.student.sublayers() if isinstance(layer, paddle.nn.BatchNorm2D))
    statistics = norm._mean.numpy().copy()
    losses = []
    for _ in range(4):
        loss = sum(SOCLoss()(network(image), {}).values())
        loss.backward()
        optimizer.step()
        optimizer.clear_grad()
        losses.append(float(loss))
    assert losses[-1] < losses[0]
    np.testing.assert_array_equal(norm._mean.numpy(), statistics)
    after = network(image)["detail"].numpy()
    assert np.abs(after - before).mean() < 0.1 and after.std() > 0.5 * before.std()


def test_teachers_follow_as_they_should() -> None:
    for teacher, moved in (("epoch", 1.0), ("average", 0.1)):
        how = Adaptation(teacher=teacher, momentum=0.9)
        network = adapting(MODNet(MobileNetV2(), 8), MODNet(MobileNetV2(), 8), how, steps=2)
        network.follow(0)
        own, taught = network.student.head.f_branch.conv_f, network.teacher.head.f_branch.conv_f
        bias, kept = own[1].layers[0].bias, taught[1].layers[0].bias
        bias.set_value(bias + 1)
        start = kept.item()
        network.follow(1)
        assert kept.item() == pytest.approx(start + (moved if teacher == "average" else 0))
        network.follow(2)
        expected = {"epoch": start + 1, "average": start + 0.1 + 0.1 * 0.9}[teacher]
        assert kept.item() == pytest.approx(expected, abs=1e-6)


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    (tmp_path / "modnet.yml").write_text(CONFIG, encoding="utf-8")
    paddle.seed(0)
    network = builder.model(config.load(tmp_path / "modnet.yml"))
    weights.write_weights(
        tmp_path / "modnet.pdparams", {key: value.numpy() for key, value in network.state_dict().items()}
    )
    for number in range(4):
        write_png(tmp_path / f"photos/{number}.png", draw_portrait(np.random.default_rng(number), 70, 60)[0])
    return tmp_path


def test_the_tool_adapts_and_predict_takes_the_result(trained: Path) -> None:
    common = ("--config", trained / "modnet.yml", "--image_path", trained / "photos")
    outcome = run_tool(
        "adapt", *common, "--model_path", trained / "modnet.pdparams", "--save_dir", trained / "out",
        "--epochs", 2, "--input_size", 64, 64, "--patience", 5,
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    sheet = read_image(trained / "out/before_and_after.png")
    assert sheet.shape[0] > 200 and sheet.std() > 10
    log = (trained / "out/adapt.log").read_text(encoding="utf-8")
    assert "3 photographs to learn from, 1 to watch" in log and "inconsistency=" in log and "soc_semantic=" in log
    predicted = run_tool(
        "predict",
        *common,
        "--model_path",
        trained / "out/adapted",
        "--save_dir",
        trained / "cut",
        "--engine",
        "dynamic",
    )
    assert predicted.status == 0, predicted.error


def test_a_resumed_adaptation_ends_as_the_unbroken_one(trained: Path) -> None:
    values, photos = config.load(trained / "modnet.yml"), sorted((trained / "photos").iterdir())
    how = Adaptation(epochs=2, size=(64, 64), patience=9)
    adapt(values, trained / "modnet.pdparams", photos, trained / "whole", how)
    resumed = {"resume_from": trained / "whole/iter_3"}
    adapt(values, trained / "modnet.pdparams", photos, trained / "resumed", how, **resumed)
    for folder in ("iter_6", "adapted"):
        one, two = (weights.read_weights(trained / run / folder) for run in ("whole", "resumed"))
        for key, value in one.items():
            np.testing.assert_array_equal(value, two[key], err_msg=key)
    one, two = (learnt(trained / run) for run in ("whole", "resumed"))
    assert one == two and [iteration for iteration, _, _, metrics in one if metrics] == [0, 3, 6]
    first, last = (weights.read_weights(trained / "whole" / folder) for folder in ("iter_3", "iter_6"))
    for key, value in first.items():  # the teacher of the second epoch is the student of the first
        if key.startswith("student."):
            np.testing.assert_array_equal(last[key.replace("student.", "teacher.")], value, err_msg=key)


def test_resuming_without_what_was_watched_says_so(trained: Path) -> None:
    values, photos = config.load(trained / "modnet.yml"), sorted((trained / "photos").iterdir())
    how = Adaptation(epochs=2, size=(64, 64), patience=9)
    adapt(values, trained / "modnet.pdparams", photos, trained / "run", Adaptation(epochs=1, size=(64, 64)))
    (trained / "run/history.jsonl").unlink()
    with pytest.raises(MattingError, match="start anew without it"):
        adapt(values, trained / "modnet.pdparams", photos, trained / "run", how, resume_from=trained / "run/iter_3")


def test_an_adaptation_that_gets_worse_ends_in_order_and_stays_ended(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = iter([0.5, 0.4, 0.6, 0.7, 0.8])
    monkeypatch.setattr("matting.training.watcher.inconsistency", lambda *_: next(measured))
    values, photos = config.load(trained / "modnet.yml"), sorted((trained / "photos").iterdir())
    how = Adaptation(epochs=9, size=(64, 64), patience=2)
    for resumed in ({}, {"resume_from": trained / "run/iter_9"}):
        adapt(values, trained / "modnet.pdparams", photos, trained / "run", how, **resumed)
        watched = {row.iteration: row.metrics[CONSISTENCY] for row in history.read(trained / "run") if row.metrics}
        assert watched == {0: 0.5, 3: 0.4, 6: 0.6, 9: 0.7}
        last = checkpoint.latest(trained / "run")
        assert last.name == "iter_9" and checkpoint.progress_of(last).validated == 9
    log = (trained / "run/adapt.log").read_text(encoding="utf-8")
    assert log.count("stopped: the held-out inconsistency rose 2 epochs in a row") == 2


def test_where_labels_tell_that_it_harms_the_network_from_before_is_kept(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, scored = iter([0.5, 0.4, 0.3, 0.2, 0.1]), iter([0.10, 0.09, 0.12, 0.13, 0.14])

    def scores(*_: object, **__: object) -> Evaluation:
        error = next(scored)
        return Evaluation([], {"MAD": error, "MSE": error / 2})

    monkeypatch.setattr("matting.training.watcher.inconsistency", lambda *_: next(watched))
    monkeypatch.setattr("matting.training.watcher.evaluate", scores)
    monkeypatch.setattr(builder, "dataset", lambda *_: [])
    values, photos = config.load(trained / "modnet.yml"), sorted((trained / "photos").iterdir())
    how = Adaptation(epochs=9, size=(64, 64), patience=2, labelled=True)
    adapt(values, trained / "modnet.pdparams", photos, trained / "run", how)
    assert checkpoint.latest(trained / "run").name == "iter_9"
    kept, first = (weights.read_weights(trained / "run" / folder) for folder in ("adapted", "iter_3"))
    for key, value in kept.items():
        np.testing.assert_array_equal(value, first[f"student.{key}"], err_msg=key)
    log = (trained / "run/adapt.log").read_text(encoding="utf-8")
    assert log.count("labelled MAD rose from 0.1000 to 0.1") == 2 and "these photographs pull away" in log
    assert "stopped: labelled scores were worse than at the start for 2 epochs in a row" in log


def test_heads_that_the_weights_lack_are_fitted_before_branches_are_compared(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completion, "_FITTING_SIDE", 64)
    monkeypatch.setattr(completion, "STEPS", 5)
    values, photos = config.load(trained / "modnet.yml"), sorted((trained / "photos").iterdir())
    neutral, heads = weights.read_weights(trained / "modnet.pdparams"), completion.FITTED[0]
    neutral |= {key: 0 * value for key, value in neutral.items() if key.startswith(heads)}
    weights.write_weights(trained / "neutral.pdparams", neutral)
    how = Adaptation(epochs=1, size=(64, 64))
    for name, fitted in (("neutral", 1), ("modnet", 0)):
        adapt(values, trained / f"{name}.pdparams", photos, trained / name, how)
        assert (trained / name / "adapt.log").read_text(encoding="utf-8").count("fitted to the network's own") == fitted
        assert weights.read_weights(trained / name / "adapted")[f"{heads}layers.0.weight"].any()
        kept = weights.read_weights(trained / name / "iter_3")
        assert kept[f"teacher.{heads}layers.0.weight"].any()
    resumed = {"resume_from": trained / "neutral/iter_3"}
    longer = Adaptation(epochs=2, size=(64, 64))
    adapt(values, trained / "neutral.pdparams", photos, trained / "neutral", longer, **resumed)
    assert (trained / "neutral/adapt.log").read_text(encoding="utf-8").count("fitted to the network's own") == 1


def test_branches_that_agree_already_have_little_to_gain(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values, photos = config.load(trained / "modnet.yml"), sorted((trained / "photos").iterdir())
    for start, said in ((0.004, True), (0.04, False)):
        monkeypatch.setattr("matting.training.watcher.inconsistency", lambda *_, found=start: found)
        how, folder = Adaptation(epochs=1, size=(64, 64)), trained / f"run_{start}"
        adapt(values, trained / "modnet.pdparams", photos, folder, how)
        assert ("little to gain" in (folder / "adapt.log").read_text(encoding="utf-8")) is said


def test_what_cannot_be_adapted_says_so(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values, photos = config.load(trained / "modnet.yml"), sorted((trained / "photos").iterdir())
    for how, paths, said in (
        (Adaptation(size=(60, 64)), photos, "multiples of 32"),
        (Adaptation(teacher="mean"), photos, "epoch, average"),
        (Adaptation(batch_size=4), photos, "too few"),
    ):
        with pytest.raises(MattingError, match=said):
            adapt(values, trained / "modnet.pdparams", paths, trained / "out", how)
    with pytest.raises(MattingError, match="has DIM"):
        adapt({**values, "model": {"type": "DIM"}}, trained / "modnet.pdparams", photos, trained / "out")
    monkeypatch.setenv("PADDLE_TRAINERS_NUM", "2")
    with pytest.raises(MattingError, match="one process, not in 2"):
        adapt(values, trained / "modnet.pdparams", photos, trained / "out")
