"""Adapting a trained MODNet to photographs without labels: sub-objectives consistency under a teacher."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import paddle

from matting import atomic
from matting.contact_sheet import contact_sheet
from matting.core import builder, checkpoint
from matting.core.components import transforms
from matting.core.evaluate import evaluate
from matting.core.predictor import PaddleNetwork, Predictor
from matting.core.results import Evaluation
from matting.core.train import Options, train
from matting.core.workflow import begin
from matting.datasets.photographs import Photographs
from matting.errors import MattingError
from matting.imageio import quantise, read_image, write_png
from matting.losses import terms
from matting.ranks import ranks

logger = logging.getLogger(__name__)

TEACHERS = ("epoch", "average")

_NORMS = (paddle.nn.BatchNorm2D, paddle.nn.BatchNorm, paddle.nn.SyncBatchNorm)

_HELD_OUT = 0.1
"""The share of the photographs that is not learnt from, but watched."""

_ADAPTED, _HISTORY, _SHEET = "adapted", "watched.json", "before_and_after.png"

_MOST_SHOWN, _SIDE_SHOWN = 8, 480

CONSISTENCY = "inconsistency"
"""How far semantics and shrunken matte are apart on the photographs that were held out: mean squared distance."""


@dataclass(frozen=True)
class Adaptation:
    """How to adapt.

    Attributes:
        epochs: times through the photographs.
        batch_size: photographs a step.
        learning_rate: of Adam.
        teacher: "epoch" copies the network to the teacher after each epoch, as the authors do; "average" lets it
            follow by a moving average.
        momentum: of that average.
        patience: epochs in a row in which the held-out inconsistency may rise; then it stops.
        size: [width, height] of the pictures; multiples of 32.
        labelled: score the configuration's validation set as well, at the start and after each epoch.
    """

    epochs: int = 10
    batch_size: int = 1
    learning_rate: float = 1e-5
    teacher: str = "epoch"
    momentum: float = 0.99
    patience: int = 2
    size: tuple[int, int] = (512, 512)
    labelled: bool = False


class _Enough(Exception):
    """The held-out inconsistency rose too often."""


class Adapting(paddle.nn.Layer):
    """A student and its teacher as one network, so that one checkpoint holds both.

    Norms keep their statistics in training (the authors' `freeze`); the student alone learns.

    Args:
        student, teacher: two networks of the same trained weights.
        how: when the teacher follows.
        steps_per_epoch: for the teacher of "epoch".
    """

    inputs = ("image",)

    def __init__(
        self, student: paddle.nn.Layer, teacher: paddle.nn.Layer, how: Adaptation, steps_per_epoch: int
    ) -> None:
        super().__init__()
        self.student, self.teacher = student, teacher
        self.stride = student.stride
        self._how, self._per_epoch = how, steps_per_epoch
        self.register_buffer("steps", paddle.zeros([1], "int64"))
        for parameter in teacher.parameters():
            parameter.stop_gradient = True

    def train(self) -> None:
        """Go into training mode, but for the norms."""
        super().train()
        for layer in self.sublayers():
            if isinstance(layer, _NORMS):
                layer.eval()

    def forward(self, image: paddle.Tensor) -> dict[str, paddle.Tensor]:
        """Return the student's outputs, and while training the teacher's `teacher_alpha` and `teacher_detail`."""
        if not self.training:
            return self.student(image)
        self._follow()
        with paddle.no_grad():
            taught = self.teacher(image)
        return {**self.student(image), "teacher_alpha": taught["alpha"], "teacher_detail": taught["detail"]}

    def _follow(self) -> None:
        step = int(self.steps.item())
        self.steps.set_value(self.steps + 1)
        if self._how.teacher == "average" and step:
            for kept, new in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
                kept.set_value(self._how.momentum * kept + (1 - self._how.momentum) * new)
        elif self._how.teacher == "epoch" and step and step % self._per_epoch == 0:
            self.teacher.set_state_dict(self.student.state_dict())


def adapt(
    values: Mapping[str, Any],
    model_path: str | Path,
    photographs: Sequence[Path],
    save_dir: Path,
    how: Adaptation | None = None,
    *,
    device_name: str = "auto",
    loss: Mapping[str, Any] | None = None,
    seed: int = 0,
    use_vdl: bool = False,
    resume_from: Path | None = None,
) -> Path:
    """Adapt trained weights to photographs; return the folder of the adapted network, which predict and val take.

    Args:
        values: the configuration that the weights were trained with; a MODNet's.
        loss: another criterion than `SOCLoss` with its defaults.
        resume_from: a checkpoint folder `iter_N` of this adaptation.

    Raises:
        MattingError: the network is no MODNet, the weights do not fit, or there are too few photographs.
    """
    how = how or Adaptation()
    _check(values, how, photographs)
    begin(values, device_name, save_dir / "adapt.log")
    paddle.seed(seed)
    order = np.random.default_rng(seed).permutation(len(photographs))
    held = max(1, round(_HELD_OUT * len(photographs)))
    watched, learnt = ([photographs[index] for index in part] for part in (order[:held], order[held:]))
    pair = [builder.model(values, pretrained=False) for _ in range(2)]
    for network in pair:
        checkpoint.load(network, model_path, values)
    steps = len(learnt) // how.batch_size
    adapting = Adapting(pair[0], pair[1], how, steps)
    adapting.train()
    run = {**values, "batch_size": how.batch_size, "iters": how.epochs * steps, "trainable": None}
    specs = _transforms(values, how.size)
    optimizer = paddle.optimizer.Adam(how.learning_rate, parameters=pair[0].parameters())
    watcher = _Watcher(adapting, Photographs(watched, transforms(specs[:1] + specs[2:])), values, how, save_dir)
    watcher.start(resume_from)
    logger.info("%d photographs to learn from, %d to watch, %d steps an epoch", len(learnt), held, steps)
    options = Options(save_dir, save_interval=steps, log_iters=max(1, steps // 5), seed=seed, use_vdl=use_vdl)
    criterion = builder.criterion({"loss": loss or {"type": "SOCLoss"}}, pair[0])
    dataset = Photographs(learnt, transforms(specs), seed)
    try:
        train(run, adapting, criterion, optimizer, dataset, options, evaluate=watcher, resume_from=resume_from)
    except _Enough:
        logger.warning("stopped: the held-out inconsistency rose %d epochs in a row", how.patience)
    watcher.show(save_dir / _SHEET)
    return save_dir / _ADAPTED


class _Watcher:
    """Scores the student after each epoch, keeps the most consistent one, and says when to stop.

    What it measured stands in `save_dir/watched.json` by iteration, so that a resumed run goes on judging as before.
    """

    def __init__(
        self, adapting: Adapting, photographs: Photographs, values: Mapping[str, Any], how: Adaptation, save_dir: Path
    ) -> None:
        self._network, self._photographs, self._values = adapting, photographs, values
        self._how, self._save_dir = how, save_dir
        self._labelled = builder.dataset(values, "val_dataset") if how.labelled else None
        self._predictor = Predictor(PaddleNetwork(adapting.student), builder.val_transforms(values))
        self._history: dict[int, dict[str, float]] = {}
        self._before: list[tuple[np.ndarray, np.ndarray]] = []

    def start(self, resume_from: Path | None) -> None:
        """Score the network as it came, or take up what was measured until the checkpoint.

        Raises:
            MattingError: the measurements beside the checkpoint are missing or cannot be read.
        """
        self._before = self._mattes()
        if resume_from is not None:
            reached = checkpoint.progress_of(resume_from).validated
            history = _read_history(resume_from.resolve().parent / _HISTORY)
            self._history = {iteration: means for iteration, means in history.items() if iteration <= reached}
            kept = resume_from.resolve().parent / _ADAPTED
            if not (self._save_dir / _ADAPTED).is_dir() and kept.is_dir():  # the best so far may be older than this
                shutil.copytree(kept, self._save_dir / _ADAPTED)
            return
        self._history = {0: self._measure()}
        logger.info("before: %s", _line(self._history[0]))
        self._keep()
        atomic.write_text(self._save_dir / _HISTORY, json.dumps(self._history, indent=1))

    def __call__(self) -> Evaluation:
        means = self._measure()
        lowest = min(earlier[CONSISTENCY] for earlier in self._history.values())
        self._history[int(self._network.steps.item())] = means
        if means[CONSISTENCY] < lowest:
            self._keep()
        atomic.write_text(self._save_dir / _HISTORY, json.dumps(self._history, indent=1))
        first = self._history[0]
        worse = [name for name in ("MAD", "MSE") if name in means and means[name] > first.get(name, means[name])]
        if worse:
            name = worse[0]
            logger.warning(
                "labelled %s rose from %.4f to %.4f: these photographs pull away from your labels",
                name, first[name], means[name],
            )  # fmt: skip
        if self._rises() >= self._how.patience:
            logger.info("[EVAL] %s", _line(means))
            raise _Enough
        return Evaluation([], means)

    def show(self, path: Path) -> None:
        """Write a sheet of what was held out: photograph, matte before, and matte of the adapted network."""
        checkpoint.load(self._network.student, self._save_dir / _ADAPTED, self._values)
        rows = [
            ({"photograph": image, "before": before, "adapted": after}, path.name)
            for (image, before), (_, after), path in zip(
                self._before, self._mattes(), self._photographs.paths, strict=False
            )
        ]
        write_png(path, contact_sheet(rows))
        logger.info("look at %s", path)

    def _mattes(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the first pictures held out with their mattes, both small enough for a sheet."""
        self._network.student.eval()
        shown = []
        for path in self._photographs.paths[:_MOST_SHOWN]:
            image = read_image(path)
            scale = min(1, _SIDE_SHOWN / max(image.shape[:2]))
            size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
            pair = image, quantise(self._predictor(image))
            shown.append(tuple(cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pair))
        self._network.train()
        return shown  # type: ignore[return-value]

    def _rises(self) -> int:
        """Return how many epochs in a row, up to the last, the inconsistency has risen."""
        values = [self._history[iteration][CONSISTENCY] for iteration in sorted(self._history)]
        count = 0
        while count < len(values) - 1 and values[-1 - count] > values[-2 - count]:
            count += 1
        return count

    def _measure(self) -> dict[str, float]:
        means = {CONSISTENCY: inconsistency(self._network, self._photographs)}
        if self._labelled is not None:
            scores = evaluate(self._predictor, self._labelled, names=("MAD", "MSE")).means
            means |= {name: scores[name] for name in ("MAD", "MSE")}
        return means

    def _keep(self) -> None:
        """Write the student as a checkpoint of its own, without the teacher."""
        values = dict(self._values)
        checkpoint.save(self._save_dir / _ADAPTED, self._network.student, values, checkpoint.Progress())


def _read_history(path: Path) -> dict[int, dict[str, float]]:
    try:
        return {int(iteration): means for iteration, means in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise MattingError(
            f"{path} cannot be read ({error}); it stands beside the checkpoints of an adaptation, start anew without it"
        ) from None


def inconsistency(network: Adapting, photographs: Photographs) -> float:
    """Return the mean squared distance between semantics and shrunken matte; the network is left in training mode."""
    network.train()
    found = []
    with paddle.no_grad():
        for index in range(len(photographs)):
            image = paddle.to_tensor(photographs[index]["image"].transpose(2, 0, 1)[None])
            output = network.student(image)
            found.append(float(terms.mse(output["semantic"], terms.reduced(output["alpha"]))))
    return float(np.mean(found))


def _check(values: Mapping[str, Any], how: Adaptation, photographs: Sequence[Path]) -> None:
    if ranks() > 1:
        raise MattingError(f"adapting works in one process, not in {ranks()}; start it without the launcher")
    kind = (values.get("model") or {}).get("type")
    if kind != "MODNet":
        raise MattingError(f"adapting works by MODNet's three branches; the configuration has {kind}")
    if how.teacher not in TEACHERS:
        raise MattingError(f"--teacher {how.teacher}: it must be one of {', '.join(TEACHERS)}")
    if any(side % 32 or side < 32 for side in how.size):
        raise MattingError(f"--input_size {how.size[0]} {how.size[1]}: both must be multiples of 32")
    if len(photographs) < how.batch_size + 1:
        raise MattingError(
            f"{len(photographs)} photographs are too few for batches of {how.batch_size} and one to watch; add some"
        )


def _transforms(values: Mapping[str, Any], size: tuple[int, int]) -> list[dict[str, Any]]:
    """Return resize, flip and the normalisation that the weights were trained with."""
    normalisation = checkpoint.identity(values)["normalisation"]
    return [
        {"type": "Resize", "target_size": list(size)},
        {"type": "RandomHorizontalFlip"},
        {"type": "Normalize", **normalisation},
    ]


def _line(means: Mapping[str, float]) -> str:
    return " ".join(f"{name}={value:.5f}" for name, value in means.items())
