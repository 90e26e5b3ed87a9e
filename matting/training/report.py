"""The report of a training run: curves of losses and metrics from its log, beside what the network made of samples."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from matting.errors import MattingError
from matting.evaluation.report import plots
from matting.evaluation.report.page import picture, plot, write_page
from matting.evaluation.report.panels import shrink
from matting.metrics.catalogue import is_metric, metric_of
from matting.metrics.protocols import DEFAULT, REGION_TITLES
from matting.pictures.contact_sheet import over_checkerboard
from matting.pictures.files import quantise
from matting.sample import Sample
from matting.system import atomic
from matting.version import __version__

SAMPLES = "samples"
"""The folder below a run's in which its samples are kept."""

_SIDE = 320
_MOST_SAMPLES = 4
_MOST_TIMES = 7
_STEP = re.compile(r"\[(TRAIN|EVAL)\] iter=(\d+)(?:/(\d+))? (.*)$")
_VALUE = re.compile(r"(\w+)=(-?[\d.]+(?:e[-+]?\d+)?|nan|inf)\b(?!%)")
_RESUMED = re.compile(r" resumed from .* at iteration (\d+)$")
_SPEED = re.compile(r"([\d.]+) samples/s")

Curve = dict[int, float]


@dataclass
class Log:
    """What a training log tells.

    Attributes:
        losses: loss terms, `lr` and `samples/s` by name, then by iteration. Where a run was resumed, what it had done
            beyond that checkpoint is left out.
        scores: the metrics of validations likewise.
        iters: the iteration at which the run was to end.
    """

    losses: dict[str, Curve] = field(default_factory=dict)
    scores: dict[str, Curve] = field(default_factory=dict)
    iters: int = 0

    def go_back(self, iteration: int) -> None:
        """Forget what came after an iteration from which the run went on."""
        for curves in (self.losses, self.scores):
            for name, curve in list(curves.items()):
                curves[name] = {at: value for at, value in curve.items() if at <= iteration}
                if not curves[name]:
                    del curves[name]


def read_log(path: Path) -> Log:
    """Read the lines that training writes.

    Raises:
        MattingError: the file is missing or holds no such line.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise MattingError(f"{path} cannot be read ({error.strerror}); give the folder of a training run") from None
    log = Log()
    for line in lines:
        resumed = _RESUMED.search(line)
        if resumed:
            log.go_back(int(resumed[1]))
        step = _STEP.search(line)
        if step is None:
            continue
        kind, iteration, end, rest = step.groups()
        curves = log.losses if kind == "TRAIN" else log.scores
        log.iters = int(end or log.iters)
        for name, value in _VALUE.findall(rest):
            if name != "reader":
                curves.setdefault(name, {})[int(iteration)] = float(value)
        speed = _SPEED.search(rest)
        if speed:
            curves.setdefault("samples/s", {})[int(iteration)] = float(speed[1])
    if not log.losses and not log.scores:
        raise MattingError(f"{path} holds no [TRAIN] or [EVAL] line; give the folder of a run that has begun")
    return log


class Film:
    """Keeps what the network makes of the first samples, validation after validation, as small JPEG files."""

    def __init__(self, save_dir: Path, most: int = _MOST_SAMPLES) -> None:
        self.folder, self.most = save_dir / SAMPLES, most
        self._iteration, self._seen = 0, 0

    def begin(self, iteration: int) -> None:
        """Note that a validation begins."""
        self._iteration, self._seen = iteration, 0

    def visit(self, sample: Sample, matte: np.ndarray) -> None:
        """Keep a sample's matte (H, W) uint8 if it is among the first."""
        if self._seen >= self.most:
            return
        folder = self.folder / f"{self._seen}"
        self._seen += 1
        image = shrink(sample["image"], _SIDE)
        small = shrink(matte, _SIDE)
        _write(folder / "image.jpg", image)
        _write(folder / "truth.jpg", shrink(quantise(sample["alpha"]), _SIDE))
        _write(folder / f"iter_{self._iteration}.jpg", small)
        _write(folder / "cutout.jpg", over_checkerboard(image, small / np.float32(255)))


def write_run_report(save_dir: Path) -> Path:
    """Write `report.html` into the folder of a training run, finished or not, and return its path.

    Raises:
        MattingError: there is no log of a run.
    """
    log = read_log(save_dir / "train.log")
    films = {f"sample {folder.name}": _frames(folder) for folder in sorted((save_dir / SAMPLES).glob("[0-9]*"))}
    sections = [_plots("Validation", log.scores), _plots("Training", log.losses)]
    if films:
        sections.append('<h2>Samples over time</h2>\n<div id="gallery"></div>')
    last = max(max(curve) for curve in (*log.losses.values(), *log.scores.values()))
    data = {
        "columns": [],
        "rows": [{"name": name, "width": 0, "height": 0, "values": {}} for name in films],
        "panels": films,
    }
    facts = [("iteration", f"{last} of {log.iters}" if log.iters else str(last)), ("matting", __version__)]
    best = _best(log.scores)
    if best:
        facts.insert(1, best)
    path = save_dir / "report.html"
    rule = f"validation: {DEFAULT.describe()}"
    write_page(path, f"Training run {save_dir.resolve().name}", rule, facts, [s for s in sections if s], data)
    return path


def _plots(heading: str, curves: Mapping[str, Curve]) -> str:
    shown = []
    for name, curve in curves.items():
        points = [(float(iteration), value) for iteration, value in sorted(curve.items())]
        metric = name.removesuffix("_unknown")
        best = None
        if is_metric(name):
            cost = metric_of(name).cost
            best = min(points, key=lambda point: cost(point[1]))
        below = f"best {plots.number(best[1])} at {best[0]:.0f}" if best else f"last {plots.number(points[-1][1])}"
        title = f"{metric}, {REGION_TITLES['unknown']}" if name != metric else name
        shown.append(plot(title, below, plots.curve(points, name, best)))
    return f'<h2>{heading}</h2>\n<div class="plots">{"".join(shown)}</div>' if shown else ""


def _best(scores: Mapping[str, Curve]) -> tuple[str, str] | None:
    """Return the best value of the first metric, by which training chooses its best model."""
    if not scores:
        return None
    name, curve = next(iter(scores.items()))
    cost = metric_of(name).cost
    iteration = min(curve, key=lambda at: cost(curve[at]))
    return f"best {name}", f"{plots.number(curve[iteration])} at iteration {iteration}"


def _frames(folder: Path) -> list[dict[str, str]]:
    """Return image, truth, some of the mattes in their order, and the last cutout."""
    mattes = sorted(folder.glob("iter_*.jpg"), key=lambda path: int(path.stem.removeprefix("iter_")))
    if len(mattes) > _MOST_TIMES:
        mattes = [mattes[round(at)] for at in np.linspace(0, len(mattes) - 1, _MOST_TIMES)]
    named = [(folder / "image.jpg", "image"), (folder / "truth.jpg", "truth")]
    named += [(path, path.stem.replace("iter_", "iteration ")) for path in mattes]
    named.append((folder / "cutout.jpg", "cutout"))
    return [{"title": title, "small": picture(path.read_bytes())} for path, title in named if path.is_file()]


def _write(path: Path, pixels: np.ndarray) -> None:
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR) if pixels.ndim == 3 else pixels
    atomic.write_bytes(path, cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].data)
