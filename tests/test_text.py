"""Names that others chose, in messages, logs, tables and pages: nothing forged, nothing computed, nothing lost."""

from __future__ import annotations

import csv
import html.parser
import json
import logging
import os
import pickle
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import drawn
import matting
from matting.curation.inspection.findings import ERROR, Finding, Remark
from matting.curation.inspection.summary import write_csv
from matting.errors import MattingError, UnwritableError
from matting.evaluation.report.page import Report, write_report
from matting.evaluation.report.panels import make_panels
from matting.evaluation.table import MEAN, Evaluation, read_csv
from matting.metrics.protocols import DEFAULT
from matting.prediction.record import RECORD
from matting.system import atomic, log
from matting.text import cell, dimensions, from_cell, restored, shortened, sizes_differ, visible, written
from tools import cut_out, run_tool

FORGED = "a.png\nerror: all is lost\x1b[31m\r\x9b2J\u202egnp.jpg"
LATIN = os.fsdecode(b"rose\xe9.png")
"""A name that is not UTF-8, as old archives hold them."""

HOSTILE = [
    FORGED,
    LATIN,
    "=1+1.png",
    "-2.png",
    "+3.png",
    "@a.png",
    "\tb.png",
    "'=4.png",
    "a\\new\\u0041.png",
    "＝5.png",
]
KEPT = ["人像.png", "a b.png", "👨\u200d👩\u200d👧.jpg", "e\u0301.png", "'quoted'.png", "back\\slash.png"]


def test_one_place_puts_sizes_and_long_lists_into_words() -> None:
    assert dimensions((300, 400, 3)) == dimensions((300, 400)) == "400x300"
    assert sizes_differ("a.png", (2, 3, 3), "b.png", (4, 5)) == "a.png is 3x2 but b.png is 5x4"
    names = [f"{number}.png" for number in range(11)]
    assert shortened(names[:10]).endswith("9.png") and shortened(names) == shortened(names[:10]) + ", ..."
    assert shortened(names[:3], most=2) == "0.png, 1.png, ..." and shortened([]) == ""
    modules = Path(matting.__file__).parent.rglob("*.py")
    spelled = [path.name for path in modules if "shape[1]}x{" in path.read_text(encoding="utf-8")]
    assert spelled == ["text.py"]


@given(st.text(st.characters(codec=None)))
@example(FORGED)
@example("\\\n")
@example("\\\\n")
@example("\\u005cn")
@example("'=\udcff")
def test_a_name_that_is_written_can_be_read_back(name: str) -> None:
    text = written(name)
    assert restored(text) == name and from_cell(cell(name)) == name
    assert len(text.splitlines()) <= 1 and text.encode("utf-8").decode("utf-8") == text
    assert visible(visible(name)) == visible(name)


@pytest.mark.parametrize("name", KEPT)
def test_a_harmless_name_stays_as_it_is(name: str) -> None:
    assert visible(name) == written(name) == cell(name) == name


def test_an_error_cannot_be_made_to_say_more() -> None:
    for kind in (MattingError, UnwritableError):
        error = kind(f"{FORGED} cannot be read")
        assert str(error).splitlines() == [str(error)] and "\x1b" not in str(error) and r"a.png\nerror" in str(error)
        assert str(MattingError(f"list.txt:3: {error}")) == f"list.txt:3: {error}"
        assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301
    several = MattingError("2 files are missing:", f"  {FORGED}", "  b.png")
    assert len(str(several).splitlines()) == 3 and str(pickle.loads(pickle.dumps(several))) == str(several)  # noqa: S301


def test_a_log_line_cannot_be_forged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.start(tmp_path / "train.log")
    logger = logging.getLogger("matting.test")
    for name in (FORGED, Path(FORGED), MattingError(FORGED), LATIN):
        logger.info("skipped: %s of %d", name, 3)
    logger.info("configuration:\n" + "model: 1\nloss: 2")
    for text in (capsys.readouterr().err, (tmp_path / "train.log").read_text(encoding="utf-8")):
        assert len(text.splitlines()) == 4 + 3
        assert all(" skipped: " in line for line in text.splitlines()[:4]) and "\x1b" not in text
        assert r"rose\udce9.png of 3" in text


