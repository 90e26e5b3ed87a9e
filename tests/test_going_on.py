"""One bad picture does not end a run, each failure is told once, and who waits or stops is told how far it came."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

import drawn
from matting.errors import Stopped, UnwritableError
from matting.prediction import pipeline as predicting
from matting.prediction.jobs import Summary, find_jobs
from matting.prediction.pipeline import predict
from matting.prediction.trimap_files import make_trimaps
from matting.predictor import Predictor
from matting.system.progress_meter import progress
from test_predict_jobs import Bright, picture
from tools import Outcome, cut_out, run_tool

LONG = "x" * 250


def cut(folder: Path, workers: int = 1) -> Summary:
    return predict(Predictor(Bright(), []), find_jobs(folder / "in"), folder / "out", workers)


def only_b_fails(folder: Path, said: str) -> None:
    for workers in (0, 2):
        summary = cut(folder, workers)
        assert summary.written == 2 and len(summary.failures) == 1, summary
        assert said in summary.failures[0] and "/b" in summary.failures[0]
        assert all((folder / f"out/{name}_{kind}.png").is_file() for name in "ac" for kind in ("alpha", "rgba"))


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A folder with three photographs in `in`."""
    for name in "abc":
        picture(tmp_path / f"in/{name}.png")
    return tmp_path


def test_a_name_whose_result_would_be_too_long(photographs: Path) -> None:
    (photographs / "in/b.png").rename(photographs / f"in/b{LONG}.png")
    only_b_fails(photographs, "File name too long; choose another folder or a shorter name")


def test_a_folder_where_a_result_goes(photographs: Path) -> None:
    (photographs / "out/b_rgba.png/inside").mkdir(parents=True)
    only_b_fails(photographs, "b_rgba.png cannot be written: Is a directory")


def test_a_file_where_a_folder_of_results_goes(photographs: Path) -> None:
    picture(photographs / "in/b/deep/d.png")
    (photographs / "in/b.png").unlink()
    (photographs / "out").mkdir()
    (photographs / "out/b").write_bytes(b"")
    only_b_fails(photographs, "cannot be written: Not a directory")


def test_a_file_where_all_results_go_ends_the_run(photographs: Path) -> None:
    (photographs / "out").write_bytes(b"")
    with pytest.raises(UnwritableError, match="cannot be written"):
        cut(photographs)
    with pytest.raises(UnwritableError, match="cannot be written"):
        make_trimaps(find_jobs(photographs / "in"), photographs / "out")


def opencv_error() -> Exception:
    return cv2.error("OpenCV(5.0.0) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 9 bytes")


OUT_OF_MEMORY = {
    "python": lambda: MemoryError(),
    "numpy": lambda: np._core._exceptions._ArrayMemoryError((1 << 50,), np.dtype(np.uint8)),
    "opencv": opencv_error,
    "openvino": lambda: RuntimeError("Exception from src/inference/src/cpp/infer_request.cpp:223:\nstd::bad_alloc"),
    "onnxruntime": lambda: RuntimeError("[ONNXRuntimeError] : 6 : Failed to allocate memory for requested buffer"),
    "paddle": lambda: RuntimeError("ResourceExhaustedError: Out of memory error on GPU 0"),
}


@pytest.mark.parametrize("stage", ["read_photograph", "Bright", "Outputs"])
@pytest.mark.parametrize("library", OUT_OF_MEMORY)
def test_running_out_of_memory_in_one_picture(
    photographs: Path, monkeypatch: pytest.MonkeyPatch, stage: str, library: str
) -> None:
    picture(photographs / "in/b.png", size=(11, 13))

    def failing(call: Callable, at: int) -> Callable:
        def attempt(*arguments: object) -> object:
            size = arguments[at].shape[-2:] if stage == "Bright" else np.shape(arguments[at])[:2]
            if size == (11, 13) or str(arguments[at]).endswith("/b.png"):
                raise OUT_OF_MEMORY[library]()
            return call(*arguments)

        return attempt

    if stage == "read_photograph":
        monkeypatch.setattr(predicting, "read_photograph", failing(predicting.read_photograph, 0))
    elif stage == "Bright":
        monkeypatch.setattr(Bright, "__call__", failing(Bright.__call__, 1))
    else:
        monkeypatch.setattr(predicting.Outputs, "write", failing(predicting.Outputs.write, 4))
    only_b_fails(photographs, "in/b.png takes more memory than there is; make the picture smaller")


