"""A run knows which checkpoints are its own, and writes over no other run unless it is told to."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from matting.errors import MattingError, Stopped
from matting.training import checkpoint, run_folder
from matting.training.run import run_training
from test_training import asking, diverge, options, values  # noqa: F401  (a fixture)
from tools import one_sentence, run_tool


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(folder: Path, pattern: str = "*iter_*") -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))


def iteration(folder: Path) -> int:
    return checkpoint.progress_of(folder).iteration


def kept(folder: Path, run: str, iteration: int) -> Path:
    """Write a checkpoint's state without its weights."""
    (folder / f"iter_{iteration}").mkdir(parents=True)
    checkpoint.write_state(folder / f"iter_{iteration}", {}, checkpoint.Progress(run=run, iteration=iteration))
    return folder / f"iter_{iteration}"


def test_a_folder_that_holds_a_run_is_not_written_to(tmp_path: Path, values: dict) -> None:  # noqa: F811
    run_training(values, options(tmp_path / "run"), validate=True)
    before = files(tmp_path / "run")
    said = r"run holds a run already; go on with --resume_model .*iter_6, give another --save_dir, or .* --overwrite"
    with pytest.raises(MattingError, match=said):
        run_training({**values, "iters": 3}, options(tmp_path / "run"))
    run_training(values, options(tmp_path / "other"))
    with pytest.raises(MattingError, match=said):
        run_training(values, options(tmp_path / "run"), resume_from=tmp_path / "other/iter_3")
    assert files(tmp_path / "run") == before


def test_overwriting_keeps_the_new_run_whole_and_the_old_one_aside(tmp_path: Path, values: dict) -> None:  # noqa: F811
    many = {"save_interval": 1, "keep_checkpoint_max": 2}
    run_training(values, options(tmp_path, **many), validate=True)
    old = files(tmp_path / "best_model")
    shorter = {**values, "iters": 4, "batch_size": 1}
    run_training(shorter, options(tmp_path, **many, overwrite=True), validate=True)
    assert names(tmp_path) == ["iter_3", "iter_4"] and names(tmp_path / "replaced") == ["iter_5", "iter_6"]
    assert len(files(tmp_path / "iter_4")) == 4
    assert files(tmp_path / "replaced/best_model") == old and "iter=6/6" not in (tmp_path / "train.log").read_text()
    run_training(shorter, options(tmp_path, **many, overwrite=True))  # one is kept
    assert names(tmp_path / "replaced") == ["iter_3", "iter_4"]


