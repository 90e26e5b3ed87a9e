"""Configurations, flags, weights and places that cannot work, through the tools: one sentence, nothing half-written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import drawn
from matting import weights
from tools import ROOT, Outcome, cut_out, one_sentence, run_tool


def train(trained: Path, run: Path, *more: object, config: Path | None = None) -> Outcome:
    return run_tool(
        "train", "--config", config or trained / "config.yml", "--save_dir", run, "--iters", 1, *more,
    )  # fmt: skip


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(40))
"""Some kilobytes that unfold into 2**40 entries, should anybody copy them out."""

HOSTILE = {
    "laughs": (LAUGHS, "aliases are written out"),
    "laughs in the model": (
        "_base_: config.yml\nmodel:\n" + LAUGHS.replace("a", "  a", 1).replace("\n", "\n  "),
        "aliases",
    ),
    "python tag": ("batch_size: !!python/object/apply:os.system ['touch hacked']\n", "wrong.yml"),
    "no mapping": ("- a\n- b\n", "wrong.yml"),
    "no yaml": ("a: [1, 2\nb: }\n", "wrong.yml"),
    "binary": ("\x00\x01\x02", "wrong.yml"),
    "empty": ("", "wrong.yml"),
    "itself": ("_base_: wrong.yml\n", "wrong.yml"),
    "no base": ("_base_: nowhere.yml\n", "nowhere.yml"),
    "typo": ("_base_: config.yml\nbatchsize: 2\n", "batch_size"),
    "type": ("_base_: config.yml\nbatch_size: many\n", "batch_size"),
    "nested type": ("_base_: config.yml\ntrain_dataset: 5\n", "train_dataset"),
    "unknown model": ("_base_: config.yml\nmodel: {_inherited_: False, type: MODNett}\n", "MODNet"),
    "unknown argument": ("_base_: config.yml\nmodel: {hr_chanels: 8}\n", "hr_channels"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_configurations_that_cannot_be_meant(
    trained: Path, tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content, said = HOSTILE[case]
    (tmp_path / "config.yml").write_text((trained / "config.yml").read_text())
    (tmp_path / "wrong.yml").write_text(content)
    monkeypatch.chdir(tmp_path)
    one_sentence(train(trained, tmp_path / "run", config=tmp_path / "wrong.yml"), said)
    assert not (tmp_path / "hacked").exists() and not (tmp_path / "run").exists()


def test_bases_in_a_circle(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text("_base_: b.yml\n")
    (tmp_path / "b.yml").write_text("_base_: a.yml\n")
    one_sentence(train(trained, tmp_path / "run", config=tmp_path / "a.yml"), "a.yml", "b.yml")


@pytest.mark.parametrize(
    ("loss", "setting"),
    [("MODNetLoss", "get_trimap=False"), ("MODNetLoss", "key_del=[trimap]"), ("SHMLoss", "get_trimap=False"),
     ("DIMLoss", "get_trimap=False")],
)  # fmt: skip
def test_a_loss_that_needs_the_trimap_says_so_before_training(
    trained: Path, tmp_path: Path, loss: str, setting: str
) -> None:
    opts = ("--opts", f"train_dataset.{setting}", f"loss={{type: {loss}}}")
    one_sentence(train(trained, tmp_path / "run", *opts), loss, "trimap", "get_trimap: True", "key_del")
    assert "[TRAIN]" not in (tmp_path / "run/train.log").read_text(encoding="utf-8")


def test_trimaps_that_the_list_names_for_training_are_enough(trained: Path, tmp_path: Path) -> None:
    root = drawn.dataset(tmp_path / "data", count=2)
    lines = [f"train/fg/{number}.png trimap=train/alpha/{number}.png\n" for number in range(2)]
    (root / "train.txt").write_text("".join(lines), encoding="utf-8")
    given = (f"train_dataset.dataset_root={root}", "train_dataset.get_trimap=False")
    one_sentence(train(trained, tmp_path / "drawn", "--opts", *given), "MODNetLoss", "listed_trimaps: True")
    outcome = train(trained, tmp_path / "listed", "--opts", *given, "train_dataset.listed_trimaps=True")
    assert outcome.status == 0, outcome.error


NUMBERS = [
    "train_dataset.transforms.0.crop_size=[0,32]",
    "train_dataset.transforms.0.crop_size=[-32,32]",
    "train_dataset.transforms.0.crop_size=[32.5,32]",
    "val_dataset.transforms.0.short_size=0",
    "batch_size=0",
    "batch_size=-1",
    "batch_size=1.5",
    "iters=0",
    "iters=-5",
    "lr_scheduler.learning_rate=.nan",
    "lr_scheduler.learning_rate=-0.1",
    "lr_scheduler.learning_rate=fast",
    "model.hr_channels=0",
    "model.hr_channels=-8",
]


@pytest.mark.parametrize("setting", NUMBERS)
def test_numbers_that_cannot_be_meant(trained: Path, tmp_path: Path, setting: str) -> None:
    outcome = run_tool(
        "train", "--config", trained / "config.yml", "--save_dir", tmp_path / "run", "--do_eval", "--opts", setting,
    )  # fmt: skip
    one_sentence(outcome, setting.partition("=")[0].split(".")[-1])
    assert not list((tmp_path / "run").glob("*iter_*"))


@pytest.mark.parametrize(
    ("flag", "value"),
    [("--iters", 0), ("--iters", -1), ("--batch_size", 0), ("--learning_rate", "nan"), ("--learning_rate", -1),
     ("--num_workers", -1), ("--log_iters", 0), ("--save_interval", 0), ("--keep_checkpoint_max", -1)],
)  # fmt: skip
def test_flags_that_cannot_be_meant(trained: Path, tmp_path: Path, flag: str, value: object) -> None:
    outcome = train(trained, tmp_path / "run", flag, value)
    assert outcome.status in (1, 2) and "Traceback" not in outcome.error
    assert flag.strip("-").replace("_rate", "") in outcome.error, outcome.error
    assert not list((tmp_path / "run").glob("*iter_*"))


def test_weights_that_do_not_belong(trained: Path, tmp_path: Path) -> None:
    arrays = weights.read_weights(trained / "run/best_model")
    other = {f"module.{key}": value for key, value in arrays.items() if "head" not in key}
    weights.write_weights(tmp_path / "other.pdparams", other)
    (tmp_path / "cut.pdparams").write_bytes((trained / "run/best_model/model.pdparams").read_bytes()[:5000])
    (tmp_path / "text.pdparams").write_text("hello")
    (tmp_path / "empty").mkdir()
    for path in ("other.pdparams", "cut.pdparams", "text.pdparams", "empty", "nowhere"):
        for tool in ("val", "predict", "export"):
            images = ("--image_path", trained / "data/train/fg") if tool == "predict" else ()
            outcome = run_tool(
                tool, "--config", trained / "config.yml", "--model_path", tmp_path / path,
                "--save_dir", tmp_path / "out", *images,
            )  # fmt: skip
            one_sentence(outcome, path.removesuffix(".pdparams"))
    without = run_tool("predict", "--config", trained / "config.yml", "--image_path", trained / "data/train/fg")
    one_sentence(without, "--model_path is missing")
    assert not list((tmp_path / "out").rglob("*.*"))


LONG = "x" * 300


@pytest.mark.parametrize("path", [LONG, LONG + ".pdparams", f"http://[::1/{LONG}", f"http://127.0.0.1:9/{LONG}"])
def test_weights_that_have_no_name(trained: Path, tmp_path: Path, path: str) -> None:
    for tool in ("val", "predict", "export"):
        images = ("--image_path", trained / "data/train/fg") if tool == "predict" else ()
        outcome = run_tool(
            tool, "--config", trained / "config.yml", "--model_path", path, "--save_dir", tmp_path / "out", *images
        )
        one_sentence(outcome, path[:50])


def test_configurations_that_have_no_name(trained: Path, tmp_path: Path) -> None:
    one_sentence(train(trained, tmp_path / "run", config=Path(LONG + ".yml")), LONG[:50])
    (tmp_path / "a.yml").symlink_to("b.yml")
    (tmp_path / "b.yml").symlink_to("a.yml")
    one_sentence(train(trained, tmp_path / "run", config=tmp_path / "a.yml"), "a.yml", "does not exist")
    one_sentence(train(trained, tmp_path / "run", "--opts", f"model.pretrained={LONG}"), "pretrained", LONG[:50])


@pytest.mark.parametrize("file", ["model.pdparams", "model.pdopt", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "empty"])
def test_checkpoints_cut_short_say_so(trained: Path, tmp_path: Path, file: str, damage: str) -> None:
    assert train(trained, tmp_path / "run").status == 0
    broken = tmp_path / "run/iter_1" / file
    content = broken.read_bytes()
    broken.unlink()
    if damage != "gone":
        broken.write_bytes(content[: len(content) // 2] if damage == "cut" else b"")
    outcome = train(trained, tmp_path / "run", "--iters", 2, "--resume_model", tmp_path / "run/iter_1")
    one_sentence(outcome, file)


def test_scores_that_have_no_place_are_refused_before_anything_is_scored(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("matting.evaluation.validation.evaluate", None)
    monkeypatch.setattr("matting.evaluation.folders.score_folder", None)
    (tmp_path / "file").write_bytes(b"")
    weights = ("--config", trained / "config.yml", "--model_path", trained / "run/best_model")
    one_sentence(run_tool("val", *weights, "--save_dir", tmp_path / "file/val"), "file/val", "cannot be written")
    mattes = trained / "data/train/alpha"
    for flag, ending in (("--csv", ".csv"), ("--report", ".html")):
        common = ("evaluate_mattes", "--alpha", mattes, "--pred", mattes, flag)
        one_sentence(run_tool(*common, tmp_path / f"file/scores{ending}"), "cannot be written")
        one_sentence(run_tool(*common, mattes / "0.png"), f"does not end in {ending}")
    outcome = run_tool("make_trimap", "--alpha_path", mattes, "--save_dir", tmp_path / "file/trimaps")
    one_sentence(outcome, "cannot be written")
    assert outcome.error.count("cannot be written") == 1


def test_results_that_have_no_place_stop_the_run_at_once(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for number in range(4):
        drawn.save(tmp_path / f"in/{number}.png", drawn.texture(40, 50))
    outcome = cut_out(trained, tmp_path / "in", tmp_path / "file/out")
    one_sentence(outcome, "file/out", "cannot be written")
    assert outcome.error.count("cannot be written") == 1
    one_sentence(train(trained, tmp_path / "file/run"), "file/run")
    val = ("--config", trained / "config.yml", "--model_path", trained / "run/best_model")
    one_sentence(run_tool("val", *val, "--save_dir", tmp_path / "file/val", "--save_results"), "file/val")
    one_sentence(run_tool("export", *val, "--save_dir", tmp_path / "file/export"), "file/export")


def test_a_cache_that_is_no_folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_bytes(b"")
    monkeypatch.setenv("MATTING_CACHE", str(tmp_path / "cache"))
    outcome = run_tool(
        "predict", "--config", trained / "config.yml", "--model_path", trained / "run/best_model",
        "--image_path", trained / "data/train/fg", "--save_dir", tmp_path / "out",
    )  # fmt: skip
    one_sentence(outcome, "cache", "MATTING_CACHE")


def test_a_locked_cache_is_waited_for_with_a_word(trained: Path, tmp_path: Path) -> None:
    from matting.system.locks import locked

    with locked(tmp_path / ".lock"):
        code = (
            "import logging, sys; sys.path.insert(0, sys.argv[2])\n"
            "logging.basicConfig(level=logging.INFO)\n"
            "from pathlib import Path; from matting.system.locks import locked\n"
            "with locked(Path(sys.argv[1])): print('mine')"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path / ".lock"), str(ROOT)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr is not None
        assert ".lock" in process.stderr.readline()
        assert process.poll() is None
    assert process.communicate(timeout=30)[0] == "mine\n"


def test_without_a_gpu(trained: Path, tmp_path: Path) -> None:
    for tool, more in (("train", ()), ("predict", ("--image_path", trained / "data/train/fg"))):
        outcome = run_tool(
            tool, "--config", trained / "config.yml", "--device", "gpu", "--save_dir", tmp_path / "out", *more,
            *(("--model_path", trained / "run/best_model", "--engine", "dynamic") if tool == "predict" else ()),
        )  # fmt: skip
        one_sentence(outcome, "--device cpu")
