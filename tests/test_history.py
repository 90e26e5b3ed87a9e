"""The history of a run: what it holds, what a kill may cut, and how it goes on with the run."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

import pytest

from matting.errors import MattingError, UnwritableError
from matting.training import history
from matting.training.history import HISTORY, Row
from matting.training.run import run_training
from test_training import options, values  # noqa: F401  (a fixture)


def learnt(folder: Path) -> list[tuple[int, Mapping[str, float], float | None, Mapping[str, float]]]:
    """Return what a history says besides time."""
    return [(row.iteration, row.losses, row.lr, row.metrics) for row in history.read(folder)]


def kinds(folder: Path) -> list[tuple[str, int]]:
    return [("validation" if row.metrics else "report", row.iteration) for row in history.read(folder)]


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [
        Row(2, 6, {"loss": 0.1 + 0.2, "semantic": 1e-9}, 0.001, {"reader_share": 0.5}, time=12.25),
        Row(3, 6, metrics={"SAD": 1.5}),
        Row(4, 6, metrics={"trimap_IoU_unknown": math.nan}),
    ]
    for row in rows:
        history.append(tmp_path, row)
    assert history.read(tmp_path)[:2] == rows[:2] and rows[1].time > 1.6e9
    assert math.isnan(history.read(tmp_path)[2].metrics["trimap_IoU_unknown"])
    lines = [json.loads(line, parse_constant=pytest.fail) for line in (tmp_path / HISTORY).read_text().splitlines()]
    assert [list(line) for line in lines] == [
        ["iteration", "iters", "losses", "lr", "speed", "time"],
        ["iteration", "iters", "metrics", "time"],
        ["iteration", "iters", "metrics", "time"],
    ]


def test_a_last_line_that_a_kill_cut_is_left_out(tmp_path: Path) -> None:
    for iteration in (1, 2):
        history.append(tmp_path, Row(iteration, 6, {"loss": 1.0}))
    whole = (tmp_path / HISTORY).read_bytes()
    for length in range(whole.index(b"\n") + 1, len(whole)):
        (tmp_path / HISTORY).write_bytes(whole[:length])
        assert [row.iteration for row in history.read(tmp_path)] == [1]
    history.go_on(tmp_path / "iter_4", tmp_path, 4, 0)
    history.append(tmp_path, Row(5, 6, {"loss": 1.0}))
    assert [row.iteration for row in history.read(tmp_path)] == [1, 5]


@pytest.mark.parametrize(
    "line",
    [
        "no JSON", "[1]", "7", "{}", '{"iteration": 1}', '{"iteration": "x", "iters": 2, "time": 0}', "[" * 5000,
        '{"iteration": 1, "iters": 2, "time": 0, "metrics": [1]}', '{"iteration": Infinity, "iters": 2, "time": 0}',
        '{"iteration": 1, "iters": 2, "time": 0, "losses": {"loss": "much"}}', "",
    ],
)  # fmt: skip
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str) -> None:
    history.append(tmp_path, Row(1, 6, {"loss": 1.0}))
    with open(tmp_path / HISTORY, "a") as file:
        file.write(f"{line}\n")
    with pytest.raises(MattingError, match=r"history\.jsonl:2 is no report or validation of a run; remove that line"):
        history.read(tmp_path)


def test_a_history_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / HISTORY).symlink_to("/dev/full")
    with pytest.raises(UnwritableError, match=r"history\.jsonl cannot be written: No space left"):
        history.append(tmp_path, Row(1, 6, {"loss": 1.0}))


def test_a_resumed_run_has_the_history_of_the_unbroken_one(tmp_path: Path, values: dict) -> None:  # noqa: F811
    many = {"log_iters": 1, "save_interval": 2}
    run_training(values, options(tmp_path / "whole", **many), validate=True)
    whole = learnt(tmp_path / "whole")
    assert kinds(tmp_path / "whole") == [
        ("report", 1), ("report", 2), ("validation", 2), ("report", 3), ("report", 4), ("validation", 4),
        ("report", 5), ("report", 6), ("validation", 6),
    ]  # fmt: skip
    assert [row.lr for row in history.read(tmp_path / "whole") if row.lr is not None][0] == pytest.approx(0.001)
    for folder in ("rest", "whole"):  # elsewhere, and where it leads beyond
        resumed = {"resume_from": tmp_path / "whole/iter_2"}
        run_training(values, options(tmp_path / folder, **many), validate=True, **resumed)
        assert learnt(tmp_path / folder) == whole


def test_what_came_after_the_checkpoint_is_dropped(tmp_path: Path, values: dict) -> None:  # noqa: F811
    many = {"log_iters": 1, "save_interval": 2}
    run_training(values, options(tmp_path, **many), validate=True)
    run_training({**values, "iters": 3}, options(tmp_path, **many), resume_from=tmp_path / "iter_2")
    assert kinds(tmp_path) == [("report", 1), ("report", 2), ("validation", 2), ("report", 3)]
    assert [row.iters for row in history.read(tmp_path)] == [6, 6, 6, 3]


def test_a_score_that_the_checkpoint_does_not_know_is_taken_again(tmp_path: Path) -> None:
    for row in (Row(2, 6, metrics={"SAD": 2.0}), Row(4, 6, {"loss": 1.0}), Row(4, 6, metrics={"SAD": 1.0})):
        history.append(tmp_path, row)
    history.go_on(tmp_path / "iter_4", tmp_path, 4, 2)
    assert kinds(tmp_path) == [("validation", 2), ("report", 4)]


def test_a_run_that_begins_begins_its_history(tmp_path: Path, values: dict) -> None:  # noqa: F811
    history.append(tmp_path, Row(5, 9, {"loss": 1.0}))  # of one that died before its first checkpoint
    run_training({**values, "iters": 2}, options(tmp_path))
    assert kinds(tmp_path) == [("report", 2)]
    first = (tmp_path / HISTORY).read_bytes()
    run_training({**values, "iters": 4}, options(tmp_path, overwrite=True))
    assert (tmp_path / "replaced" / HISTORY).read_bytes() == first
    assert kinds(tmp_path) == [("report", 2), ("report", 4)]
