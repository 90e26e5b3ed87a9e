"""Act two: training on drawn people, whose mattes are exact, with scores and pictures before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from demo import drawn_people
from demo.photographs import people
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
from matting.training.options import Options
from matting.training.run import run_training

TRAIN, VAL = 160, 16
"""Pictures to draw."""

SHEET = "act_two.png"

_SHOWN = 7
"""Drawn people on the sheet."""

_PANELS = ("image", "truth", "before", "after", "cutout")


@dataclass(frozen=True)
class Outcome:
    """What act two ends with: scores before and after training, the trained weights, and the sheet."""

    before: Evaluation
    after: Evaluation
    weights: Path
    contact_sheet: Path

    def table(self) -> str:
        """Return the scores before and after training, as text."""
        lines = [f"{f'{len(self.after.rows)} drawn people':<18}{'before':>10}{'after':>10}"]
        for name, before in self.before.means.items():
            metric, _, region = name.partition("_")
            lines.append(f"{f'{metric} {region}':<18}{before:>10.4f}{self.after.means[name]:>10.4f}")
        return "\n".join(lines)


def train_on_drawn_people(values: Mapping[str, Any], save_dir: Path, device_name: str = "auto") -> Outcome:
    """Draw a data set, score the network that training starts from, train it, score it again, cut out what it saw.

    Args:
        values: the configuration to train; its data sets are read from `save_dir/data`.
        save_dir: everything is written below it.
    """
    builder.check_training(values)
    drawn_people.write_dataset(save_dir / "data", train=TRAIN, val=VAL)
    values = _reading_from(values, save_dir / "data")
    paddle.seed(values.get("seed", 0))
    start = Predictor(DynamicNetwork(builder.model(values)), builder.val_transforms(values))
    before, earlier = _scored(start, values)

    options = Options(
        save_dir / "training",
        save_interval=values["iters"],
        log_iters=20,
        keep_checkpoint_max=1,
        seed=values.get("seed", 0),
        overwrite=True,
    )
    run_training(values, options, device_name=device_name)

    weights = save_dir / "training" / f"iter_{values['iters']}"
    trained = make_predictor(values, weights, Runtime(device=device_name))
    after, later = _scored(trained, values)
    after.write_csv(save_dir / "metrics.csv")
    predict(trained, find_jobs(save_dir / "data" / "val" / "fg"), save_dir / "cutouts")

    photograph = people()["astronaut"]
    first, last = quantise(start(photograph)), quantise(trained(photograph))
    rows = [(_panels(photograph, first, last), "a photograph, at the size of the drawings; training saw none")]
    for name, (image, truth, matte) in list(later.items())[:_SHOWN]:
        errors = " -> ".join(f"{np.abs(made / 255.0 - truth / 255.0).mean():.4f}" for made in (earlier[name][2], matte))
        rows.append(({**_panels(image, earlier[name][2], matte), "truth": truth}, f"{name}  MAD {errors}"))
    write_png(save_dir / SHEET, contact_sheet(rows, _PANELS))
    return Outcome(before, after, weights, save_dir / SHEET)


def _scored(
    predictor: Predictor, values: Mapping[str, Any]
) -> tuple[Evaluation, dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]]:
    """Return the scores on the validation set, and image, truth and matte of each picture by name."""
    seen = {}
    result = evaluate(
        predictor,
        builder.dataset(values, "val_dataset"),
        visit=lambda sample, matte: seen.update({sample["name"]: (sample["image"], quantise(sample["alpha"]), matte)}),
    )
    return result, seen


def _panels(image: np.ndarray, before: np.ndarray, after: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "image": image, "before": before, "after": after, "cutout": over_checkerboard(image, after / np.float32(255))
    }  # fmt: skip


def _reading_from(values: Mapping[str, Any], root: Path) -> dict[str, Any]:
    moved = {key: {**values[key], "dataset_root": str(root)} for key in ("train_dataset", "val_dataset")}
    return {**values, **moved}