def test_a_csv_computes_nothing_and_gives_names_back(tmp_path: Path) -> None:
    names = [*HOSTILE, *KEPT]
    rows = [{"name": name, "height": 1, "width": 1, "SAD": -1.5} for name in names]
    Evaluation(rows, {"SAD": -1.5}).write_csv(tmp_path / "metrics.csv")
    assert [row["name"] for row in read_csv(tmp_path / "metrics.csv")] == names
    findings = [Finding(Remark(ERROR, "check", f"{name} is odd"), name, name) for name in names]
    write_csv(tmp_path / "findings.csv", findings)
    for table, count in (("metrics.csv", len(names) + 2), ("findings.csv", len(names) + 1)):
        text = (tmp_path / table).read_bytes().decode("utf-8")
        assert len(text.splitlines()) == count
        for row in csv.reader(text.splitlines()):
            numbers = ["-1.5"] if MEAN in row or table == "metrics.csv" else []
            assert not [value for value in row if value.startswith(tuple("=+-@\t\r＝")) and value not in numbers]


def test_a_csv_with_a_row_cut_short_is_read(tmp_path: Path) -> None:
    (tmp_path / "short.csv").write_text("SAD,height,name\n3\n")
    assert read_csv(tmp_path / "short.csv") == [{"SAD": 3.0, "height": "", "name": ""}]


