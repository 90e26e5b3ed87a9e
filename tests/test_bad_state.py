"""What stands beside weights, or in the launcher's environment, and cannot be meant: one sentence, no traceback."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import drawn
from matting.errors import MattingError
from matting.system import ranks
from tools import cut_out, one_sentence, run_tool

STATES = [
    "[]", "3", "null", '"text"', "{}", "[" * 100_000,
    {"iteration": "two"}, {"iteration": None}, {"iteration": -1}, {"iteration": 1.5}, {"seed": []}, {"seed": True},
    {"best": []}, {"best": {"SAD": "low", "iteration": 1}}, {"best": {"SAD": 1.0}}, {"validated": "no"}, {"run": 1},
    {"settings": []}, {"identity": [1]}, {"scaler": 5},
]  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=lambda state: str(state)[:40])
def test_a_state_that_is_none_is_named(trained: Path, tmp_path: Path, state: str | dict) -> None:
    checkpoint = tmp_path / "run/iter_2"
    shutil.copytree(trained / "run/iter_2", checkpoint)
    whole = json.loads((checkpoint / "state.json").read_text())
    (checkpoint / "state.json").write_text(state if isinstance(state, str) else json.dumps(whole | state))
    resumed = run_tool(
        "train", "--config", trained / "config.yml", "--save_dir", tmp_path / "run", "--resume_model", checkpoint,
        "--iters", 3,
    )  # fmt: skip
    one_sentence(resumed, "state.json cannot be read", "use another checkpoint")


def test_predict_names_a_state_that_is_a_list(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "copy")
    (tmp_path / "copy/run/best_model/state.json").write_text("[]")
    drawn.save(tmp_path / "a.png", drawn.texture(40, 50))
    one_sentence(cut_out(tmp_path / "copy", tmp_path / "a.png", tmp_path / "out"), "state.json cannot be read")


@pytest.mark.parametrize(
    ("number", "of", "said"),
    [
        ("0", "abc", "PADDLE_TRAINERS_NUM is 'abc'"),
        ("0", "0", "PADDLE_TRAINERS_NUM is '0'"),
        ("0", "", "PADDLE_TRAINERS_NUM is ''"),
        ("x", "2", "PADDLE_TRAINER_ID is 'x'"),
        ("2", "2", "PADDLE_TRAINER_ID is '2'; it must be a whole number from 0 to 1"),
        ("-1", "2", "PADDLE_TRAINER_ID is '-1'"),
        ("1", None, "PADDLE_TRAINER_ID is '1'"),
    ],
)
def test_a_launcher_that_counts_wrongly_is_named(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str, of: str | None, said: str
) -> None:
    drawn.save(tmp_path / "a.png", drawn.texture(40, 50))
    monkeypatch.setenv("PADDLE_TRAINER_ID", number)
    if of is None:
        monkeypatch.delenv("PADDLE_TRAINERS_NUM", raising=False)
    else:
        monkeypatch.setenv("PADDLE_TRAINERS_NUM", of)
    one_sentence(cut_out(trained, tmp_path / "a.png", tmp_path / "out"), said, "launcher")
    with pytest.raises(MattingError):
        ranks.share([1, 2, 3])
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize("key", ["batch_size", "iters"])
def test_a_configuration_without_its_lengths_is_named(trained: Path, tmp_path: Path, key: str) -> None:
    lines = (trained / "config.yml").read_text(encoding="utf-8").splitlines()
    kept = "\n".join(line for line in lines if not line.startswith(key))
    (tmp_path / "config.yml").write_text(kept, encoding="utf-8")
    (tmp_path / "phases.yml").write_text("phases: [{name: only, config: config.yml}]", encoding="utf-8")
    said = f"the configuration has no {key!r}; add it"
    run = ("--save_dir", tmp_path / "run")
    one_sentence(run_tool("train", "--config", tmp_path / "config.yml", *run), said)
    one_sentence(run_tool("train_phases", "--phases", tmp_path / "phases.yml", *run), said)
    one_sentence(run_tool("demo", "--config", tmp_path / "config.yml", *run), said)
    assert not (tmp_path / "run").exists()
