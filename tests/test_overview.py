"""The page of everything that was cut out: what it measures, what it links, and that names are only text in it."""

from __future__ import annotations

import json
import re
import urllib.parse
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import drawn
from matting.pictures.files import Photograph
from matting.prediction.inputs import find_photographs
from matting.prediction.jobs import Failure
from matting.prediction.overview import PAGE, THUMBNAILS, Overview, measure
from matting.sample import PictureFiles
from test_cut import cut, done, photos  # noqa: F401  (fixtures)

HOSTILE = "</script><b onload=x>&\"'"


@pytest.mark.parametrize(
    ("alpha", "undecided", "subject"),
    [
        (np.zeros((4, 4), np.float32), 0, 0),
        (np.ones((4, 4), np.float32), 0, 1),
        (np.full((4, 4), 0.5, np.float32), 1, 0.5),
        (np.array([[0, 0, 1, 0.5]], np.float32), 0.5, 0.375),
        (np.array([[0, 0.01, 1, 0.25]], np.float32), 0.375, 0.315),
    ],
)
def test_how_undecided_a_matte_is(alpha: np.ndarray, undecided: float, subject: float) -> None:
    measured = measure(alpha)
    assert (measured.undecided, measured.subject) == (pytest.approx(undecided), pytest.approx(subject))
    assert (measured.height, measured.width) == alpha.shape


def test_a_large_matte_is_measured_by_samples_of_itself() -> None:
    small = drawn.disc(240, 320)
    large = np.kron(small, np.ones((10, 10), np.float32))
    assert measure(large).undecided == pytest.approx(measure(small).undecided, abs=0.01)
    assert measure(large).subject == pytest.approx(measure(small).subject, abs=0.01)


def rows_of(page: Path) -> list[dict]:
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text("utf-8"), re.S)
    assert data
    return json.loads(data[1])["rows"]


def test_the_page_leads_to_results_and_shows_names_as_text(tmp_path: Path) -> None:
    save_dir = tmp_path / "out"
    jobs = [
        PictureFiles(f"sub/{name}", tmp_path / f"in/sub/{name}.png") for name in ("a b#c", HOSTILE.replace("/", ""))
    ]
    overview = Overview(save_dir)
    assert not overview.knows(jobs[0])
    image = drawn.texture(300, 400)
    for job, alpha in zip(jobs, (drawn.disc(300, 400), np.full((300, 400), 0.5, np.float32)), strict=True):
        overview.visit(job, Photograph(image, image), alpha)
    again = Overview(save_dir)  # what was measured is known to the next run
    assert all(map(again.knows, jobs))
    results = [save_dir / f"{job.name}_cutout.png" for job in jobs]
    failed = Failure(Path(HOSTILE), "broken")
    page = again.write(
        [*jobs, PictureFiles("unseen", tmp_path / "in/unseen.png")], [*results, save_dir / "u"], [failed]
    )
    assert page == save_dir / PAGE
    rows = rows_of(page)
    assert [row["name"] for row in rows] == [job.name for job in jobs] and rows[1]["undecided"] == 1
    for row, job, result in zip(rows, jobs, results, strict=True):
        assert (save_dir / urllib.parse.unquote(row["full"])) == result
        assert (save_dir / urllib.parse.unquote(row["photo"])).resolve() == job.image
        with Image.open(save_dir / row["small"]) as small:
            assert small.size == (400, 150)
    text = page.read_text("utf-8")
    assert "<b onload" not in text and "&lt;b onload=x&gt;" in text and text.count("</script>") == 2
    assert "http" not in re.sub(r"www\.w3\.org", "", text) and str(tmp_path) not in text


def test_a_torn_or_strange_row_is_passed_over(tmp_path: Path) -> None:
    job = PictureFiles("a", tmp_path / "a.png")
    overview = Overview(tmp_path)
    overview.visit(job, Photograph(drawn.texture(8, 8), drawn.texture(8, 8)), drawn.disc(8, 8))
    with open(tmp_path / THUMBNAILS / "measures.jsonl", "a", encoding="utf-8") as file:
        file.write('[]\n{"name": "b"}\n{"name": "c", "undec')
    assert Overview(tmp_path).knows(job) and not Overview(tmp_path).knows(PictureFiles("b", tmp_path / "b.png"))


def test_a_report_of_a_run_and_of_one_that_goes_on(cut, photos: Path) -> None:  # noqa: F811
    done(cut("photos", "-o", "photos", "--kind", "alpha"), "3 of 3")
    done(cut("photos", "-o", "photos", "--kind", "alpha", "--report"), "report: photos/report.html", "3 of 3")
    assert len(rows_of(photos / "photos" / PAGE)) == 3
    assert len(list((photos / "photos" / THUMBNAILS).glob("*.jpg"))) == 3
    done(cut("photos", "-o", "photos", "--kind", "alpha", "--report"), "0 of 3 pictures cut out, 3 were there already")
    assert len(rows_of(photos / "photos" / PAGE)) == 3
    assert len(find_photographs(photos / "photos")) == 3
    done(cut("photos/**/*.[pj]*g", "--kind", "alpha", "-o", "again"), "3 of 3")
    assert (photos / "again/sub/a_cutout.png").is_file() and (photos / "again/a_cutout.png").is_file()
