"""Scoring folders of mattes, comparing two results, and what is left on disk."""

from __future__ import annotations

import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

import drawn
from matting import metrics
from matting.errors import MattingError
from matting.evaluation.comparison import CONFIDENCE, RESAMPLES, compare, interval
from matting.evaluation.folders import find_pairs, score_folder
from matting.evaluation.report.extremes import Extremes
from matting.evaluation.report.panels import Panels, error_map, make_panels
from matting.evaluation.scoring import as_stored, run
from matting.evaluation.table import read_csv, summarise
from matting.pages import plots
from matting.pictures.files import write_png
from tools import ROOT, run_tool

SHAPE = (60, 80)


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """True mattes and worse and worse ones, one of them in a subfolder and named as `predict.py` names it."""
    truth = np.rint(drawn.disc(*SHAPE) * 255).astype(np.uint8)
    for number, name in enumerate(("a", "b", "x/c")):
        write_png(tmp_path / f"alpha/{name}.png", truth)
        spoilt = np.clip(truth.astype(int) - 20 * number, 0, 255).astype(np.uint8)
        write_png(tmp_path / f"pred/{name}{'_alpha' if number else ''}.png", spoilt)
        drawn.save(tmp_path / f"image/{name}.jpg", drawn.texture(*SHAPE, number))
    return tmp_path


