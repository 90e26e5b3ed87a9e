"""Mattes of clips scored: clips of mattes read back, scored as folders of frames are, and shown over time."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

import moving
from matting.errors import MattingError
from matting.evaluation.clips import Footage, score_clips
from matting.evaluation.table import read_csv
from matting.video.clip import Clip
from matting.video.cutting import cut
from matting.video.formats import Result
from matting.video.task import Task
from tools import run_tool

COUNT = 14


@pytest.fixture(scope="module")
def mattes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip, and its mattes in every form."""
    folder = tmp_path_factory.mktemp("mattes")
    clip = Clip(moving.write(folder / "clip.mp4", moving.pictures(COUNT)))
    kinds = {"grey.mkv": "alpha", "grey.mp4": "alpha", "cutout.mov": "rgba", "cutout.mkv": "rgba", "frames": "alpha"}
    cut(clip, moving.level, Task([Result.of(folder / name, kind) for name, kind in kinds.items()]))
    cut(clip, moving.level, Task([Result.of(folder / "cutout.webm", "rgba")], carried=()))
    (folder / "frames/times.csv").unlink()
    return folder


def scored(*arguments: object) -> None:
    outcome = run_tool("evaluate_mattes", *arguments, "--score_workers", 0)
    assert outcome.status == 0, outcome.error
    assert f"{COUNT} frames, protocol rvm" in outcome.output


@pytest.mark.parametrize(
    ("name", "worst"), [("grey.mkv", 0), ("cutout.mkv", 0), ("cutout.mov", 1), ("cutout.webm", 4), ("grey.mp4", 10)]
)
def test_mattes_are_read_from_alpha_or_grey(mattes: Path, name: str, worst: int) -> None:
    truths = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted((mattes / "frames").iterdir())]
    for matte, truth in zip(Clip(mattes / name).mattes(), truths, strict=True):
        assert matte.dtype == np.float32 and np.abs(matte * 255 - truth).max() <= worst + 1e-3
    assert Clip(mattes / name).plays_in_browsers() == name.endswith((".mp4", ".webm"))


def test_a_clip_of_pictures_is_no_matte(mattes: Path) -> None:
    with pytest.raises(MattingError, match=r"clip\.mp4 at 0\.00 s is in colour, not a matte"):
        next(Clip(mattes / "clip.mp4").mattes())


def test_clips_score_as_folders_of_frames_do_and_are_shown_over_time(mattes: Path, tmp_path: Path) -> None:
    common = ("--pred", mattes / "cutout.webm", "--image", mattes / "clip.mp4", "--protocol", "rvm")
    report, table = tmp_path / "out/report.html", tmp_path / "out/scores.csv"
    scored("--alpha", mattes / "grey.mkv", *common, "--csv", table, "--report", report)
    rows = read_csv(table)
    assert [row["name"] for row in rows] == [f"cutout.webm/{number:06d}" for number in range(1, COUNT + 1)]
    scored("--alpha", mattes / "frames", *common, "--csv", tmp_path / "b.csv")
    for row, other in zip(rows, read_csv(tmp_path / "b.csv"), strict=True):
        for column in ("MAD", "MSE", "Grad", "Conn", "dtSSD"):
            assert row[column] == pytest.approx(other[column])
    assert rows[0]["dtSSD"] == 0 and rows[0]["MAD"] > 0
    page = report.read_text(encoding="utf-8")
    sources = re.findall(r'<video controls[^>]* src="([^"]*)"', page)
    assert [(report.parent / source).resolve().name for source in sources] == ["clip.mp4", "cutout.webm"]
    assert all((report.parent / source).exists() for source in sources)
    assert page.count('<polyline class="curve"') == 2 and f"frame {COUNT}</text>" in page
    assert '"matte before"' in page and '"cutout"' not in page.partition('id="data"')[2].partition("</script>")[0]


def test_what_does_not_fit_is_one_sentence(mattes: Path, tmp_path: Path) -> None:
    frame = np.zeros((4, 4), np.float32)
    with pytest.raises(MattingError, match="--alpha ends after 1 frames, --pred has more"):
        score_clips([Footage("a", [frame], [frame, frame])])
    with pytest.raises(MattingError, match="--pred ends after 0 frames"):
        score_clips([Footage("a", [frame], [])])
    with pytest.raises(MattingError, match="not one frame"):
        score_clips([Footage("a", [], [])])
    with pytest.raises(MattingError, match="a/000001: .*4x4"):
        score_clips([Footage("a", [frame], [np.zeros((4, 6), np.float32)])])
    with pytest.raises(MattingError, match="counts in trimaps"):
        score_clips([Footage("a", [frame], [frame])], protocol="adobe")
    outcome = run_tool(
        "evaluate_mattes", "--alpha", mattes / "frames", "--pred", mattes / "grey.mkv", "--trimap", tmp_path
    )
    assert outcome.status == 1 and "leave it out" in outcome.error
