"""Which files of a folder are cut out: photographs, never results, and nothing is passed over without a word."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import drawn
from matting.errors import MattingError
from matting.pictures.files import write_png
from matting.pictures.listing import list_images
from matting.prediction.jobs import find_jobs
from matting.prediction.outputs import Outputs
from matting.prediction.pipeline import predict
from matting.prediction.trimap_files import make_trimaps
from matting.predictor import Predictor
from test_predict_jobs import Bright, picture, stems
from tools import cut_out, one_sentence


def cut(images: Path, out: Path) -> int:
    return predict(Predictor(Bright(), []), find_jobs(images, save_dir=out), out).written


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("out", ["photos", "photos/out", ".", "out"])
def test_results_are_never_photographs_wherever_they_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "sub/b"):
        picture(tmp_path / f"photos/{name}.png")
    assert cut(Path("photos"), Path(out)) == 2
    after_one = files(tmp_path)
    assert len(after_one) == 2 + 4 + 1
    for _ in range(2):
        assert cut(Path("photos"), Path(out)) == 2
        assert files(tmp_path) == after_one
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    assert stems(find_jobs(Path("link"), save_dir=Path(out))) == ["a", "sub/b"]


def test_results_of_another_run_are_no_photographs_either(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    picture(tmp_path / "photos/a.png")
    picture(tmp_path / "photos/more/b.png")
    assert cut(tmp_path / "photos/more", tmp_path / "photos") == 1
    assert cut(tmp_path / "photos", tmp_path / "photos/deep/one") == 2
    caplog.set_level(logging.INFO, "matting")
    assert stems(find_jobs(tmp_path / "photos", save_dir=tmp_path / "elsewhere")) == ["a", "more/b"]
    assert "6 pictures left out: results of this or another run" in caplog.text
    with pytest.raises(MattingError, match="no image besides 4 results"):
        find_jobs(tmp_path / "photos/deep")
    assert stems(find_jobs(tmp_path / "photos/b_alpha.png")) == ["b_alpha"]  # named itself, it is wanted


def test_trimaps_are_made_of_results_but_not_of_themselves(tmp_path: Path) -> None:
    picture(tmp_path / "photos/a.png")
    outputs = Outputs(("alpha",))
    predict(Predictor(Bright(), []), find_jobs(tmp_path / "photos"), tmp_path / "mattes", outputs=outputs)
    for _ in range(2):
        jobs = find_jobs(tmp_path / "mattes", save_dir=tmp_path / "mattes/trimaps", of_results=True)
        assert make_trimaps(jobs, tmp_path / "mattes/trimaps").written == 1
    assert files(tmp_path / "mattes/trimaps") == ["a_alpha.png", "results.jsonl"]


def test_a_photograph_is_not_replaced_by_anothers_result(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 200)
    theirs = picture(tmp_path / "a_alpha.png", 20).read_bytes()
    summary = predict(Predictor(Bright(), []), find_jobs(tmp_path, save_dir=tmp_path), tmp_path)
    assert summary.written == 1 and "a_alpha.png is read" in summary.failures[0]
    assert (tmp_path / "a_alpha.png").read_bytes() == theirs


def test_files_with_other_endings_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.GIF", "b.gif", "c.psd", "d.svg", "e.jp2", ".hidden.gif", "notes"):
        (tmp_path / name).write_bytes(b"x")
    picture(tmp_path / "photo.png")
    assert cut(tmp_path, tmp_path / "out") == 1
    (tmp_path / "out/table.csv").write_bytes(b"x")
    caplog.clear()
    assert stems(find_jobs(tmp_path, save_dir=tmp_path / "out")) == ["photo"]
    assert "6 files ignored (.gif 2, .jp2 1, .psd 1, .svg 1, without 1)" in caplog.text
    assert sum("ignored" in record.message for record in caplog.records) == 1


def closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a folder refuse to be listed, as one of another user does; root may list any."""
    scandir = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry]:
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


def test_a_folder_that_cannot_be_listed_is_named_and_the_rest_is_done(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("in/a.png", "in/closed/b.png"):
        drawn.save(tmp_path / name, drawn.texture(40, 50))
    (tmp_path / "in/self").symlink_to(tmp_path / "in/self")
    (tmp_path / "in/self.png").symlink_to(tmp_path / "in/self.png")
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    closed(tmp_path / "in/closed", monkeypatch)
    outcome = cut_out(trained, tmp_path / "in", tmp_path / "out", "--save", "alpha")
    assert outcome.status == 1 and "Traceback" not in outcome.error
    told = [line for line in outcome.error.splitlines() if line.startswith("skipped: ")]
    assert len(told) == 2 and "closed cannot be listed: Permission denied" in told[0] and "self.png" in told[1]
    assert "1 of 2 pictures" in outcome.output and (tmp_path / "out/a_alpha.png").is_file()
    with pytest.raises(MattingError, match="closed cannot be listed"):
        list_images(tmp_path / "in")  # of a data set nothing may be missing
    closed(tmp_path / "in", monkeypatch)
    one_sentence(cut_out(trained, tmp_path / "in", tmp_path / "out"), "in cannot be listed")


def test_a_photograph_and_a_trimap_of_another_name_are_paired_only_if_both_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photograph = picture(tmp_path / "in/cat.png")
    trimap = tmp_path / "trimaps/dog.png"
    write_png(trimap, np.zeros((4, 6), np.uint8))
    listed = tmp_path / "list.txt"
    listed.write_text("in/cat.png\n")
    for images, trimaps in ((tmp_path / "in", trimap), (photograph, tmp_path / "trimaps"), (listed, trimap)):
        with pytest.raises(MattingError, match=r"no trimap of their relative path.*cat\.png.*as files"):
            find_jobs(images, trimaps)
    caplog.set_level(logging.INFO, "matting")
    assert [job.trimap for job in find_jobs(photograph, trimap)] == [trimap]
    assert "in/cat.png goes with the trimap" in caplog.text and "dog.png" in caplog.text
    caplog.clear()
    trimap.rename(tmp_path / "trimaps/cat.png")
    for images in (tmp_path / "in", photograph):
        assert [job.trimap for job in find_jobs(images, tmp_path / "trimaps")] == [tmp_path / "trimaps/cat.png"]
    assert "goes with" not in caplog.text


def test_a_background_that_nothing_shows_is_refused(trained: Path, tmp_path: Path) -> None:
    photograph = drawn.save(tmp_path / "a.png", drawn.texture(40, 50))
    outcome = cut_out(trained, photograph, tmp_path / "out", "--background", "#00ff00")
    one_sentence(outcome, "--background #00ff00", "alpha, rgba", "add composite to --save")
    assert not (tmp_path / "out").exists()
    shown = cut_out(trained, photograph, tmp_path / "out", "--background", "#00ff00", "--save", "composite")
    assert shown.status == 0, shown.error
    plain = cut_out(trained, photograph, tmp_path / "white", "--save", "composite", "alpha")
    assert plain.status == 0, plain.error
