"""Watching an adaptation: consistency on photographs held out, labelled scores, the best network, and when to stop."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import paddle

from matting import builder
from matting.datasets.photographs import Photographs
from matting.engines.dynamic import DynamicNetwork
from matting.errors import MattingError
from matting.evaluation.evaluator import evaluate
from matting.evaluation.table import Evaluation
from matting.losses import terms
from matting.metrics.catalogue import INCONSISTENCY
from matting.pictures.contact_sheet import contact_sheet
from matting.pictures.files import quantise, read_image, write_png
from matting.predictor import Predictor
from matting.training import checkpoint, history
from matting.training.history import HISTORY, Row
from matting.training.progress import line
from matting.training.student import Adaptation, Adapting
from matting.weights.trained import load_trained

logger = logging.getLogger(__name__)

ADAPTED = "adapted"
"""The folder of the most consistent network."""

_MOST_SHOWN, _SIDE_SHOWN = 8, 480

CONSISTENCY = INCONSISTENCY.name
"""How far semantics and shrunken matte are apart on the photographs that were held out."""

_AGREEING = 0.01
"""Below this the branches of a network agree: one of 0.05 gained by adapting, one of 0.0035 did not."""


class Watcher:
    """Scores the student after each epoch, keeps the most consistent one that does no harm, and says when to stop.

    Harm shows by labels alone, where there are any: MAD or MSE above what the network had as it came. What it measures
    stands in the run's history, by which it judges: a resumed run goes on as the unbroken one.
    """

    def __init__(
        self, adapting: Adapting, photographs: Photographs, values: Mapping[str, Any], how: Adaptation, save_dir: Path
    ) -> None:
        self._network, self._photographs, self._values = adapting, photographs, values
        self._how, self._save_dir = how, save_dir
        self._labelled = builder.dataset(values, "val_dataset") if how.labelled else None
        self._predictor = Predictor(DynamicNetwork(adapting.student), builder.val_transforms(values))
        self._before: list[tuple[np.ndarray, np.ndarray]] = []

    def start(self, iters: int, resume_from: Path | None) -> None:
        """Score the network as it came, unless the run goes on: then that stands in the history.

        Args:
            iters: at which the run is to end.

        Raises:
            MattingError: the history beside the checkpoint is missing or cannot be read.
        """
        self._before = self._mattes()
        if resume_from is not None:
            source = resume_from.resolve().parent
            if not (source / HISTORY).is_file() or not _measured(source):
                raise MattingError(
                    f"{source / HISTORY} does not hold what was measured before {resume_from.name}, by which an "
                    "adaptation is judged; bring it back, or start anew without it"
                )
            kept = source / ADAPTED
            if not (self._save_dir / ADAPTED).is_dir() and kept.is_dir():  # the best so far may be older than this
                shutil.copytree(kept, self._save_dir / ADAPTED)
            return
        before = Row(0, iters, metrics=self._measure())
        logger.info(line(before))
        if before.metrics[CONSISTENCY] < _AGREEING:
            logger.warning(
                "semantics and mattes agree already (inconsistency %.4f): adapting has little to gain, and may cost "
                "edges; look at the sheet before and after, or score it with --do_eval",
                before.metrics[CONSISTENCY],
            )  # fmt: skip
        self._keep()
        history.append(self._save_dir, before)

    def __call__(self, _: int) -> Evaluation:
        means, earlier = self._measure(), _measured(self._save_dir)
        first = earlier[0]
        if name := _harmed(means, first):
            logger.warning(
                "labelled %s rose from %.4f to %.4f: these photographs pull away from your labels",
                name, first[name], means[name],
            )  # fmt: skip
        elif means[CONSISTENCY] < min(before[CONSISTENCY] for before in earlier if not _harmed(before, first)):
            self._keep()
        return Evaluation([], means)

    def is_enough(self) -> bool:
        """Return whether there is a reason to stop."""
        return bool(self.reason())

    def reason(self) -> str:
        """Return why to stop, or nothing: for as many epochs as are borne it got less consistent, or labels say so."""
        measured, patience = _measured(self._save_dir), self._how.patience
        rises = [later[CONSISTENCY] > earlier[CONSISTENCY] for earlier, later in pairwise(measured)]
        if len(rises) >= patience and all(rises[-patience:]):
            return f"the held-out inconsistency rose {patience} epochs in a row"
        if len(rises) >= patience and all(_harmed(means, measured[0]) for means in measured[-patience:]):
            return f"labelled scores were worse than at the start for {patience} epochs in a row"
        return ""

    def show(self, path: Path) -> None:
        """Write a sheet of what was held out: photograph, matte before, and matte of the adapted network."""
        load_trained(self._network.student, self._save_dir / ADAPTED, self._values)
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

    def _measure(self) -> dict[str, float]:
        means = {CONSISTENCY: inconsistency(self._network, self._photographs)}
        if self._labelled is not None:
            scores = evaluate(self._predictor, self._labelled, names=("MAD", "MSE")).means
            means |= {name: scores[name] for name in ("MAD", "MSE")}
        return means

    def _keep(self) -> None:
        """Write the student as a checkpoint of its own, without the teacher."""
        values = dict(self._values)
        checkpoint.save(self._save_dir / ADAPTED, self._network.student, values, checkpoint.Progress())


def _measured(folder: Path) -> list[Mapping[str, float]]:
    """Return what every validation of a run measured, the first one before it learnt anything."""
    return [row.metrics for row in history.read(folder) if CONSISTENCY in row.metrics]


def _harmed(means: Mapping[str, float], first: Mapping[str, float]) -> str:
    """Return the labelled score that is worse than at the start, or nothing."""
    return next((name for name in ("MAD", "MSE") if name in means and means[name] > first.get(name, means[name])), "")


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
