"""The report of a training run: curves from its history, beside what the network made of samples on the way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from matting.errors import MattingError
from matting.metrics.catalogue import is_metric, metric_of
from matting.metrics.protocols import DEFAULT, REGION_TITLES
from matting.pages import plots
from matting.pages.page import picture, plot, write_page
from matting.pictures.contact_sheet import over_checkerboard, shrink
from matting.pictures.files import quantise
from matting.sample import Sample
from matting.system import atomic
from matting.training import history
from matting.training.guard import SUFFIX
from matting.version import __version__

SAMPLES = "samples"
"""The folder below a run's in which its samples are kept."""

_SIDE = 320
_MOST_SAMPLES = 4
_MOST_TIMES = 7
Curve = list[tuple[float, float]]
"""Iterations, ascending, each with a value."""


class Film:
    """Keeps what the network makes of the first samples at one validation, as small JPEG files."""

    def __init__(self, save_dir: Path, iteration: int) -> None:
        self._save_dir, self._iteration, self._seen = save_dir, iteration, 0

    def visit(self, sample: Sample, matte: np.ndarray) -> None:
        """Keep a sample's matte (H, W) uint8 if it is among the first."""
        if self._seen >= _MOST_SAMPLES:
            return
        folder = _sample(self._save_dir, self._seen)
        self._seen += 1
        image = shrink(sample["image"], _SIDE)
        small = shrink(matte, _SIDE)
        _write(folder / "image.jpg", image)
        _write(folder / "truth.jpg", shrink(quantise(sample["alpha"]), _SIDE))
        _write(_matte(folder, self._iteration), small)
        _write(folder / "cutout.jpg", over_checkerboard(image, small / np.float32(255)))


def write_run_report(save_dir: Path) -> Path:
    """Write `report.html` into the folder of a training run, finished or not, and return its path.

    Raises:
        MattingError: there is no history of a run, or nothing in it.
    """
    rows = history.read(save_dir)
    if not rows:
        raise MattingError(f"{save_dir / history.HISTORY} holds no report yet; give the folder of a run that has begun")
    scores = _curves((row.iteration, row.metrics) for row in rows)
    validated = [row.iteration for row in rows if row.metrics]
    folders = (_sample(save_dir, number) for number in range(_MOST_SAMPLES))
    films = {f"sample {folder.name}": _frames(folder, validated) for folder in folders if folder.is_dir()}
    sections = [_plots("Validation", scores), _plots("Training", _curves(map(_training, rows)))]
    if films:
        sections.append('<h2>Samples over time</h2>\n<div id="gallery"></div>')
    data = {
        "columns": [],
        "rows": [{"name": name, "width": 0, "height": 0, "values": {}} for name in films],
        "panels": films,
    }
    iteration = f"{max(row.iteration for row in rows)} of {rows[-1].iters}"
    facts = [("iteration", iteration), *_best_facts(scores), ("matting", __version__)]
    path, rule = save_dir / "report.html", f"validation: {DEFAULT.describe()}"
    write_page(path, f"Training run {save_dir.resolve().name}", rule, facts, [s for s in sections if s], data)
    return path


def _training(row: history.Row) -> tuple[int, dict[str, float]]:
    """Return what is drawn of a report of the training."""
    speed = {"samples/s": row.speed["samples_per_second"]} if "samples_per_second" in row.speed else {}
    return row.iteration, {**row.losses, **({} if row.lr is None else {"lr": row.lr}), **speed}


def _curves(points: Iterable[tuple[int, Mapping[str, float]]]) -> dict[str, Curve]:
    """Return a curve for every name."""
    curves: dict[str, Curve] = {}
    for iteration, values in points:
        for name, value in values.items():
            curves.setdefault(name, []).append((float(iteration), value))
    return curves


def _plots(heading: str, curves: Mapping[str, Curve]) -> str:
    shown = []
    for name, curve in curves.items():
        title, best = name, None
        below = f"last {plots.number(curve[-1][1])}"
        if is_metric(name):
            metric, best = metric_of(name), _best(name, curve)
            title = _title(name, metric.name)
            below = f"best {plots.number(best[1])} at {best[0]:.0f}; {metric.unit}"
        shown.append(plot(title, below, plots.curve(curve, name, best)))
    return f'<h2>{heading}</h2>\n<div class="plots">{"".join(shown)}</div>' if shown else ""


def _title(column: str, metric: str) -> str:
    """Return the heading of a metric's curve: the metric, its region, and whether the pictures are the guard's."""
    plain = column.removesuffix(SUFFIX)
    region = [] if plain == metric else [REGION_TITLES[plain.rpartition("_")[2]]]
    return ", ".join([metric, *region, *(["guard"] if plain != column else [])])


def _best(name: str, curve: Curve) -> tuple[float, float]:
    """Return the point of a metric's curve that training would take for the best."""
    cost = metric_of(name).cost
    return min(curve, key=lambda point: cost(point[1]))


def _best_facts(scores: Mapping[str, Curve]) -> list[tuple[str, str]]:
    """Return the best value of the first metric, by which training chooses its best model."""
    for name, curve in scores.items():
        iteration, value = _best(name, curve)
        return [(f"best {name}", f"{plots.number(value)} at iteration {iteration:.0f}")]
    return []


def _sample(save_dir: Path, number: int) -> Path:
    return save_dir / SAMPLES / f"{number}"


def _matte(folder: Path, iteration: int) -> Path:
    return folder / f"iter_{iteration}.jpg"


def _frames(folder: Path, validated: Sequence[int]) -> list[dict[str, str]]:
    """Return image, truth, some of the mattes of the validations in their order, and the last cutout."""
    mattes = [(path, f"iteration {at}") for at in validated if (path := _matte(folder, at)).is_file()]
    if len(mattes) > _MOST_TIMES:
        mattes = [mattes[round(at)] for at in np.linspace(0, len(mattes) - 1, _MOST_TIMES)]
    named = [(folder / "image.jpg", "image"), (folder / "truth.jpg", "truth"), *mattes]
    named.append((folder / "cutout.jpg", "cutout"))
    return [{"title": title, "small": picture(path.read_bytes())} for path, title in named if path.is_file()]


def _write(path: Path, pixels: np.ndarray) -> None:
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    atomic.write_bytes(path, cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].data)
