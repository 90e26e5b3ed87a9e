"""Clips through the tools, with a network: what PaddleSeg's flags give, and what is wrong is said before the work."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import drawn
import moving
from matting.commands.clips import moment
from matting.video import camera, ffmpeg
from test_video_reading import Fake
from tools import Outcome, one_sentence, run_tool


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moving.write(tmp_path_factory.mktemp("clip") / "clip.mp4", moving.pictures(6))


def run(tool: str, trained: Path, *arguments: object) -> Outcome:
    return run_tool(
        tool, *arguments, "--config", trained / "config.yml", "--model_path", trained / "run/best_model", "--engine",
        "dynamic",
    )  # fmt: skip


def test_paddleseg_s_flags_give_mattes_and_cutouts_with_rate_and_sound(
    trained: Path, clip: Path, tmp_path: Path
) -> None:
    outcome = run("predict_video", trained, "--video_path", clip, "--save_dir", tmp_path, "--fg_estimate", "none")
    assert outcome.status == 0, outcome.error
    assert "6 frames cut out, in" in outcome.output and "frames a second" in outcome.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip_alpha.mp4", "clip_rgba.mov"]
    for path in tmp_path.iterdir():
        assert moving.times(path) == moving.times(clip) and moving.packets(path) == moving.packets(clip)


def test_the_commands_of_paddleseg_s_pages(trained: Path, clip: Path, tmp_path: Path) -> None:
    """True and False choose an estimate, and green is the background where none is given."""
    for folder, flags in (("g", ("--background", "g")), ("none", ())):
        common = ("--video_path", clip, "--save_dir", tmp_path / folder, "--fg_estimate", "True", *flags)
        outcome = run("bg_replace_video", trained, *common)
        assert outcome.status == 0, outcome.error
    first, second = ((tmp_path / folder / "clip_composite.mp4").read_bytes() for folder in ("g", "none"))
    assert first == second
    outcome = run("predict_video", trained, "--video_path", clip, "--save_dir", tmp_path, "--fg_estimate", "False")
    assert outcome.status == 0, outcome.error


def test_a_clip_before_another_clip(trained: Path, clip: Path, tmp_path: Path) -> None:
    beach = moving.write(tmp_path / "beach.mp4", moving.pictures(3), sound=None)
    outcome = run("bg_replace_video", trained, "--video_path", clip, "--background", beach, "--save_dir", tmp_path)
    assert outcome.status == 0, outcome.error
    assert moving.times(tmp_path / "clip_composite.mp4") == moving.times(clip)


def test_kinds_with_endings_of_a_folder_of_frames(trained: Path, tmp_path: Path) -> None:
    for number, image in enumerate(moving.pictures(3)):
        drawn.save(tmp_path / f"frames/{number}.png", image)
    outcome = run(
        "predict_video", trained, "--video_path", tmp_path / "frames", "--rate", "24000/1001", "--save_dir", tmp_path,
        "--save", "alpha.png", "composite.mkv", "--background", "blur",
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    assert len(list((tmp_path / "frames_alpha").glob("*.png"))) == 3
    assert [float(at) for at in moving.times(tmp_path / "frames_composite.mkv")] == [0, 0.042, 0.083]


def test_a_clip_that_is_cut_short_is_written_and_told(trained: Path, tmp_path: Path) -> None:
    whole = moving.write(tmp_path / "whole.mp4", moving.pictures(40), g="12").read_bytes()
    (tmp_path / "short.mp4").write_bytes(whole[: len(whole) // 2])
    outcome = run("video", trained, tmp_path / "short.mp4", tmp_path / "out.mov")
    assert outcome.status == 1 and "short.mp4: cut short: it ends at" in outcome.error, outcome.error
    assert 0 < len(moving.times(tmp_path / "out.mov")) < 40


def test_what_cannot_be_done_is_said_before_the_network_is_loaded(trained: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "folder.mov").mkdir()
    (tmp_path / "file").touch()
    for arguments, said in (
        ((clip,), "1 paths are given"), ((clip, clip, "--background", "red"), "would take its place"),
        ((clip, f"{out}.mp4"), "--background lime is a green screen"),
        ((clip, f"{out}.webm"), "cannot hold the sound"), ((clip, f"{out}.mov", "--show"), "has no windows"),
        ((clip, f"{out}.mov", "--start", 2, "--end", 1), "does not lie behind"),
        ((clip, f"{out}.mov", "--rate", 25), "states its own times"),
        ((clip, f"{out}.mov", "--save", "composite"), "needs a --background"),
        ((f"{out}.mov", "--camera", 63), "--camera 63 gives no picture"),
        ((clip, tmp_path / "folder.mov"), "is a folder, where a file is to be written"),
        ((clip, tmp_path / "file"), "is a file, where a folder of frames is to be"),
    ):  # fmt: skip
        one_sentence(run_tool("video", *arguments, "--model_path", tmp_path / "no weights"), said)
    one_sentence(run("video", trained, clip, f"{out}.mov", "--start", 9), "no frame lies between")


def test_a_camera_s_pictures_are_cut_out_until_it_ends(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera, "_open", lambda number: Fake(60))
    outcome = run("video", trained, tmp_path / "out.mp4", "--camera", 0, "--background", "green")
    assert outcome.status == 0 and "dropped" in outcome.output and "ms late" in outcome.output, outcome
    assert len(moving.times(tmp_path / "out.mp4")) >= 2


def test_a_window_shows_what_is_made(
    monkeypatch: pytest.MonkeyPatch, trained: Path, clip: Path, tmp_path: Path
) -> None:
    shown: list[np.ndarray] = []
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "imshow", lambda name, pixels: shown.append(pixels))
    monkeypatch.setattr(cv2, "waitKey", lambda delay: -1)
    assert run("video", trained, clip, tmp_path / "a.mp4", "--background", "red", "--show").status == 0
    assert len(shown) == 6 and shown[0].shape == (64, 96, 3)


def test_without_pyav_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, clip: Path, tmp_path: Path) -> None:
    ffmpeg.pyav.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    one_sentence(run_tool("video", clip, tmp_path / "a.mov"), "clips need PyAV", "pip install av")
    ffmpeg.pyav.cache_clear()


@pytest.mark.parametrize(("text", "seconds"), [("75", 75), ("1:15", 75), ("0:01:15.5", 75.5), ("1:00:00", 3600)])
def test_moments(text: str, seconds: float) -> None:
    assert moment(text) == seconds
