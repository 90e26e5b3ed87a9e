"""Phases hand their results on, whatever the folders are called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from matting.training import checkpoint, stages
from matting.training.options import Options
from matting.training.stages import Phase, read_phases, run_phases
from test_training import CONFIG


@pytest.mark.parametrize("name", ["run #1", "a: b", "[x", "{y}", "*z", "'q'", "!t", "~", "no"])
def test_a_path_is_a_path_and_no_yml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    (tmp_path / "config.yml").write_text(CONFIG.format(root="data"), encoding="utf-8")
    starts: list[Any] = []

    def train(values: dict, options: Options, **_: object) -> None:
        starts.append((values["model"].get("pretrained"), values["model"]["backbone"].get("pretrained")))
        best = options.save_dir / "best_model"
        best.mkdir(parents=True)
        checkpoint.write_state(best, values, checkpoint.Progress())

    monkeypatch.setattr(stages, "run_training", train)
    monkeypatch.chdir(tmp_path)
    listed = [Phase("one", tmp_path / "config.yml"), Phase("two", tmp_path / "config.yml")]
    weights = "model.backbone.pretrained=published"
    best = run_phases(listed, Options(Path(name)), opts=[weights])
    assert starts == [(None, "published"), (f"{name}/one/best_model", None)] and best == Path(name, "two/best_model")


def test_phases_that_go_on_keep_their_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.yml").write_text(CONFIG.format(root="data"), encoding="utf-8")
    seeds: list[tuple[int, int]] = []

    def train(values: dict, options: Options, **_: object) -> None:
        seeds.append((values["seed"], options.seed))
        for name, progress in (("best_model", {}), ("iter_6", {"iteration": 6, "validated": 6})):
            (options.save_dir / name).mkdir(parents=True)
            checkpoint.write_state(options.save_dir / name, values, checkpoint.Progress(seed=options.seed, **progress))

    monkeypatch.setattr(stages, "run_training", train)
    listed = [Phase("one", tmp_path / "config.yml"), Phase("two", tmp_path / "config.yml")]
    run_phases(listed[:1], Options(tmp_path / "run", seed=7))
    run_phases(listed, Options(tmp_path / "run"))
    assert seeds == [(7, 7), (7, 7)]


def test_phases_that_come_along_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    phases = read_phases(Path("phases/shm-mobilenetv2"))
    assert [phase.name for phase in phases] == ["tnet", "mnet", "end_to_end"]
    assert all(phase.config.is_file() for phase in phases)