def test_the_checkpoint_of_a_run_that_stops_is_there(
    tmp_path: Path,
    values: dict,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asking(monkeypatch, 2, signal.SIGTERM)
    for number in (7, 8, 9):
        kept(tmp_path, "another run", number)
    with pytest.raises(Stopped) as stop:
        run_training(values, options(tmp_path, overwrite=True, keep_checkpoint_max=1))
    assert iteration(Path(str(stop.value).rpartition(" ")[2])) == 2


def test_the_checkpoints_of_others_are_not_counted_dropped_or_named(tmp_path: Path) -> None:
    for number in (2, 30):
        kept(tmp_path, "another run", number)
    for number in (1, 3, 4, 5):
        kept(tmp_path, "this run", number)
    (tmp_path / "iter_0").mkdir()  # that cannot be read
    progress = checkpoint.Progress(run="this run", iteration=4)
    assert [path.name for path in checkpoint.own(tmp_path, progress)] == ["iter_1", "iter_3", "iter_4"]
    checkpoint.drop_old(tmp_path, 1, progress)
    assert names(tmp_path) == ["iter_0", "iter_2", "iter_30", "iter_4", "iter_5"]


def test_a_run_that_diverges_names_its_own_checkpoint(
    tmp_path: Path,
    values: dict,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept(tmp_path, "another run", 2)
    with pytest.raises(MattingError, match="holds a run"):
        run_training({**values, "iters": 20}, options(tmp_path))
    shutil.rmtree(tmp_path / "iter_2")
    run_training({**values, "iters": 3}, options(tmp_path))
    kept(tmp_path, "another run", 2)
    diverge(monkeypatch, after=1)
    with pytest.raises(MattingError, match=r"the last good checkpoint is .*iter_3"):
        run_training({**values, "iters": 20}, options(tmp_path), resume_from=tmp_path / "iter_3")


def test_going_back_sets_aside_what_came_after(tmp_path: Path, values: dict) -> None:  # noqa: F811
    run_training(values, options(tmp_path, save_interval=1), validate=True)
    last = checkpoint.progress_of(tmp_path / "iter_2").best
    back = {"save_interval": 2, "keep_checkpoint_max": 2}
    run_training({**values, "iters": 4}, options(tmp_path, **back), resume_from=tmp_path / "iter_2")
    assert names(tmp_path) == ["iter_2", "iter_4"]
    assert names(tmp_path / "replaced", "iter_*") == ["iter_3", "iter_4", "iter_5", "iter_6"]
    assert iteration(tmp_path / "best_model") == last["iteration"]
    with pytest.raises(MattingError, match="give one of them"):
        run_training(values, options(tmp_path, overwrite=True), resume_from=tmp_path / "iter_4")


def best_of(folder: Path, iteration: int, best: int) -> None:
    """Write the checkpoint of an iteration, as far as `bring_best` looks at it, into a folder."""
    progress = checkpoint.Progress(run="a run", iteration=iteration, best={"SAD": 1.0, "iteration": best})
    folder.mkdir(parents=True)
    checkpoint.write_state(folder, {}, progress)
    (folder / "model.pdparams").write_bytes(b"weights of %d" % iteration)
    (folder / "model.pdopt").write_bytes(b"for resuming")


@pytest.mark.parametrize(
    ("beside", "there"),
    [
        ({"best_model": 2, "iter_4": 4}, True),
        ({"best_model": 4, "iter_4": 4}, True),  # killed between keeping it and noting its score
        ({"best_model": 6, "iter_2": 2, "iter_4": 4}, True),
        ({"best_model": 6, "iter_4": 4}, False),
        ({"iter_4": 4}, False),
    ],
)
def test_the_best_model_comes_along_or_its_score_is_forgotten(
    tmp_path: Path, beside: dict[str, int], there: bool
) -> None:
    for name, number in beside.items():
        best_of(tmp_path / "one" / name, number, best=2)
    progress = checkpoint.progress_of(tmp_path / "one/iter_4")
    run_folder.bring_best(tmp_path / "one/iter_4", tmp_path / "two", progress)
    found = files(tmp_path / "two").get("best_model/model.pdparams")
    assert found == (f"weights of {4 if beside.get('best_model') == 4 else 2}".encode() if there else None)
    assert bool(progress.best) == there and not list(tmp_path.glob("two/*/*.pdopt"))


def test_a_resumed_run_has_the_best_model_in_its_own_folder(tmp_path: Path, values: dict) -> None:  # noqa: F811
    run_training({**values, "iters": 3}, options(tmp_path / "one"), validate=True)
    run_training({**values, "iters": 4}, options(tmp_path / "two"), resume_from=tmp_path / "one/iter_3")
    assert files(tmp_path / "two/best_model") == files(tmp_path / "one/best_model")


def test_the_folder_of_another_run_below_is_left_alone(tmp_path: Path) -> None:
    kept(tmp_path / "adapted", "an adaptation", 3)
    run_folder.claim(tmp_path)
    kept(tmp_path, "a run", 1)
    run_folder.claim(tmp_path, overwrite=True)
    assert names(tmp_path, "*") == ["adapted", "replaced"] and names(tmp_path / "adapted") == ["iter_3"]


def test_setting_aside_that_was_killed_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        kept(tmp_path, "a run", number)
    (tmp_path / "train.log").write_text("of that run")
    (tmp_path / "mine.txt").write_text("no run's")
    rename, moved = os.rename, []

    def killed(source: Path, target: Path) -> None:
        if len(moved) == 2:
            raise KeyboardInterrupt
        moved.append(source)
        rename(source, target)

    monkeypatch.setattr(os, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        run_folder.claim(tmp_path, overwrite=True)
    monkeypatch.undo()
    with pytest.raises(MattingError, match="holds a run"):
        run_folder.claim(tmp_path)
    run_folder.claim(tmp_path, overwrite=True)
    assert names(tmp_path, "*") == ["mine.txt", "replaced"]
    assert names(tmp_path / "replaced", "*") == ["iter_1", "iter_2", "iter_3", "train.log"]


def test_the_tools_say_how_to_go_on(trained: Path, tmp_path: Path) -> None:
    common = ("train", "--config", trained / "config.yml", "--iters", 1, "--save_interval", 1)
    one_sentence(
        run_tool(*common, "--save_dir", trained / "run"),
        f"--resume_model {trained / 'run/iter_2'}", "another --save_dir", "--overwrite",
    )  # fmt: skip
    shutil.copytree(trained / "run", tmp_path / "run")
    again = run_tool(*common, "--save_dir", tmp_path / "run", "--overwrite")
    assert again.status == 0 and names(tmp_path / "run") == ["iter_1"], again.error
    assert json.loads((tmp_path / "run/iter_1/state.json").read_text())["run"]


def test_going_back_does_not_remove_a_run_that_was_replaced_before(tmp_path: Path) -> None:
    (tmp_path / "replaced/iter_9").mkdir(parents=True)
    (tmp_path / "iter_5").mkdir()
    run_folder._set_aside(tmp_path, [tmp_path / "iter_5"], keep_older=True)
    assert (tmp_path / "replaced_2/iter_9").is_dir() and (tmp_path / "replaced/iter_5").is_dir()
