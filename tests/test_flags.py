"""Every flag of every tool with values that nobody means: one sentence and a status, never a traceback."""

from __future__ import annotations

import argparse
import errno
import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import moving
from tools import ROOT, one_sentence, run_tool, tool_parser

TOOLS = sorted(path.stem for path in (ROOT / "tools").glob("[!_]*.py"))
LONG = "a" * 300
LATIN = os.fsdecode(b"rose\xe9")

WORDS = ["", LONG, "nul\0l", "two\nerror: lines", LATIN, "{folder}", "{file}", "-1", "nan", "inf"]
WORDS += [str(10**30), "9" * 5000]
"""Values for any flag. `{folder}` and `{file}` are an empty folder and a text file."""


@cache
def flags(tool: str) -> tuple[argparse.Action, ...]:
    """Return the flags and positions of a tool, which its own parser knows."""
    return tuple(tool_parser(tool)._actions)


BASELINES = {
    "adapt": "--config {config} --model_path {weights} --image_path {photographs} --epochs 1 --input_size 32 32 "
    "--save_dir out",
    "batch": "--input nothing --output out --config {config} --model_path {weights} --engine dynamic",
    "benchmark": "--model_path {export} --engines onnxruntime --precisions int8 --save_dir out",
    "bg_replace": "--config {config} --model_path {weights} --engine dynamic --image_path {photographs} "
    "--background #ff0000 --save_dir out",
    "bg_replace_video": "--config {config} --model_path {weights} --engine dynamic --video_path {clip} "
    "--background green --save_dir out",
    "check_data": "lists={list} --num_workers 0 --save_dir out",
    "convert_weights": "kind=modnet-torch source={file} target=out.safetensors",
    "cut": "inputs={photographs} --config {config} --model_path {weights} --engine dynamic --save_dir out",
    "demo": "--opts model=1 --save_dir out",
    "download": "action=get names=modnet --offline",
    "evaluate_mattes": "--alpha {mattes} --pred {mattes} --score_workers 0 --csv out.csv --report out.html",
    "export": "--config {config} --model_path {weights} --input_size 33 33 --save_dir out",
    "make_trimap": "--alpha_path {mattes} --save_dir out",
    "npz": "action=pack --model_path {export} --image_path {photographs} --save_dir out",
    "pack_data": "lists=train.txt --dataset_root {data} --target out --num_workers 0",
    "predict": "--config {config} --model_path {weights} --engine dynamic --image_path {photographs} --save_dir out",
    "predict_video": "--config {config} --model_path {weights} --engine dynamic --video_path {clip} --save alpha "
    "--save_dir out",
    "prepare_data": "set=folders --source {data} --target out --num_workers 0",
    "serve": "--host 192.0.2.1 --open --config {config} --model_path {file}",
    "train": "--config {config} --iters 1 --do_eval --save_dir out",
    "train_phases": "--phases {phases} --save_dir out",
    "val": "--config {config} --model_path {weights} --score_workers 0 --save_dir out",
    "video": "input={clip} output=out.mov --config {config} --model_path {weights} --engine dynamic",
}
"""A call of every tool that does its work; batch, benchmark, convert_weights, demo, download, export and serve, which
would take long or need what is not here, end when their flags have been read."""

SLOW = {
    "adapt", "benchmark", "bg_replace", "bg_replace_video", "cut", "demo", "export", "npz", "predict", "predict_video",
    "serve", "train", "train_phases", "val", "video",
}  # fmt: skip
"""Tools that build a network: here every flag gets a quarter of the values, in turn; all of them in `make nightly`."""

GO_ON = {"bg_replace", "check_data", "cut", "make_trimap", "predict"}
"""Tools that name a file which cannot be used, without a word of `error`, and go on to the next."""

MORE = {
    "--start": ["1:2:3:4", "0:99", "5"],
    "--rate": ["1/0", "30000/1001"],
    "--camera": ["9"],
    "--trimap_from": [":", "a:", ":b", "{file}:{file}", "{folder}:{folder}", "{config}:{file}", "{config}:"],
    "--background": ["#zzzzzz", "1,2", "300,0,0", "nan,0,0"],
    "--split": ["0:0:0", "-1:2", "nan:1:1", "inf:1", "1:2:3:4", ":", "1e999:1", str(10**30)],
    "--model_path": ["http://[", "http://", "https://a b/\x7f", "file:///nowhere", "modnett", "~"],
    "--opts": ["=", "a", "=b", "model", "model.", ".model=1", "model=1", "batch_size=" + "[" * 200, "iters=1e999"],
    "--compare": ["{config}"],
}


