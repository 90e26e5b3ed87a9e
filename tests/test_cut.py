"""`matting cut`: what is read, where results go, what a second run does, and one sentence for everything else."""

from __future__ import annotations

import functools
import io
import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import drawn
from matting.prediction import watching
from matting.prediction.failures import FAILURES
from matting.prediction.record import BESIDE, RECORD
from matting.predictor import Predictor
from tools import Outcome, one_sentence, run_tool


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with `photo.jpg` and a folder `photos` in which there is another."""
    monkeypatch.chdir(tmp_path)
    drawn.save(tmp_path / "photo.jpg", drawn.texture(40, 50))
    for name in ("a", "b", "sub/a"):
        drawn.save(tmp_path / f"photos/{name}.png", drawn.texture(40, 50, len(name)))
    return tmp_path


@pytest.fixture
def cut(trained: Path, photos: Path):
    """`matting cut` with the network of the fixture `trained`, in the folder of `photos`."""

    def call(*words: object) -> Outcome:
        return run_tool("cut", *words, "--weights", trained / "run/best_model", "--engine", "dynamic")

    return call


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def done(outcome: Outcome, *said: str) -> None:
    assert outcome.status == 0, outcome.error
    assert all(words in outcome.output for words in said), outcome.output


def test_a_picture_is_cut_out_beside_itself_and_is_not_done_twice(cut, photos: Path) -> None:
    done(cut("photo.jpg"), "1 of 1 pictures cut out: photo_cutout.png")
    assert {"photo_cutout.png", BESIDE} == {path.name for path in photos.iterdir()} - {"photo.jpg", "photos"}
    assert Image.open("photo_cutout.png").mode == "RGBA"
    done(cut("photo.jpg"), "0 of 1 pictures cut out, 1 were there already")
    done(cut("photo.jpg", "--overwrite"), "1 of 1 pictures cut out")
    done(cut("photo.jpg", "--crop", "--margin", "2"), "1 of 1 pictures cut out")
    done(cut("photo.jpg", "--crop", "--kind", "rgba", "words.png", "--margin", "2"), "words.png")
    drawn.save(photos / "photo.jpg", drawn.texture(40, 50, 9))
    done(cut("photo.jpg", "--crop", "--margin", "2"), "1 of 1 pictures cut out")


def test_the_second_word_is_the_output_also_the_second_time(cut, photos: Path) -> None:
    for _ in range(2):
        done(cut("photo.jpg", "person.webp"), "person.webp")
    assert Image.open("person.webp").mode == "RGBA" and files(photos / "photos") == ["a.png", "b.png", "sub/a.png"]
    done(cut("photo.jpg", "-o", "white.JPG", "--background", "white"))
    assert Image.open("white.JPG").format == "JPEG"
    done(cut("photo.jpg", "-o", "cutouts_v1.2"))
    assert files(photos / "cutouts_v1.2") == ["photo_cutout.png", RECORD]
    done(cut("photos", "cutouts"))
    done(cut("photos", "cutouts"), "3 were there already: in cutouts")


def test_two_pictures_that_are_there_are_two_inputs(cut, photos: Path) -> None:
    before = (photos / "photos/b.png").read_bytes()
    done(cut("photos/a.png", "photos/b.png"), "2 of 2 pictures cut out: in photos")
    assert (photos / "photos/b.png").read_bytes() == before
    assert {"photos/a_cutout.png", "photos/b_cutout.png"} <= set(files(photos))


def test_folders_are_mirrored_and_goes_on_where_it_was_stopped(cut, photos: Path) -> None:
    done(cut("photos"), "3 of 3")
    assert files(photos / "photos_cutout") == ["a_cutout.png", "b_cutout.png", RECORD, "sub/a_cutout.png"]
    drawn.save(photos / "photos/c.png", drawn.texture(40, 50, 5))
    done(cut("photos"), "1 of 4 pictures cut out, 3 were there already")
    done(cut("photos", "photo.jpg", "-o", "all", "--format", "webp"))
    assert files(photos / "all") == [
        "photo_cutout.webp", "photos/a_cutout.webp", "photos/b_cutout.webp", "photos/c_cutout.webp",
        "photos/sub/a_cutout.webp", RECORD,
    ]  # fmt: skip


def test_words_behind_two_dashes_are_pictures(trained: Path, photos: Path) -> None:
    (photos / "photo.jpg").rename(photos / "-dash.jpg")
    flags = ["--weights", trained / "run/best_model", "--engine", "dynamic"]
    done(run_tool("cut", *flags, "--crop", "--", "-dash.jpg", "person.webp"), "person.webp")
    one_sentence(run_tool("cut", *flags, "--", "--crop"), "--crop does not exist; name a picture")


def test_patterns_are_followed_where_the_shell_does_not(cut, photos: Path) -> None:
    done(cut("photos/*.png"), "2 of 2")
    done(cut("photos/*.png"), "0 of 2 pictures cut out, 2 were there already")
    done(cut("photos/?.png", "--kind", "alpha,rgba", "-o", "out", "--pattern", "{kind}/{stem}.{ext}"))
    assert files(photos / "out") == ["alpha/a.png", "alpha/b.png", RECORD, "rgba/a.png", "rgba/b.png"]
    (photos / "photos/notes.txt").write_text("one\ntwo\n")
    (photos / "photos/b.json").write_text("{}")
    done(cut("photos/*", "-o", "every", "--pattern", "{stem}.{ext}"), "3 of 3")
    assert files(photos / "every") == ["a.png", "b.png", RECORD, "sub/a.png"]
    done(cut("photos/**", "-o", "all", "--pattern", "{stem}.{ext}"), "3 of 3")
    assert files(photos / "all") == ["a.png", "b.png", RECORD, "sub/a.png"]
    (photos / "photos/gone.png").symlink_to("nowhere.png")
    outcome = cut("photos/*.png", "-o", "others")
    assert outcome.status == 1 and "skipped: photos/gone.png cannot be read: no such file" in outcome.error
    assert files(photos / "others") == ["a_cutout.png", "b_cutout.png", "failures.csv", RECORD]
    one_sentence(cut("photos/*.json"), "photos/*.json matches no picture, folder or .txt list")
    (photos / "odd[1].png").write_bytes((photos / "photos/a.png").read_bytes())
    done(cut("odd[1].png"), "odd[1]_cutout.png")


def test_names_that_differ_by_case_alone_are_two_where_the_photographs_are(cut, photos: Path) -> None:
    drawn.save(photos / "photos/A.png", drawn.texture(40, 50, 7))
    if os.path.samefile(photos / "photos/A.png", photos / "photos/a.png"):
        pytest.skip("a file system on which they are one")
    done(cut("photos"), "4 of 4")
    assert {"A.png_cutout.png", "a.png_cutout.png"} < set(files(photos / "photos_cutout"))
    drawn.save(photos / "photos/sub/B.png", drawn.texture(40, 50, 7))
    one_sentence(cut("photos/b.png", "photos/sub/B.png", "-o", "out"), "would both be written as")


def test_what_others_made_is_refused_and_what_was_changed_is_kept(cut, photos: Path) -> None:
    (photos / "photo_cutout.png").write_bytes(b"of another program")
    outcome = cut("photo.jpg")
    assert outcome.status == 1 and "photo_cutout.png is there already" in outcome.error, outcome.error
    assert (photos / "photo_cutout.png").read_bytes() == b"of another program"
    done(cut("photo.jpg", "--overwrite"), "1 of 1")
    done(cut("photos", "-o", "out"))
    retouched = photos / "out/a_cutout.png"
    retouched.write_bytes(b"retouched")
    done(cut("photos", "-o", "out"), "a_cutout.png was changed since it was made", "0 of 3", "2 were there already")
    assert retouched.read_bytes() == b"retouched"
    retouched.write_bytes(b"")  # nobody retouches so much
    done(cut("photos", "-o", "out"), "1 of 3")


def test_a_stop_costs_nothing(cut, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, run = [], Predictor.run

    def stopping(*arguments: object, **more: object) -> tuple:
        calls.append(arguments)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return run(*arguments, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Predictor, "run", stopping)
        outcome = cut("photos", "--num_workers", 0)
    assert outcome.status == 130 and "1 of 3 pictures cut out; the same command goes on" in outcome.error
    done(cut("photos"), "2 of 3 pictures cut out, 1 were there already")


def test_failures_are_listed_as_long_as_there_are_any(cut, photos: Path) -> None:
    (photos / "photos/=1+1.png").write_bytes(b"no picture")
    outcome = cut("photos")
    assert outcome.status == 1 and "3 of 4" in outcome.output
    rows = (photos / "photos_cutout" / FAILURES).read_text(encoding="utf-8").splitlines()
    assert rows[0] == "file,reason" and len(rows) == 2 and rows[1].startswith("photos/=1+1.png,")
    (photos / "photos/=1+1.png").unlink()
    done(cut("photos"))
    assert not (photos / "photos_cutout" / FAILURES).exists()
    (photos / "photos_cutout" / FAILURES).write_text("mine\n")
    one_sentence(cut("photos"), "failures.csv", "other columns")
    assert (photos / "photos_cutout" / FAILURES).read_text() == "mine\n"


def test_a_stream(
    cut, photos: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    run = Predictor.run

    def noisy(*arguments: object, **more: object) -> tuple:
        os.write(1, b"a library prints\n")
        return run(*arguments, **more)

    monkeypatch.setattr(Predictor, "run", noisy)
    shown = io.TextIOWrapper(io.BytesIO((photos / "photo.jpg").read_bytes()))
    monkeypatch.setattr(sys, "stdin", shown)
    done(cut("-"))
    out, error = capfdbinary.readouterr()
    streamed = np.asarray(Image.open(io.BytesIO(out)))
    assert b"a library prints" in error
    done(cut("photo.jpg"))
    np.testing.assert_array_equal(streamed, np.asarray(Image.open("photo_cutout.png")))
    capfdbinary.readouterr()
    done(cut("photo.jpg", "-", "--format", "webp"))
    assert Image.open(io.BytesIO(capfdbinary.readouterr().out)).format == "WEBP"
    shown.seek(0)
    done(cut("-", "of_stream.png"))
    shown.seek(0)
    one_sentence(cut("-", "of_stream.png"), "of_stream.png is there already; --overwrite replaces it")
    done(cut("-", "of_stream.png", "--overwrite"))
    np.testing.assert_array_equal(streamed, np.asarray(Image.open("of_stream.png")))
    for broken in (b"", b"no picture"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(broken)))
        one_sentence(cut("-"), "standard input")
        assert not capfdbinary.readouterr().out


def test_what_comes_into_a_folder_is_cut_out_when_it_is_whole(
    cut, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (photos / "photo.jpg").read_bytes()
    inbox = photos / "photos"
    steps = {
        1: lambda: (inbox / "slow.jpg").write_bytes(whole[:300]),
        2: lambda: (inbox / "slow.jpg").write_bytes(whole[:900]),
        12: lambda: (inbox / "slow.jpg").write_bytes(whole),
        14: lambda: (inbox / "broken.jpg").write_bytes(b"no picture"),
        15: lambda: (inbox / "notes.txt").write_text("no picture"),
    }
    now = [0]

    def sleep(_: float) -> None:
        now[0] += 1
        steps.get(now[0], lambda: None)()
        if now[0] == 40:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(watching, "watch", functools.partial(watching.watch, sleep=sleep, clock=lambda: now[0]))
    outcome = cut("--watch", "photos", "-o", "out")
    assert outcome.status == 1, outcome.error
    assert outcome.error.count("skipped:") == outcome.error.count("broken.jpg") == 1, outcome.error
    assert outcome.output.splitlines()[-1] == "no longer watching photos: 4 pictures cut out, 1 could not be"
    assert "photos/slow.jpg: out/slow_cutout.png" in outcome.output
    results = ["a_cutout.png", "b_cutout.png", FAILURES, RECORD, "slow_cutout.png", "sub/a_cutout.png"]
    assert files(photos / "out") == results
    (inbox / "broken.jpg").unlink()
    now[0] = 20
    done(cut("--watch", "photos", "-o", "out"), "no longer watching photos: 0 pictures cut out, 0 could not be")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "nothing is named to be cut out"),
        ("nothing.jpg", "nothing.jpg does not exist"),
        ("*.nothing", "*.nothing matches no file"),
        ("empty -o out", "empty holds no image"),
        ("photo.jpg photo.jpg", "photo.jpg is both the input and the output"),
        ("photo.jpg ./photo.jpg", "is both the input and the output"),
        ("photos -o photos --pattern {stem}.png", "photos/a.png is read"),
        ("photos/a.png photos/sub/a.png -o out", "would both be written as out/a_cutout.png"),
        ("- photo.jpg photos", "- stands for one picture"),
        ("photos -", "a stream is one picture"),
        ("- out", "out is no name for a picture"),
        ("- --kind alpha,rgba", "a stream holds one picture"),
        ("photo.jpg out.jpg", "out.jpg: JPEG holds no transparency"),
        ("photo.jpg --format jpeg", "JPEG holds no transparency"),
        ("photo.jpg out.gif", "out.gif: its ending names no format"),
        ("photo.jpg out.png --format webp", "out.png ends as png"),
        ("photo.jpg out.png --kind alpha,rgba", "out.png is one file"),
        ("photo.jpg out.png --pattern {stem}.png", "leave --pattern out"),
        ("photos -o out.png", "out.png is one file, and several pictures are named"),
        ("photo.jpg --pattern ../{stem}.png", "results lie below their folder"),
        ("photo.jpg --pattern /{stem}.png", "results lie below their folder"),
        ("photo.jpg --pattern cutout.png", "without {stem} all photographs would get one name"),
        ("photo.jpg --pattern {stem}.gif", "{stem}.gif"),
        ("photo.jpg --kind alpha,rgba --pattern {stem}.png", "would get one name"),
        ("photo.jpg --kind rgba --background white", "--background white is shown by composites alone"),
        ("photo.jpg -o photos/b.png --background photos/b.png --overwrite", "photos/b.png is read"),
        ("photo.jpg -o photos/b.png --background photos --overwrite", "photos/b.png is read"),
        ("photo.jpg --background nosuch.jpg", "nosuch.jpg is neither a colour"),
        ("photo.jpg photos --trimap_path t.png", "belongs to one picture"),
        ("photo.jpg --quality 80", "--quality 80 is a choice of jpeg, and of webp without --lossless"),
        ("photo.jpg a.webp --lossless --quality 80", "and of webp without --lossless; leave it out"),
        ("photo.jpg --bits 8", "--bits 8 is a choice of tiff alone, not of png"),
        ("photo.jpg --weights modnet-photografic", "do not exist; did you mean modnet-photographic?"),
        ("photo.jpg --weights nosuch/best_model", "the weights nosuch/best_model do not exist; give a .pdparams"),
        ("--watch nowhere", "nowhere is no folder"),
        ("photo.jpg --watch photos", "--watch names the folder already"),
        ("--watch photos -o one.png", "--watch writes into a folder"),
        ("--watch photos -o photos --pattern {stem}.png", "photos/a.png is read"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(photos: Path, words: str, said: str) -> None:
    (photos / "empty").mkdir()
    before = files(photos)
    one_sentence(run_tool("cut", *words.split()), said)
    assert files(photos) == before