def test_a_mask_that_takes_too_much_memory(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(path: Path) -> np.ndarray:
        if path.name == "b.png":
            raise MemoryError
        return np.ones((4, 6), np.float32)

    monkeypatch.setattr("matting.prediction.trimap_files.read_alpha", read)
    summary = make_trimaps(find_jobs(photographs / "in"), photographs / "out")
    assert summary.written == 2 and "in/b.png takes more memory" in summary.failures[0]


def test_a_defect_of_ours_keeps_its_traceback(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> np.ndarray:
        raise RuntimeError("an index is out of range")

    monkeypatch.setattr(Bright, "__call__", broken)
    with pytest.raises(RuntimeError, match="out of range"):
        cut(photographs)


def told_once(outcome: Outcome, name: str) -> None:
    assert outcome.status == 1
    assert len([line for line in outcome.error.splitlines() if name in line]) == 1, outcome.error


def test_a_failure_is_told_once(trained: Path, tmp_path: Path) -> None:
    drawn.save(tmp_path / "in/good.png", drawn.texture(40, 50)[..., 0])
    (tmp_path / "in/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    told_once(cut_out(trained, tmp_path / "in", tmp_path / "out"), "broken.png")
    told_once(run_tool("make_trimap", "--alpha_path", tmp_path / "in", "--save_dir", tmp_path / "t"), "broken.png")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_says_how_far_it_came_and_goes_on(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    for name in range(5):
        drawn.save(tmp_path / f"in/{name}.png", drawn.texture(40, 50, name))
    calls, call = [], Predictor.run

    def stopping(*arguments: object) -> tuple:
        calls.append(arguments)
        if len(calls) == 3:
            os.kill(os.getpid(), number)
        return call(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Predictor, "run", stopping)
        stopped = cut_out(trained, tmp_path / "in", tmp_path / "out", "--num_workers", 0)
    assert stopped.status == 128 + number and "Traceback" not in stopped.error
    assert stopped.error.splitlines()[-1] == "stopped: 2 of 5 pictures cut out; go on with --skip_existing"
    again = cut_out(trained, tmp_path / "in", tmp_path / "out", "--skip_existing")
    assert "3 of 5 pictures cut out, 2 were there already" in again.output


def test_what_is_being_written_when_a_run_is_stopped_counts(photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopping(*_: object) -> dict[str, np.ndarray]:
        if stopping.calls:
            raise Stopped("stopped", signal.SIGTERM)
        stopping.calls += 1
        return {"alpha": np.ones((1, 1, 4, 6), np.float32)}

    stopping.calls = 0
    monkeypatch.setattr(Bright, "__call__", stopping)
    with pytest.raises(Stopped, match="stopped: 1 of 3 pictures") as stopped:
        cut(photographs, workers=1)
    assert stopped.value.signal == signal.SIGTERM
    assert len(list((photographs / "out").glob("a_*.png"))) == 2


def test_without_a_terminal_a_line_comes_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "matting")
    now = iter(range(0, 10_000, 14))
    assert list(progress("abcdefghij", 10, "picture", clock=lambda: next(now))) == list("abcdefghij")
    said = [record.message for record in caplog.records]
    assert said == [
        "3 of 10 pictures, 14.00 s each, about 0:01:38 left",
        "6 of 10 pictures, 14.00 s each, about 0:00:56 left",
        "9 of 10 pictures, 14.00 s each, about 0:00:14 left",
    ]
    caplog.clear()
    assert list(progress([1, 2, 3], 3, "picture")) == [1, 2, 3] and not caplog.records


def test_cutting_out_and_drawing_trimaps_tell_their_progress(
    photographs: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "matting")
    monkeypatch.setattr("matting.system.progress_meter.EVERY", 0)
    assert cut(photographs).written == 3
    assert [record.message.split(",")[0] for record in caplog.records] == ["1 of 3 pictures", "2 of 3 pictures"]
    caplog.clear()
    make_trimaps(find_jobs(photographs / "in"), photographs / "trimaps")
    assert "1 of 3 masks" in caplog.text
