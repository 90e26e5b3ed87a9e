"""One page of everything that was cut out, the least decided mattes first: so the bad ones of many are found by eye."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

import cv2
import numpy as np

from matting.pages.page import relative, write_page
from matting.pictures.contact_sheet import over_checkerboard, shrink
from matting.pictures.files import Photograph
from matting.prediction.inputs import THUMBNAILS
from matting.prediction.jobs import Failure
from matting.sample import PictureFiles
from matting.system import atomic
from matting.text import visible
from matting.version import __version__

PAGE = "report.html"
"""Its name beside the results."""

_MEASURES = "measures.jsonl"
_SIDE = 200
_SAMPLES = 1_000_000
"""Pixels of a matte that are looked at, spread evenly."""

_COVERED = 0.02
"""Alpha above which a pixel is counted as the subject's."""

_NOTHING, _EVERYTHING = 0.002, 0.98
"""Mean alpha below and above which nothing was found, or nothing removed; as in `sheet.js`."""

RULE = (
    "Undecided is how far alpha is from 0 and 1: the mean of 4 alpha (1 - alpha) where alpha is above 0.02. A hard "
    "outline gives nearly 0, hair a little, a matte that is grey all over 100 %."
)


@dataclass(frozen=True)
class Measure:
    """What a matte looks like in numbers.

    Attributes:
        undecided: mean of 4 alpha (1 - alpha) over the subject's pixels, in [0, 1]; 0 where there are none.
        subject: mean alpha.
        height, width: of the photograph.
    """

    undecided: float
    subject: float
    height: int
    width: int


def measure(alpha: np.ndarray) -> Measure:
    """Return how decided a matte (H, W) float32 in [0, 1] is."""
    step = max(1, round((alpha.size / _SAMPLES) ** 0.5))  # samples, not means: those would blur an outline
    seen = alpha[::step, ::step]
    covered = seen[seen > _COVERED]
    undecided = float(np.mean(4 * covered * (1 - covered))) if covered.size else 0.0
    return Measure(round(undecided, 4), round(float(seen.mean()), 4), *alpha.shape)


def doubt(measured: Measure) -> float:
    """Return how much a matte is to be looked at: 2 where it is empty or full, else how undecided it is."""
    return 2.0 if measured.subject < _NOTHING or measured.subject > _EVERYTHING else measured.undecided


def thumbnail(photograph: Photograph, alpha: np.ndarray) -> bytes:
    """Return a small JPEG of a photograph beside its foreground on a checkerboard.

    Args:
        alpha: (H, W) float32 in [0, 1].
    """
    small, matte = shrink(photograph.own, _SIDE), shrink(alpha, _SIDE)
    pair = np.hstack((small, over_checkerboard(small, matte)))
    return cv2.imencode(".jpg", pair[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()


class Overview:
    """Keeps a small picture and the measure of everything that is cut out into a folder, and makes the page of them.

    Args:
        save_dir: the folder of results.
    """

    def __init__(self, save_dir: Path) -> None:
        self._save_dir, self._folder = save_dir, save_dir / THUMBNAILS
        self._lock = threading.Lock()
        self._measures: dict[str, Measure] = {}
        if (self._folder / _MEASURES).is_file():
            for line in (self._folder / _MEASURES).read_text(encoding="utf-8").split("\n"):
                self._read(line)

    def knows(self, job: PictureFiles) -> bool:
        """Return whether a job's matte was seen when it was made, in this or an earlier run."""
        return job.name in self._measures and self._thumbnail(job.name).is_file()

    def visit(self, job: PictureFiles, photograph: Photograph, alpha: np.ndarray) -> None:
        """Keep what the page shows of a photograph and its matte (H, W) float32 in [0, 1].

        Raises:
            MattingError: it cannot be written.
        """
        path = self._thumbnail(job.name)
        atomic.write_bytes(path, thumbnail(photograph, alpha))
        measured = measure(alpha)
        row = json.dumps({"name": job.name, **asdict(measured)})
        with self._lock, atomic.explained(path), open(self._folder / _MEASURES, "a", encoding="utf-8") as file:
            self._measures[job.name] = measured
            file.write(row + "\n")

    def write(self, jobs: Sequence[PictureFiles], results: Sequence[Path], failures: Sequence[Failure]) -> Path:
        """Write the page of the jobs whose mattes are known, and return its path.

        Args:
            results: the file that each job's picture leads to.
            failures: what could not be cut out.

        Raises:
            MattingError: it cannot be written.
        """
        rows = [self._row(job, result) for job, result in zip(jobs, results, strict=True) if self.knows(job)]
        sections = [failed(failures)] if failures else []
        sections.append(SHEET)
        facts = [("pictures", str(len(rows))), ("could not be cut out", str(len(failures))), ("matting", __version__)]
        path = self._save_dir / PAGE
        title = f"Cutouts in {self._save_dir.resolve().name}"
        write_page(path, title, RULE, facts, sections, {"rows": rows}, "sheet.js")
        return path

    def _row(self, job: PictureFiles, result: Path) -> dict[str, str | float]:
        measured = self._measures[job.name]
        return {
            "name": visible(job.name),
            "small": relative(self._thumbnail(job.name), self._save_dir),
            "full": relative(result, self._save_dir),
            "photo": relative(job.image, self._save_dir),
            **asdict(measured),
        }

    def _thumbnail(self, name: str) -> Path:
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return self._folder / f"{digest}.jpg"

    def _read(self, line: str) -> None:
        """Take in a row; a torn one says nothing."""
        try:
            row = json.loads(line)
            name = str(row.pop("name"))
            self._measures[name] = Measure(**row)
        except (ValueError, TypeError, KeyError, AttributeError):
            return


def failed(failures: Sequence[str]) -> str:
    """Return the section of a page that lists failures."""
    lines = "".join(f"<tr><td>{escape(visible(failure))}</td></tr>" for failure in failures)
    return f'<h2>Could not be cut out</h2>\n<div class="wide failed"><table><tbody>{lines}</tbody></table></div>'


SHEET = """<h2>Cut out</h2>
<div class="controls">
<label>first <select id="sort">
<option value="undecided">the least decided</option>
<option value="small">the smallest subjects</option>
<option value="large">the largest subjects</option>
<option value="name">by name</option>
</select></label>
<label>name holds <input id="filter" type="search" size="18"></label>
<label><input id="only" type="checkbox"> marked ones alone</label>
<button id="save" disabled>save the list of marked photographs</button>
<output id="count"></output>
</div>
<div id="sheet"></div>
<div id="end"></div>"""
