"""The main job on drawn people, from data to cutouts: what `make demo` runs."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from demo import drawn_people
from matting import builder
from matting.deployment.loading import Runtime, make_predictor
from matting.engines.dynamic import DynamicNetwork
from matting.evaluation.evaluator import evaluate
from matting.evaluation.table import Evaluation
from matting.pictures.contact_sheet import contact_sheet, over_checkerboard
from matting.pictures.files import quantise, write_png
from matting.prediction.jobs import find_jobs
from matting.prediction.pipeline import predict
from matting.predictor import Predictor
from matting.sample import Sample
from matting.training.options import Options
from matting.training.run import run_training

logger = logging.getLogger(__name__)

TRAIN, VAL = 160, 16
"""Pictures to draw."""


@dataclass(frozen=True)
class Outcome:
    """What the demo ends with: scores before and after training, seconds by stage, and where the pictures are."""

    untrained: Evaluation
    trained: Evaluation
    seconds: dict[str, float]
    contact_sheet: Path

    def table(self) -> str:
        """Return the scores over the whole image before and after training, as text."""
        lines = [f"{'':<8}{'untrained':>12}{'trained':>12}"]
        for name, before in self.untrained.means.items():
            if not name.endswith("_unknown"):
                lines.append(f"{name:<8}{before:>12.4f}{self.trained.means[name]:>12.4f}")
        stages = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in self.seconds.items())
        return "\n".join([*lines, f"time: {stages}"])


def run_demo(values: Mapping[str, Any], save_dir: Path, device_name: str = "auto") -> Outcome:
    """Draw a data set, train on it, score the result, cut out the validation pictures and a real photograph.

    Args:
        values: the quick start configuration; its data sets are read from `save_dir/data`.
        save_dir: everything is written below it.
    """
    builder.check_training(values)
    clock = _Clock()
    drawn_people.write_dataset(save_dir / "data", train=TRAIN, val=VAL)
    values = _reading_from(values, save_dir / "data")
    clock.stop("drawing")

    seed = values.get("seed", 0)
    options = Options(
        save_dir / "training",
        save_interval=values["iters"],
        log_iters=20,
        keep_checkpoint_max=1,
        seed=seed,
        overwrite=True,
    )
    run_training(values, options, device_name=device_name)
    clock.stop("training")

    weights = save_dir / "training" / f"iter_{values['iters']}"
    predictor = make_predictor(values, weights, Runtime("dynamic"))
    validation = builder.dataset(values, "val_dataset")
    rows: list[tuple[dict[str, np.ndarray], str]] = []

    def add_row(sample: Sample, matte: np.ndarray) -> None:
        panels = {"image": sample["image"], "truth": quantise(sample["alpha"]), "matte": matte}
        error = np.abs(matte / 255 - sample["alpha"]).mean()
        rows.append(({**panels, "cutout": _cutout(sample["image"], matte)}, f"{sample['name']}  MAD {error:.4f}"))

    trained = evaluate(predictor, validation, visit=add_row)
    trained.write_csv(save_dir / "metrics.csv")
    paddle.seed(seed)
    untrained = evaluate(
        Predictor(DynamicNetwork(builder.model(values, pretrained=False)), builder.val_transforms(values)), validation
    )
    clock.stop("evaluation")

    photograph = _write_astronaut(save_dir / "photographs" / "astronaut.png")
    jobs = [*find_jobs(save_dir / "data" / "val" / "fg"), *find_jobs(save_dir / "photographs")]
    predict(predictor, jobs, save_dir / "cutouts")
    matte = quantise(predictor(photograph))
    panels = {"image": photograph, "matte": matte, "cutout": _cutout(photograph, matte)}
    rows.insert(0, (panels, "a real photograph; the network saw drawn people only"))
    write_png(save_dir / "contact_sheet.png", contact_sheet(rows[:9], ("image", "truth", "matte", "cutout")))
    clock.stop("prediction")
    return Outcome(untrained, trained, clock.seconds, save_dir / "contact_sheet.png")


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._since = time.perf_counter()

    def stop(self, stage: str) -> None:
        now = time.perf_counter()
        self.seconds[stage], self._since = now - self._since, now


def _reading_from(values: Mapping[str, Any], root: Path) -> dict[str, Any]:
    moved = {key: {**values[key], "dataset_root": str(root)} for key in ("train_dataset", "val_dataset")}
    return {**values, **moved}


def _cutout(image: np.ndarray, matte: np.ndarray) -> np.ndarray:
    return over_checkerboard(image, matte / np.float32(255))


def _write_astronaut(path: Path) -> np.ndarray:
    """Write scikit-image's photograph of Eileen Collins (NASA, public domain), which comes with the library."""
    from skimage import data

    photograph = data.astronaut()
    write_png(path, photograph)
    return photograph
