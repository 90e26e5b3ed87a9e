"""A run that is broken and resumed is the run that was not; what goes wrong is named and costs nothing saved."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import paddle
import pytest

import drawn
from matting import builder, config, weights
from matting.errors import MattingError, Stopped
from matting.losses import MODNetLoss
from matting.training import checkpoint, loop
from matting.training.optimizers import make_optimizer
from matting.training.options import Options
from matting.training.run import run_training
from matting.weights.trained import load_trained

CONFIG = """
batch_size: 2
iters: 6
train_dataset:
  type: MattingDataset
  dataset_root: {root}
  train_file: train.txt
  transforms:
    - {{type: RandomCrop, crop_size: [32, 32]}}
    - {{type: RandomDistort}}
    - {{type: RandomHorizontalFlip}}
    - {{type: Normalize}}
val_dataset:
  type: MattingDataset
  dataset_root: {root}
  val_file: val.txt
  transforms:
    - {{type: ResizeByShort, short_size: 32}}
    - {{type: ResizeToIntMult}}
    - {{type: Normalize}}
  mode: val
model:
  type: MODNet
  hr_channels: 8
  backbone: {{type: MobileNetV2}}
optimizer: {{type: Adam}}
lr_scheduler: {{type: PolynomialDecay, learning_rate: 0.01, warmup_iters: 2, warmup_start_lr: 0.001}}
"""


@pytest.fixture
def values(tmp_path: Path) -> dict:
    drawn.dataset(tmp_path / "data", count=3)
    path = tmp_path / "config.yml"
    path.write_text(CONFIG.format(root=tmp_path / "data"), encoding="utf-8")
    return config.load(path)


def options(folder: Path, **changes) -> Options:
    return Options(folder, **{"save_interval": 3, "log_iters": 2, "keep_checkpoint_max": 0, **changes})


def same(first: Path, second: Path) -> None:
    for name in ("model.pdparams", "model.pdopt"):
        one, other = (weights.unpickle_arrays((folder / name).read_bytes(), name) for folder in (first, second))
        assert list(one) == list(other)
        for key, value in one.items():
            np.testing.assert_array_equal(value, other[key], err_msg=key)


def test_a_resumed_run_equals_the_unbroken_one_bit_for_bit(tmp_path: Path, values: dict) -> None:
    run_training(values, options(tmp_path / "whole"), validate=True)
    last = run_training(values, options(tmp_path / "rest"), validate=True, resume_from=tmp_path / "whole/iter_3")
    assert last.iteration == 6
    same(tmp_path / "whole/iter_6", tmp_path / "rest/iter_6")
    one, other = (json.loads((tmp_path / run / "iter_6/state.json").read_text()) for run in ("whole", "rest"))
    assert one == other


def test_workers_do_not_change_the_run(tmp_path: Path, values: dict) -> None:
    values["iters"] = 3
    for workers in (0, 2):
        run_training(values, options(tmp_path / str(workers), num_workers=workers))
    same(tmp_path / "0/iter_3", tmp_path / "2/iter_3")


def test_a_checkpoint_says_what_it_is(tmp_path: Path, values: dict) -> None:
    values["iters"] = 3
    state = run_training(values, options(tmp_path / "run", use_vdl=True), validate=True)
    folder = tmp_path / "run/iter_3"
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.yml",
        "model.pdopt",
        "model.pdparams",
        "state.json",
    ]
    assert config.load(folder / "config.yml") == values
    assert state.best["iteration"] == 3 and state.best["SAD"] > 0
    assert (tmp_path / "run/best_model/model.pdparams").is_file()
    assert list((tmp_path / "run/vdl").iterdir())
    assert "[EVAL] best SAD=" in (tmp_path / "run/train.log").read_text(encoding="utf-8")
    # the weights are in a form that Paddle reads by itself
    assert set(paddle.load(str(folder / "model.pdparams"))) == set(builder.model(values).state_dict())


def test_only_the_newest_checkpoints_are_kept(tmp_path: Path, values: dict) -> None:
    run_training({**values, "iters": 4}, options(tmp_path, save_interval=1, keep_checkpoint_max=2))
    assert sorted(path.name for path in tmp_path.glob("*iter_*")) == ["iter_3", "iter_4"]


def test_checkpoints_come_by_epochs_where_asked(tmp_path: Path, values: dict) -> None:
    values["batch_size"] = 1  # three pictures: an epoch is three iterations
    run_training({**values, "iters": 7}, options(tmp_path, save_interval=1, save_epoch=1))
    assert sorted(path.name for path in tmp_path.glob("iter_*")) == ["iter_3", "iter_6", "iter_7"]


def test_a_kill_while_saving_leaves_the_older_checkpoint(
    tmp_path: Path, values: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, progress = builder.model(values), checkpoint.Progress(iteration=1)
    checkpoint.save(tmp_path / "best_model", network, values, progress)
    before = (tmp_path / "best_model/model.pdparams").read_bytes()

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    monkeypatch.setattr(checkpoint, "_replace", killed)
    with pytest.raises(Killed):
        checkpoint.save(tmp_path / "best_model", builder.model(values), values, progress)
    assert (tmp_path / "best_model/model.pdparams").read_bytes() == before
    monkeypatch.undo()
    checkpoint.save(tmp_path / "best_model", builder.model(values), values, progress)
    assert sorted(path.name for path in tmp_path.glob("*best*")) == ["best_model"]


def test_a_kill_between_the_renames_is_mended(tmp_path: Path) -> None:
    (tmp_path / ".best_model.old").mkdir()
    (tmp_path / ".iter_3.old").mkdir()
    (tmp_path / "iter_3").mkdir()
    checkpoint.recover(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".iter_3.old", "best_model", "iter_3"]


def test_a_validation_that_fails_costs_no_checkpoint(tmp_path: Path, values: dict) -> None:
    (tmp_path / "data/val.txt").write_text("train/fg/0.png\ntrain/fg/broken.png\n")
    (tmp_path / "data/train/fg/broken.png").write_bytes(b"no picture")
    drawn.save(tmp_path / "data/train/alpha/broken.png", np.zeros((60, 80), np.uint8))
    with pytest.raises(MattingError, match=r"val\.txt:2"):
        run_training(values, options(tmp_path / "run"), validate=True)
    assert (tmp_path / "run/iter_3/state.json").is_file()


@pytest.mark.parametrize("at", [3, 6])
def test_what_a_kill_left_unscored_is_scored_on_resuming(
    tmp_path: Path, values: dict, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    run_training(values, options(tmp_path / "whole"), validate=True)
    validate = loop._Run._validate

    def killed(run: loop._Run) -> None:
        if run.state.iteration == at:
            raise KeyboardInterrupt
        validate(run)

    monkeypatch.setattr(loop._Run, "_validate", killed)
    with pytest.raises(KeyboardInterrupt):
        run_training(values, options(tmp_path / "broken"), validate=True)
    monkeypatch.undo()
    run_training(values, options(tmp_path / "broken"), validate=True, resume_from=tmp_path / f"broken/iter_{at}")
    for folder in ("iter_3", "iter_6", "best_model"):
        one, other = (json.loads((tmp_path / run / folder / "state.json").read_text()) for run in ("whole", "broken"))
        assert one == other, folder
    same_weights = [(tmp_path / run / "best_model/model.pdparams").read_bytes() for run in ("whole", "broken")]
    assert same_weights[0] == same_weights[1]
    with pytest.raises(MattingError, match="raise --iters"):  # now it is finished, and once is enough
        run_training(values, options(tmp_path / "broken"), validate=True, resume_from=tmp_path / "broken/iter_6")


def test_scoring_a_checkpoint_of_another_run_does_not_write_there(tmp_path: Path, values: dict) -> None:
    run_training({**values, "iters": 3}, options(tmp_path / "plain"))
    before = (tmp_path / "plain/iter_3/state.json").read_bytes()
    last = run_training(values, options(tmp_path / "next"), validate=True, resume_from=tmp_path / "plain/iter_3")
    assert last.best["iteration"] in (3, 6) and last.validated == 6
    assert (tmp_path / "plain/iter_3/state.json").read_bytes() == before


def asking(monkeypatch: pytest.MonkeyPatch, at: int, number: int, where: str = "check_finite") -> None:
    """Send this process a signal in an iteration, as a terminal or a job scheduler would."""
    owner = loop._Run if hasattr(loop._Run, where) else loop
    counted, function = [0], getattr(owner, where)

    def ask(*arguments):
        counted[0] += 1
        if counted[0] == at:
            os.kill(os.getpid(), number)
        return function(*arguments)

    monkeypatch.setattr(owner, where, ask)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_asked_to_stop_saves_and_goes_on_bit_for_bit(
    tmp_path: Path, values: dict, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    run_training(values, options(tmp_path / "whole"), validate=True)
    before = signal.getsignal(number)
    asking(monkeypatch, 4, number)
    with pytest.raises(Stopped, match=r"after iteration 4; go on with --resume_model .*iter_4") as stop:
        run_training(values, options(tmp_path / "asked"), validate=True)
    assert stop.value.signal == number and signal.getsignal(number) is before
    monkeypatch.undo()
    run_training(values, options(tmp_path / "asked"), validate=True, resume_from=tmp_path / "asked/iter_4")
    same(tmp_path / "whole/iter_6", tmp_path / "asked/iter_6")
    for folder in ("iter_6", "best_model"):  # no score was taken in between, which might have been the best
        one, other = (json.loads((tmp_path / run / folder / "state.json").read_text()) for run in ("whole", "asked"))
        assert one == other


def test_a_validation_does_not_keep_a_stop_waiting(
    tmp_path: Path, values: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking(monkeypatch, 1, signal.SIGTERM, "_validate")
    with pytest.raises(Stopped, match="after iteration 3"):
        run_training(values, options(tmp_path), validate=True)
    assert checkpoint.progress_of(tmp_path / "iter_3").validated == 0 and not (tmp_path / "best_model").exists()


def test_asking_twice_does_not_wait(tmp_path: Path, values: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(*_):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop, "check_finite", twice)
    with pytest.raises(Stopped, match="stopped"):
        run_training(values, options(tmp_path))
    assert not list(tmp_path.glob("iter_*"))


def test_resuming_a_finished_run_says_so(tmp_path: Path, values: dict) -> None:
    values["iters"] = 3
    run_training(values, options(tmp_path / "run"))
    with pytest.raises(MattingError, match="raise --iters"):
        run_training(values, options(tmp_path / "run"), resume_from=tmp_path / "run/iter_3")


def diverge(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let every term of the loss be NaN after so many iterations, whatever kernels Paddle takes."""
    forward, calls = MODNetLoss.forward, []

    def diverging(self: MODNetLoss, *arguments: dict) -> dict:
        calls.append(arguments)
        terms = forward(self, *arguments)
        return terms if len(calls) <= after else {name: term * float("nan") for name, term in terms.items()}

    monkeypatch.setattr(MODNetLoss, "forward", diverging)