class Page(html.parser.HTMLParser):
    """What a browser would make of a page: its elements, and the attributes that run code."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.handlers += [name for name, value in attrs if name.startswith("on") or "javascript:" in (value or "")]


def page(path: Path, names: list[str]) -> str:
    image, alpha = drawn.texture(20, 30), (drawn.disc(20, 30) * 255).astype("uint8")
    rows = [{"name": name, "height": 20, "width": 30, "SAD": number} for number, name in enumerate(names)]
    panels = {name: make_panels(image, alpha, alpha, {"image": path.parent / name}) for name in names}
    columns = [column for column in DEFAULT.columns if column.name == "SAD"]
    facts = [("data", names[0])]
    write_report(path, Report(f"Mattes of {names[0]}", "rule", facts, columns, rows, {"SAD": 1.0}, panels))
    return path.read_text(encoding="utf-8")


def test_a_page_shows_markup_in_names_as_text(tmp_path: Path) -> None:
    markup = [
        "<img src=x onerror=alert(1)>.jpg",
        "\"'><script>alert(2)</script>.jpg",
        "</script><!--.jpg",
        "{{data}}.jpg",
    ]
    harmless = Page(page(tmp_path / "plain.html", ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]))
    odd = Page(page(tmp_path / "odd.html", markup))
    assert odd.elements == harmless.elements and odd.handlers == harmless.handlers == []


def test_a_page_takes_names_that_are_not_utf8(tmp_path: Path) -> None:
    text = page(tmp_path / "report.html", [LATIN, FORGED])
    data = json.loads(text.partition('id="data">')[2].partition("</script>")[0])
    assert [row["name"] for row in data["rows"]] == [written(LATIN), written(FORGED)] == list(data["panels"])
    assert data["panels"][written(LATIN)][0]["full"] == "rose%E9.png"
    assert f'data-name="{written(LATIN)}"' in text and r"Mattes of rose\udce9.png" in text


def test_json_keeps_names_that_are_not_utf8(tmp_path: Path) -> None:
    atomic.write_text(tmp_path / "a.json", json.dumps({"path": LATIN, "other": "人像"}, ensure_ascii=False))
    text = (tmp_path / "a.json").read_bytes().decode("utf-8")
    assert json.loads(text) == {"path": LATIN, "other": "人像"} and "人像" in text


def test_odd_names_go_through_the_tools(trained: Path, tmp_path: Path) -> None:
    names = ["=1+1.png", LATIN, "a\nerror: forged.png"]
    for number, name in enumerate(names):
        for layer in ("truth", "mattes"):
            pixels = (drawn.disc() * 255).astype("uint8")
            drawn.save(tmp_path / layer / "plain.png", pixels).rename(tmp_path / layer / name)
        drawn.save(tmp_path / f"photographs/{number}.png", drawn.texture(60, 80)).rename(
            tmp_path / "photographs" / name
        )
    (tmp_path / "photographs/bad\nerror: forged.png").write_bytes(b"no picture")
    cut = cut_out(trained, tmp_path / "photographs", tmp_path / "cut\nout")
    assert cut.status == 1 and "3 of 4 pictures" in cut.output
    assert not [line for line in cut.output.splitlines() + cut.error.splitlines() if line.startswith("error")]
    assert {path.name for path in (tmp_path / "cut\nout").glob("*_alpha.png")} == {
        name.replace(".png", "_alpha.png") for name in names
    }
    scored = run_tool(
        "evaluate_mattes", "--alpha", tmp_path / "truth", "--pred", tmp_path / "mattes", "--image",
        tmp_path / "photographs", "--csv", tmp_path / "m.csv", "--report", tmp_path / "r.html", "--score_workers", 0,
    )  # fmt: skip
    assert scored.status == 0, scored.error
    assert {row["name"] for row in read_csv(tmp_path / "m.csv")} == set(names)
    compared = run_tool("val", "--compare", tmp_path / "m.csv", tmp_path / "m.csv")
    assert compared.status == 0, compared.error
    checked = run_tool("check_data", tmp_path / "photographs", "--save_dir", tmp_path / "checked", "--num_workers", 0)
    assert not [line for line in checked.output.splitlines() if line.startswith("error: forged")], checked.output


def test_arrays_go_there_and_back_under_odd_names(trained: Path, tmp_path: Path) -> None:
    names = ["plain.png", LATIN, "a\nerror: forged.png", "line\u2028separator.png", "back\\new.png"]
    for name in names:
        photograph = drawn.save(tmp_path / "photographs/drawn.png", drawn.texture(60, 80))
        photograph.rename(photograph.with_name(name))
    exported = run_tool(
        "export", "--config", trained / "config.yml", "--model_path", trained / "run/best_model",
        "--save_dir", tmp_path / "export",
    )  # fmt: skip
    assert exported.status == 0, exported.error
    images = ("--model_path", tmp_path / "export", "--image_path", tmp_path / "photographs")
    packed = run_tool("npz", "pack", *images, "--save_dir", tmp_path / "in")
    assert packed.status == 0, packed.error
    listed = (tmp_path / "in/datalist.txt").read_bytes().decode("utf-8").splitlines()
    assert len(listed) == len(names) and r"rose\udce9.npz" in listed
    done = run_tool(
        "npz", "run", *images[:2], "--datalist", tmp_path / "in/datalist.txt", "--save_dir", tmp_path / "out"
    )
    assert done.status == 0, done.error
    mattes = run_tool("npz", "unpack", *images, "--results", tmp_path / "out", "--save_dir", tmp_path / "mattes")
    assert mattes.status == 0, mattes.error
    assert {path.name for path in (tmp_path / "mattes").iterdir()} == {*names, RECORD}


def test_a_set_with_odd_names_is_prepared_and_found(tmp_path: Path) -> None:
    for number, name in enumerate(["plain.png", LATIN, "a\nerror: forged.png", "\x1b[31m.png"]):
        photograph = drawn.save(tmp_path / "source/images/drawn.png", drawn.texture(60, 80, number))
        alpha = drawn.save(tmp_path / "source/alphas/drawn.png", (drawn.disc() * 255).astype("uint8"))
        photograph.rename(photograph.with_name(name))
        alpha.rename(alpha.with_name(name))
    prepared = run_tool(
        "prepare_data", "folders", "--source", tmp_path / "source", "--target", tmp_path / "target", "--images",
        "images", "--alphas", "alphas", "--split", "1:0:0", "--num_workers", 0,
    )  # fmt: skip
    assert prepared.status == 0, prepared.error
    assert not [line for line in prepared.output.splitlines() if line.startswith("error")]
    assert rb"train/fg/rose\udce9.png" in (tmp_path / "target/train.txt").read_bytes()
    checked = run_tool("check_data", tmp_path / "target/train.txt", "--save_dir", tmp_path / "out", "--num_workers", 0)
    assert checked.output.startswith("4 lines, 4 photographs"), checked.output
    assert "cannot be read" not in checked.output
