"""What VisualDL gets: one picture an interval, of whatever a batch holds."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from matting.training import history, loop
from matting.training.run import run_training
from test_adapt import trained as modnet  # noqa: F401  (a fixture)
from test_training import options, values  # noqa: F401  (a fixture)
from tools import run_tool


class Board:
    """Stands for VisualDL, and notes at which iterations pictures came, and which rows."""

    pictures: ClassVar[list[int]] = []
    rows: ClassVar[list[history.Row]] = []

    def __init__(self, _: Path) -> None:
        self.pictures.clear()
        self.rows.clear()

    def show(self, row: history.Row) -> None:
        self.rows.append(row)

    def close(self) -> None: ...

    def picture(self, name: str, pixels: np.ndarray, iteration: int) -> None:
        assert name == "Train/samples" and pixels.dtype == np.uint8 and pixels.ndim == 3
        self.pictures.append(iteration)


def test_a_picture_comes_once_an_interval(
    tmp_path: Path,
    values: dict,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "Board", Board)
    run_training({**values, "iters": 7}, options(tmp_path, use_vdl=True, picture_iters=3, save_interval=7))
    assert Board.pictures == [1, 3, 6]
    assert Board.rows == history.read(tmp_path) and [row.iteration for row in Board.rows] == [2, 4, 6, 7]


def test_an_adaptation_writes_visualdl_logs_though_it_has_no_truth(modnet: Path) -> None:  # noqa: F811
    outcome = run_tool(
        "adapt", "--config", modnet / "modnet.yml", "--image_path", modnet / "photos", "--use_vdl", "--epochs", 1,
        "--model_path", modnet / "modnet.pdparams", "--save_dir", modnet / "out", "--input_size", 64, 64,
    )  # fmt: skip
    assert outcome.status == 0, outcome.error
    assert list((modnet / "out/vdl").iterdir())