def parsed(words: list[str]) -> dict[str, list[str]]:
    """Return the values of positions (`name=value`) and then of flags."""
    values: dict[str, list[str]] = {}
    for word in words:
        position, equals, value = word.partition("=")
        if word.startswith("--"):
            values[word] = []
        elif equals and not any(name.startswith("--") for name in values):
            values[position] = [value]
        else:
            list(values.values())[-1].append(word)
    return values


def calls(tool: str, places: dict[str, object]) -> Iterator[tuple[str, str, list[str]]]:
    """Yield flag, value and arguments, one bad value at a time in an otherwise good call."""
    good = parsed(BASELINES[tool].format(**places).split())
    step = 4 if tool in SLOW and "MATTING_FUZZ" not in os.environ else 1
    for number, action in enumerate(action for action in flags(tool) if action.nargs != 0):
        flag = action.option_strings[-1] if action.option_strings else action.dest
        for value in [*WORDS[number % step :: step], *MORE.get(flag, [])[number % step :: step]]:
            value = value.format(**places)
            given = {**good, flag: [value] * (action.nargs if isinstance(action.nargs, int) else 1)}
            positions = [one for name, values in given.items() if not name.startswith("--") for one in values]
            named = [word for name, values in given.items() if name.startswith("--") for word in (name, *values)]
            yield flag, value, [*positions, *named]


@pytest.fixture(scope="session")
def places(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """What the calls name, made once."""
    folder = tmp_path_factory.mktemp("places")
    (folder / "phases.yml").write_text(f"phases:\n- {{name: one, config: {trained}/config.yml, iters: 1}}\n")
    export = run_tool(
        "export", "--config", trained / "config.yml", "--model_path", trained / "run/best_model",
        "--save_dir", folder / "export",
    )  # fmt: skip
    assert export.status == 0, export.error
    data = trained / "data"
    moving.write(folder / "clip.mp4", moving.pictures(2))
    return {
        "config": trained / "config.yml", "weights": trained / "run/best_model", "data": data,
        "photographs": data / "train/fg", "mattes": data / "train/alpha", "list": data / "train.txt",
        "export": folder / "export", "clip": folder / "clip.mp4", "phases": folder / "phases.yml", "folder": "folder",
        "file": "file",
    }  # fmt: skip


def test_every_tool_is_called() -> None:
    assert sorted(BASELINES) == TOOLS


@pytest.mark.parametrize("tool", TOOLS)
def test_a_flag_that_cannot_be_meant_is_one_sentence(
    tool: str, places: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATTING_OFFLINE", "1")
    known = {action.option_strings[-1] if action.option_strings else action.dest for action in flags(tool)}
    assert known >= set(parsed(BASELINES[tool].split()))
    for number, (flag, value, arguments) in enumerate(calls(tool, places)):
        here = tmp_path / str(number)
        (here / "folder").mkdir(parents=True)
        (here / "file").write_text("text\n")
        monkeypatch.chdir(here)
        told = f"{tool} {flag} {value[:50]!r}"
        try:
            outcome = run_tool(tool, *arguments)
        except Exception as error:
            raise AssertionError(f"{told}: a traceback") from error
        lines = (outcome.output + outcome.error).splitlines()
        errors = [line for line in lines if line.startswith("error: ") or f"{tool}.py: error: " in line]
        assert outcome.status in (0, 1, 2) and "Traceback" not in outcome.error, f"{told}: {outcome}"
        assert len(errors) == bool(outcome.status) or (outcome.status == 1 and tool in GO_ON), f"{told}: {outcome}"


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino", "paddle"])
def test_an_export_below_a_name_that_is_not_utf8(places: dict[str, object], tmp_path: Path, engine: str) -> None:
    shutil.copytree(str(places["export"]), tmp_path / LATIN)
    outcome = run_tool(
        "predict", "--model_path", tmp_path / LATIN, "--engine", engine, "--image_path", places["photographs"],
        "--save_dir", tmp_path / "out",
    )  # fmt: skip
    if engine == "openvino":
        assert outcome.status == 0, outcome.error
    else:
        one_sentence(outcome, engine, r"rose\udce9", "rename it")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "out/a\n.png"),
            r"error: out/a\n.png: No space left on device",
        ),
        (OSError(errno.EIO, "Input/output error"), "error: Input/output error"),
        (MemoryError(), "error: the memory is full"),
        (KeyError("alpha"), ""),
        (RecursionError(), ""),
        (ValueError("a defect"), ""),
    ],
)
def test_the_system_s_errors_are_a_sentence_and_defects_keep_their_traceback(
    places: dict[str, object], monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("matting.prediction.trimap_files.make_trimaps", fail)
    if said:
        one_sentence(run_tool("make_trimap", "--alpha_path", places["mattes"]), said)
    else:
        with pytest.raises(type(error)):
            run_tool("make_trimap", "--alpha_path", places["mattes"])