def test_pairs_are_scored_and_written(folders: Path) -> None:
    outcome = run_tool(
        "evaluate_mattes", "--alpha", folders / "alpha", "--pred", folders / "pred", "--image", folders / "image",
        "--csv", folders / "out/scores.csv", "--report", folders / "out/report.html", "--score_workers", 0,
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    assert "3 images, protocol default" in outcome.output and "unknown region" in outcome.output
    rows = read_csv(folders / "out/scores.csv")
    assert [row["name"] for row in rows] == ["a.png", "b.png", "x/c.png"]
    assert rows[0]["SAD"] == 0 and 0 < rows[1]["SAD"] < rows[2]["SAD"]
    _check_report(folders / "out/report.html", ["x/c.png", "b.png", "a.png"])


class _Page(HTMLParser):
    """Notes every address of a page, and the text of its data."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.data = ""
        self._in_data = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.addresses += [str(values[key]) for key in ("src", "href", "data") if key in values]
        self._in_data = tag == "script" and values.get("id") == "data"

    def handle_endtag(self, tag: str) -> None:
        self._in_data = self._in_data and tag != "script"

    def handle_data(self, data: str) -> None:
        self.data += data if self._in_data else ""


def _check_report(path: Path, names: list[str]) -> None:
    text = path.read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert page.addresses == [] and not re.search(r"url\(|@import|https?://", text)
    data = json.loads(page.data)
    assert list(data["panels"]) == names
    panels = data["panels"][names[0]]
    assert [panel["title"] for panel in panels] == ["image", "truth", "matte", "error", "cutout"]
    for panel in panels:
        assert panel["small"].startswith("data:image/jpeg;base64,")
        if panel["title"] in ("image", "truth", "matte"):
            assert (path.parent / panel["full"]).is_file()
    assert text.count("<svg") == 12


def test_a_file_name_cannot_break_out_of_the_page(folders: Path) -> None:
    name = "<img src=x onerror=alert(1)>"
    for kind in ("alpha", "pred"):
        (folders / kind / f"{name}.png").write_bytes((folders / "alpha/a.png").read_bytes())
    outcome = run_tool(
        "evaluate_mattes", "--alpha", folders / "alpha", "--pred", folders / "pred", "--report", folders / "r.html",
        "--score_workers", 0, "--protocol", "modnet",
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    assert "<img src=x" not in (folders / "r.html").read_text(encoding="utf-8")


def test_processes_give_what_one_process_gives(folders: Path) -> None:
    pairs = find_pairs(folders / "alpha", folders / "pred")
    here, there = (score_folder(pairs, protocol="p3m", workers=workers) for workers in (0, 2))
    assert here.means == pytest.approx(there.means, nan_ok=True)
    assert [row["name"] for row in here.rows] == [row["name"] for row in there.rows]


def test_what_is_missing_or_ill_sized_is_named_before_scoring(folders: Path) -> None:
    (folders / "pred/b_alpha.png").unlink()
    with pytest.raises(MattingError, match=r"1 of 3 true mattes have no partner.*b\.png.*add them"):
        find_pairs(folders / "alpha", folders / "pred")
    write_png(folders / "pred/b.png", np.zeros((10, 20), np.uint8))
    with pytest.raises(MattingError, match="20x10 but .* is 80x60"):
        find_pairs(folders / "alpha", folders / "pred")
    with pytest.raises(MattingError, match="no folder"):
        find_pairs(folders / "alpha", folders / "nowhere")


def test_adobe_asks_for_the_sets_own_trimaps(folders: Path) -> None:
    pairs = find_pairs(folders / "alpha", folders / "pred")
    with pytest.raises(MattingError, match="--trimap"):
        score_folder(pairs, protocol="adobe")
    known = np.full(SHAPE, 128, np.uint8)
    for name in ("a", "b", "x/c"):
        write_png(folders / f"trimap/{name}.png", known)
    pairs = find_pairs(folders / "alpha", folders / "pred", folders / "trimap")
    result = score_folder(pairs, protocol="adobe", names=["MSE"])
    assert list(result.means) == ["MSE_unknown"] and result.listed_trimaps == 3


def test_comparing_by_hand(tmp_path: Path) -> None:
    for name, values in (("a", (1.0, 2.0, 3.0)), ("b", (0.5, 2.5, 1.0))):
        rows = [{"name": f"{n}.png", "height": 1, "width": 1, "SAD": value} for n, value in enumerate(values)]
        summarise(rows, protocol=metrics.select("shm")).write_csv(tmp_path / f"{name}.csv")
    difference = compare(tmp_path / "a.csv", tmp_path / "b.csv").differences[0]
    assert (difference.before, difference.after) == pytest.approx((2.0, 4 / 3))
    assert (difference.better, difference.worse) == (2, 1)
    assert difference.low == pytest.approx(-2) and difference.high == pytest.approx(0.5)
    assert difference.changed[0] == ("2.png", -2.0) and difference.verdict == "undecided"
    outcome = run_tool("val", "--compare", tmp_path / "a.csv", tmp_path / "b.csv")
    assert outcome.status == 0 and "changed most in SAD" in outcome.output, outcome.error
    (tmp_path / "b.csv").write_text("name,SAD\n7.png,1\n", encoding="utf-8")
    with pytest.raises(MattingError, match="lacks 3 images"):
        compare(tmp_path / "a.csv", tmp_path / "b.csv")


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        low, high = interval(rng.normal(1.0, 2.0, 60))
        covered += low <= 1.0 <= high
    assert 50 <= covered <= 60


@pytest.mark.parametrize("images", [2, 7, 300, 1500])
def test_the_interval_is_scipys(images: int) -> None:
    differences = np.random.default_rng(images).normal(0.1, 1.0, images) ** 3
    known = scipy.stats.bootstrap(
        (differences,), np.mean, n_resamples=RESAMPLES, confidence_level=CONFIDENCE, method="percentile", rng=0,
        batch=4_000_000 // images,
    ).confidence_interval  # fmt: skip
    assert interval(differences) == pytest.approx((known.low, known.high), rel=1e-12)


def test_one_image_has_no_spread() -> None:
    assert interval(np.array([0.25])) == (0.25, 0.25)


def test_nothing_unknown_is_left_out_of_the_mean() -> None:
    rows = [{"name": str(n), "height": 1, "width": 1, "SAD": v} for n, v in enumerate((1.0, math.nan, 3.0))]
    assert summarise(rows, protocol=metrics.select("shm")).means == {"SAD": 2.0}


def test_eight_bits_are_found_again_in_floating_point() -> None:
    stored = np.arange(256, dtype=np.uint8)[None]
    np.testing.assert_array_equal(as_stored((stored / 255).astype(np.float32)), stored)
    between = np.array([[0.5]], np.float32)
    assert as_stored(between).dtype == np.float32


def _fail(number: int) -> int:
    if number == 2:
        raise MattingError("the third cannot be scored")
    return number


def test_an_error_in_a_process_comes_when_its_task_is_due() -> None:
    results = run(_fail, range(5), 2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(MattingError, match="the third"):
        next(results)


def test_extremes_keep_the_worst_and_the_best() -> None:
    kept = Extremes(lower_is_better=True, worst=2, best=1)
    for number in np.random.default_rng(0).permutation(40):
        kept.add(f"{number:02}", float(number), Panels({}))
    kept.add("none", math.nan, Panels({}))
    assert list(kept.panels()) == ["39", "38", "00"]
    other = Extremes(lower_is_better=True, worst=2, best=1)
    other.add("50", 50.0, Panels({}))
    kept.merge(other)
    assert list(kept.panels()) == ["50", "39", "00"]


def test_error_maps_are_red_above_and_blue_below() -> None:
    red, blue, none = error_map(np.array([[1.0, -1.0, 0.0]], np.float32), np.zeros((1, 3), np.uint8))[0]
    assert red[0] > red[2] and blue[2] > blue[0] and none[0] == none[1] == none[2]
    truth = np.zeros((2, 2), np.uint8)
    assert set(make_panels(None, truth, truth).jpegs) == {"truth", "matte", "error"}


def test_plots_stand_empty_equal_and_missing_values() -> None:
    assert plots.histogram([], []) == "" == plots.curve([], "loss")
    assert "nan" not in plots.histogram(["a", "b", "c"], [1.0, 1.0, math.nan]).lower()
    assert "polyline" in plots.curve([(1, 2.0), (5, 1.0)], "loss", (5, 1.0))
    one_but_for_rounding = [0.5, math.nextafter(0.5, 1)]
    assert plots.histogram(["a", "b"], one_but_for_rounding).count("<rect") == 1


def test_of_a_moment_of_a_clip_the_worst_frame_is_kept() -> None:
    kept, panels = Extremes(worst=2, best=0), [Panels({}) for _ in range(6)]
    for number, (value, panel) in enumerate(zip((1.0, 5.0, 4.0, 2.0, 3.0, 9.0), panels, strict=True)):
        kept.add(str(number), value, panel, ("clip", number // 3))
    assert list(kept.panels()) == ["5", "1"]


def test_the_tools_offer_the_protocols_there_are() -> None:
    text = (ROOT / "matting/commands/shared.py").read_text(encoding="utf-8")
    offered = re.search(r"choices=\((\"default\".*?)\),", text)
    assert offered and tuple(json.loads(f"[{offered[1]}]")) == tuple(metrics.PROTOCOLS)


def test_paddlesegs_spelling_of_metrics_is_taken_by_every_tool(trained: Path, tmp_path: Path) -> None:
    common, names = ("--config", trained / "config.yml"), ("--metrics", "sad", "Mse")
    run = run_tool("train", *common, "--save_dir", tmp_path / "run", "--iters", 1, "--do_eval", *names)
    assert run.status == 0, run.error
    assert "[EVAL] best SAD=" in (tmp_path / "run/train.log").read_text(encoding="utf-8")
    weights = ("--model_path", tmp_path / "run/best_model")
    scored = run_tool("val", *common, *weights, "--save_dir", tmp_path / "val", "--save_results", *names)
    assert scored.status == 0 and "SAD" in scored.output, scored.error
    pairs = ("--alpha", trained / "data/train/alpha", "--pred", tmp_path / "val/train/fg")
    folder = run_tool("evaluate_mattes", *pairs, "--score_workers", 0, *names)
    assert folder.status == 0 and "SAD" in folder.output, folder.error


def test_a_report_of_other_scores_does_not_stay_beside_new_ones(tmp_path: Path) -> None:
    from matting.evaluation.publication import publish
    from matting.evaluation.table import summarise

    rows = [{"name": "a.png", "height": 2, "width": 2, "SAD": 1.0}]
    for report, files in (
        (True, {"metrics.csv", "manifest.json", "report.html"}),
        (False, {"metrics.csv", "manifest.json"}),
    ):
        publish(summarise(rows), tmp_path, title="t", facts=[], about={}, report=report)
        assert {path.name for path in tmp_path.iterdir()} == files


def test_folders_of_frames_are_clips(tmp_path: Path) -> None:
    rng = np.random.default_rng(8)
    frames: dict[str, dict[str, np.ndarray]] = {"alpha": {}, "pred": {}}
    for clip, numbers in (("one", (9, 10, 11)), ("two", (1, 2))):
        for kind, number in ((kind, number) for number in numbers for kind in frames):
            name = f"{clip}/frame{number}.png"
            frames[kind][name] = rng.integers(0, 256, (6, 8), np.uint8)
            write_png(tmp_path / kind / name, frames[kind][name])
    result = score_folder(find_pairs(tmp_path / "alpha", tmp_path / "pred"), protocol="rvm", names=["dtSSD", "MAD"])
    before = {"one/frame10.png": "one/frame9.png", "one/frame11.png": "one/frame10.png", "two/frame2.png": None}
    before["two/frame2.png"] = "two/frame1.png"
    assert [row["name"] for row in result.rows] == [f"one/frame{n}.png" for n in (9, 10, 11)] + [
        f"two/frame{n}.png" for n in (1, 2)
    ]
    expected = []
    for row in result.rows:
        last, name = before.get(row["name"]), row["name"]
        pairs = (frames[kind][key] for kind in ("pred", "alpha") for key in (name, last or name))
        expected.append(100 * metrics.dtssd(*pairs))
        assert row["dtSSD"] == pytest.approx(expected[-1]) and (last is not None or row["dtSSD"] == 0)
    assert result.means["dtSSD"] == pytest.approx(np.mean(expected))  # the first frames' zeros count, as RVM counts
    assert "dtSSD" in result.table() and "x 1000" in result.table()
    write_png(tmp_path / "alpha/one/frame12.png", frames["alpha"]["two/frame1.png"][:4])
    write_png(tmp_path / "pred/one/frame12.png", frames["pred"]["two/frame1.png"][:4])
    with pytest.raises(MattingError, match="give every clip a folder of its own"):
        score_folder(find_pairs(tmp_path / "alpha", tmp_path / "pred"), protocol="rvm")