def test_a_loss_that_is_not_finite_stops_with_terms_and_last_checkpoint(
    tmp_path: Path, values: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    diverge(monkeypatch, after=4)
    values["iters"] = 20
    with pytest.raises(MattingError, match=r"iteration \d+: the loss is not finite \(.*=nan.*iter_3"):
        run_training(values, options(tmp_path))
    network = builder.model(values)
    load_trained(network, tmp_path / "iter_3", values)
    assert all(bool(paddle.isfinite(value).all()) for value in network.state_dict().values())


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_mixed_precision_on_the_cpu_is_refused_rather_than_ignored(
    tmp_path: Path, values: dict, precision: str
) -> None:
    with pytest.raises(MattingError, match="needs a GPU"):
        run_training(values, options(tmp_path, precision=precision), device_name="cpu")


@pytest.mark.parametrize("workers", [0, 2])
def test_a_bad_sample_stops_the_run_and_is_named(tmp_path: Path, values: dict, workers: int) -> None:
    (tmp_path / "data/train/fg/1.png").write_bytes(b"no picture")
    with pytest.raises(MattingError, match=r"train\.txt:2: .*1\.png"):
        run_training(values, options(tmp_path / "run", num_workers=workers))


def test_weights_and_configuration_that_disagree_are_refused(tmp_path: Path, values: dict) -> None:
    network = builder.model(values)
    checkpoint.save(tmp_path / "saved", network, values, checkpoint.Progress())
    values["val_dataset"]["transforms"][-1] = {"type": "Normalize", "mean": [0.4, 0.4, 0.4], "std": [0.5, 0.5, 0.5]}
    with pytest.raises(MattingError, match="normalisation"):
        load_trained(network, tmp_path / "saved", values)
    with pytest.raises(MattingError, match="model.pdopt"):
        checkpoint.resume(tmp_path / "saved", network, values, make_optimizer(values, network))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": {"type": "MODNett", "backbone": {"type": "MobileNetV2"}}}, "did you mean MODNet"),
        ({"model": {"type": "MODNet"}}, "needs the key 'backbone'"),
        ({"model": {"type": "MODNet", "backbone": {"type": "MobileNetV2", "pretraind": 1}}}, "did you mean pretrained"),
        ({"optimizer": {"type": "sgd", "momentun": 0.9}}, "did you mean momentum"),
        ({"optimizer": {"type": "Adm"}}, "did you mean Adam"),
        ({"lr_scheduler": {"type": "PiecewiseDecay", "boundries": [1], "values": [1]}}, "did you mean boundaries"),
        ({"loss": {"type": "MODNetLoss", "semantics": 1}}, "did you mean semantic"),
    ],
)
def test_a_wrong_key_is_named_before_any_work(tmp_path: Path, values: dict, change: dict, said: str) -> None:
    with pytest.raises(MattingError, match=said):
        run_training({**values, **change}, options(tmp_path / "run"))
