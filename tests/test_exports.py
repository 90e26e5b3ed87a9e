"""Exports edited, broken, deleted, interrupted or sent to odd places: a sentence or the right matte, nothing else."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import paddle
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from matting import Predictor, builder, weights
from matting.deployment import cached, export, loading, quantisation
from matting.deployment.cached import cached_export
from matting.deployment.description import Deployment, open_predictor
from matting.engines import ENGINES, paddle_file
from matting.engines.network import Interface
from matting.errors import MattingError
from matting.pictures.files import quantise, write_png
from matting.sample import PictureFiles
from matting.system import filling
from tools import ROOT

VALUES = {"model": {"type": "Brightness"}, "val_dataset": {"transforms": [{"type": "Normalize"}]}}
PICTURE = np.full((8, 12, 3), 200, np.uint8)


class Brightness(paddle.nn.Layer):
    """The smallest network that has weights."""

    interface, outputs, jumps, ignored_keys = Interface(), ("alpha",), False, ()

    def __init__(self) -> None:
        super().__init__()
        self.mix = paddle.nn.Conv2D(3, 1, 1)

    def forward(self, image: paddle.Tensor) -> dict[str, paddle.Tensor]:
        return {"alpha": paddle.nn.functional.sigmoid(self.mix(image))}


@pytest.fixture(autouse=True, scope="module")
def brightness() -> Iterator[None]:
    """Let configurations stand for that network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder, "check", lambda _: None)
        patch.setattr(builder, "model", lambda *_, **__: Brightness())
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of weights, with the export of them beside."""
    folder = tmp_path_factory.mktemp("source")
    weights.write_weights(folder / "w.pdparams", {k: v.numpy() for k, v in Brightness().state_dict().items()})
    export.export(VALUES, folder / "w.pdparams", folder / "export")
    return folder


@pytest.fixture
def ours(source: Path, tmp_path: Path) -> Path:
    """An export to break."""
    return shutil.copytree(source / "export", tmp_path / "ours")


def rewrite(folder: Path, **changes: Any) -> None:
    """Edit the description of an export by hand; None removes a key."""
    content = yaml.safe_load((folder / "deploy.yml").read_text()) | changes
    text = yaml.safe_dump({key: value for key, value in content.items() if value is not ...})
    (folder / "deploy.yml").write_text(text)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("format", "1", "format"),
        ("model", 7, "model is 7; it must be a text"),
        ("outputs", ["matte"], r"outputs is \['matte'\]; it must be \[alpha\]"),
        ("inputs", "image", "inputs"),
        ("inputs", None, "inputs is None"),
        ("inputs", ["trimap"], r"\[image\] or \[image, trimap\]"),
        ("inputs", [["image"]], "inputs"),
        ("stride", 0, "stride is 0; it must be a whole number from 1"),
        ("stride", -32, "stride"),
        ("stride", "32", "stride is '32'"),
        ("stride", 1.5, "stride"),
        ("stride", True, "stride"),
        ("stride", 10**9, "stride"),
        ("smallest", None, "smallest"),
        ("smallest", [32], "smallest"),
        ("smallest", float("inf"), "smallest"),
        ("size", 64, "size is 64; it must be null, or"),
        ("size", [64], "size"),
        ("size", ["64", "64"], "size"),
        ("size", [0, 64], "size"),
        ("size", {"height": 64}, "size"),
        ("transforms", None, "transforms is None; it must be a list"),
        ("transforms", "Normalize", "transforms"),
        ("transforms", ["Normalize"], "transforms.0"),
        ("transforms", [{"type": "Normalise"}], "Normalise"),
        ("transforms", [{"type": "Normalize", "mean": "grey"}], "is no export"),
        ("transforms", [{"type": "Normalize", "mean": {"a": 1}}], "is no export"),
        ("transforms", [{"type": "ResizeByShort", "short_size": "64"}], "is no export"),
        ("weights_sha256", 12, "weights_sha256 is 12"),
        ("files", ["model.onnx"], "files"),
        ("files", {"model.onnx": 3}, "files"),
        ("files", {1: "0"}, "its key 1 is no text"),
        ("files", {"../model.onnx": "0"}, "lie in its own folder"),
        ("files", {"x" * 300: "0"}, "files"),
        ("files", {"model\0.onnx": "0"}, "files"),
        ("files", {}, "model.onnx is not listed in deploy.yml"),
        *((field, ..., f"it has no {field}") for field in ("model", "inputs", "stride", "size", "transforms", "files")),
    ],
)
def test_edited_descriptions_are_refused_by_field(ours: Path, field: str, value: Any, said: str) -> None:
    rewrite(ours, **{field: value})
    with pytest.raises(MattingError, match=said):
        open_predictor(ours, engine="onnxruntime")


def network_file(inputs: list[str], output: str, channels: int = 3) -> bytes:
    """Return an ONNX file that mixes its inputs' channels."""
    mix = numpy_helper.from_array(np.ones((1, channels, 1, 1), np.float32), "mix")
    kinds = {"image": channels, "picture": channels, "trimap": 1}
    nodes = [helper.make_node("Conv", [inputs[0], "mix"], ["mixed"])]
    nodes.append(helper.make_node("Sum", ["mixed", *inputs[1:]], [output]))
    graph = helper.make_graph(
        nodes, "strange",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", kinds[name], "h", "w"]) for name in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [mix],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (network_file(["image"], "matte"), "gives matte; it must take image and give alpha"),
        (network_file(["picture"], "alpha"), "takes picture"),
        (network_file(["image", "trimap"], "alpha"), "takes image, trimap"),
        (network_file(["image"], "alpha", channels=5), "cannot run"),
        (b"no network", "cannot run"),
        (b"", "cannot run"),
    ],
)
def test_networks_of_other_inputs_and_outputs_are_refused(ours: Path, engine: str, content: bytes, said: str) -> None:
    described = Deployment.read(ours)
    (ours / "model.onnx").write_bytes(content)
    described.write(ours)
    with pytest.raises(MattingError, match=said):
        open_predictor(ours, engine=engine)(PICTURE)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("name", ["model.json", "model.pdiparams"])
@pytest.mark.parametrize("change", ["gone", "cut", "empty", "zeros", "list"])
def test_broken_files_of_paddle_are_refused(ours: Path, name: str, change: str, listed: bool) -> None:
    right, described = (ours / name).read_bytes(), Deployment.read(ours)
    broken = {"cut": right[:-5], "empty": b"", "zeros": bytes(len(right)), "list": b"[1, 2]"}
    if change == "gone":
        (ours / name).unlink()
    else:
        (ours / name).write_bytes(broken[change])
    if listed:
        described.write(ours)
    with pytest.raises(MattingError, match=rf"{name}|model\.json"):
        open_predictor(ours, engine="paddle")(PICTURE)


def test_weights_of_no_tensor_are_refused(ours: Path) -> None:
    # What a full disk leaves where there was room for the program.
    (ours / "model.pdiparams").write_bytes(b"")
    with pytest.raises(MattingError, match="0 bytes, 0 of 2 tensors"):
        paddle_file.check(ours / "model.json", ours / "model.pdiparams")


@pytest.mark.parametrize(
    "dimensions",
    [b"\x10" + b"\xff" * 9 + b"\x01", b"\x10\x80", b"\x12\x01\x01", b"", (b"\x10" + b"\xff" * 8 + b"\x7f") * 9],
)
def test_strange_tensors_are_refused(ours: Path, dimensions: bytes) -> None:
    description = b"\x08\x05" + dimensions
    head = struct.pack("<IQIi", 0, 0, 0, len(description))
    (ours / "model.pdiparams").write_bytes(head + description + bytes(2))
    with pytest.raises(MattingError, match="does not hold Paddle's weights"):
        paddle_file.check(ours / "model.json", ours / "model.pdiparams")


@pytest.mark.parametrize("engine", ENGINES)
def test_an_export_deleted_while_it_is_used_goes_on(ours: Path, source: Path, engine: str) -> None:
    right = open_predictor(source / "export", engine=engine)
    predictor = open_predictor(ours, engine=engine)
    predictor(PICTURE)
    shutil.rmtree(ours)
    other = np.zeros((40, 16, 3), np.uint8)  # a size that no program was compiled for yet
    np.testing.assert_array_equal(predictor(other), right(other))


def test_the_next_process_takes_the_program_that_the_last_one_compiled(
    ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATTING_CACHE", str(tmp_path / "cache"))
    right = open_predictor(ours, engine="onnxruntime")(PICTURE)
    first = open_predictor(ours, engine="openvino")(PICTURE)
    (program,) = (tmp_path / "cache/programs").iterdir()
    with monkeypatch.context() as patch:
        patch.delattr(openvino.Core, "read_model")
        np.testing.assert_array_equal(open_predictor(ours, engine="openvino")(PICTURE), first)
    # Damage anywhere would give wrong numbers without a word.
    whole = program.read_bytes()
    for broken in (whole[: len(whole) // 2], whole[:-4] + b"\0\1\2\3", b"", bytes(100)):
        program.write_bytes(broken)
        np.testing.assert_array_equal(open_predictor(ours, engine="openvino")(PICTURE), first)
        assert program.read_bytes() != broken
    np.testing.assert_allclose(first, right, atol=1e-6)


def test_a_program_that_cannot_be_kept_is_compiled_all_the_same(
    ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("a file stands where the folder should")
    monkeypatch.setenv("MATTING_CACHE", str(tmp_path / "cache"))
    assert open_predictor(ours, engine="openvino")(PICTURE).shape == PICTURE.shape[:2]


def test_a_signal_is_answered_after_networks_went(source: Path) -> None:
    code = (
        "import pathlib, signal, sys; from matting.deployment.description import open_predictor\n"
        "first, second = (open_predictor(pathlib.Path(sys.argv[1]), engine='openvino') for _ in range(2))\n"
        "signal.signal(signal.SIGTERM, lambda *_: print('answered'))\n"
        "del first; del second\n"
        "signal.raise_signal(signal.SIGTERM)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(source / "export")],
        capture_output=True, text=True, timeout=120, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "answered\n"), done.stderr


def test_a_matte_does_not_depend_on_the_sizes_before_it(source: Path) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (*size, 3), np.uint8) for size in ((8, 12), (40, 16), (8, 12), (3, 5), (64, 64))]
    one = open_predictor(source / "export", engine="openvino")
    there = [one(picture) for picture in pictures]
    back = [one(picture) for picture in reversed(pictures)]
    for picture, alpha, again in zip(pictures, there, reversed(back), strict=True):
        np.testing.assert_array_equal(alpha, again)
        np.testing.assert_array_equal(alpha, open_predictor(source / "export", engine="openvino")(picture))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(source: Path, tmp_path: Path, value: float) -> None:
    state = weights.read_weights(source / "w.pdparams")
    state["mix.bias"] = np.full_like(state["mix.bias"], value)
    weights.write_weights(tmp_path / "w.pdparams", state)
    for engine in ("dynamic", "auto"):
        with pytest.raises(MattingError, match="mix.bias holds NaN or infinity"):
            loading.make_predictor(VALUES, tmp_path / "w.pdparams", loading.Runtime(engine))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda image: image[:, :1] * np.float32(np.nan), "not finite"),
        (lambda image: image, r"it must be \(1, 1, 8, 12\)"),
        (lambda image: image[:, :1, ::2], r"\(1, 1, 4, 12\)"),
    ],
)
def test_what_is_no_matte_is_refused(answer: Callable, said: str) -> None:
    class Network:
        interface = Interface()

        def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
            return {"alpha": answer(image)}

    with pytest.raises(MattingError, match=said):
        Predictor(Network(), [])(PICTURE)


def test_true_mattes_decide_on_an_int8_version_where_they_are_given(
    ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floating = open_predictor(ours)(PICTURE)
    level = 51 if floating.mean() > 0.5 else 204  # far from what the random weights give
    grey = np.full((8, 12), level, np.uint8)

    class Grey:
        interface = Interface()

        def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
            return {"alpha": grey[None, None] / np.float32(255)}

    monkeypatch.setattr(quantisation, "_quantise", lambda made_from, target, *_: target.write_bytes(b"eight"))
    monkeypatch.setattr(quantisation, "open_engine", lambda *_, **__: Grey())
    moved = np.abs(floating - grey / np.float32(255)).mean()
    photo, matte = tmp_path / "photo.png", tmp_path / "matte.png"
    write_png(photo, PICTURE)
    for truth, said in (
        (None, "--calibrate_alpha"), (quantise(floating), "from the true mattes by MAD"), (PICTURE[1:, :, 0], "12x7"),
    ):  # fmt: skip
        if truth is not None:
            write_png(matte, truth)
        with pytest.raises(MattingError, match=said):
            quantisation.calibrate(ours, [PictureFiles("photo", photo, None if truth is None else matte)])
        assert not (ours / "model_int8.onnx").exists()
    write_png(matte, grey)  # the truth lies where int8 has moved to
    found = quantisation.calibrate(ours, [PictureFiles("photo", photo, matte)])
    assert found.kept == 0 and found.errors == (pytest.approx(moved), pytest.approx(0, abs=1e-6))
    assert found.difference == pytest.approx(moved) and (ours / "model_int8.onnx").read_bytes() == b"eight"


def test_an_int8_version_is_there_when_it_was_accepted_only(
    ours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_png(tmp_path / "photo.png", PICTURE)
    before, tries = (ours / "deploy.yml").read_bytes(), []

    def quantised(made_from: Path, target: Path, *_: Any) -> None:
        tries.append(target)
        if len(tries) == 2:
            raise KeyboardInterrupt
        target.write_bytes(made_from.read_bytes())

    monkeypatch.setattr(quantisation, "_quantise", quantised)
    monkeypatch.setattr(quantisation, "BOUND", -1)  # the first is rejected, and Ctrl-C comes in the second
    with pytest.raises(KeyboardInterrupt):
        quantisation.calibrate(ours, [PictureFiles("photo", tmp_path / "photo.png")])
    assert len(tries) == 2 and (ours / "deploy.yml").read_bytes() == before
    with pytest.raises(MattingError, match="no model_int8.onnx"):
        open_predictor(ours, precision="int8")
    monkeypatch.setattr(quantisation, "BOUND", 1)
    quantisation.calibrate(ours, [PictureFiles("photo", tmp_path / "photo.png")])
    assert open_predictor(ours, precision="int8")(PICTURE).shape == (8, 12)
    assert sorted(path.name for path in ours.iterdir()) == [
        "deploy.yml", "model.json", "model.onnx", "model.pdiparams", "model_int8.onnx",
    ]  # fmt: skip


def test_an_empty_folder_is_filled_and_not_replaced(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As a mount point has to be, which can be neither removed nor renamed over.
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    monkeypatch.chdir(tmp_path / "folder")
    number = (tmp_path / "folder").stat().st_ino
    for given in (Path("."), tmp_path / "folder", tmp_path / "link"):
        export.export(VALUES, source / "w.pdparams", given)
        assert (tmp_path / "folder").stat().st_ino == number
        assert open_predictor(given)(PICTURE).shape == (8, 12)
        assert sorted(os.listdir(tmp_path)) == ["folder", "link"]
        for path in (tmp_path / "folder").iterdir():
            path.unlink()


@pytest.mark.parametrize("name", ["file", "file/export", "circle", "x" * 300, "full"])
def test_places_where_no_export_can_go(source: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    with pytest.raises(MattingError):
        export.export(VALUES, source / "w.pdparams", tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine" == (tmp_path / "full/notes.txt").read_text()
    assert sorted(os.listdir(tmp_path)) == ["circle", "file", "full"]


def test_half_exports_of_killed_runs_are_removed(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".export.4711.part").mkdir()
    (tmp_path / ".export.4711.part/model.onnx").write_bytes(b"half")
    (tmp_path / ".other.4711.part").mkdir()
    with filling.filling(tmp_path / "export") as living:
        (living / "model.onnx").write_bytes(b"in the making")
        export.export(VALUES, source / "w.pdparams", tmp_path / "export")
        assert (living / "model.onnx").read_bytes() == b"in the making"
    assert sorted(os.listdir(tmp_path)) == [".other.4711.part", "export"]

    monkeypatch.setenv("MATTING_CACHE", str(tmp_path / "cache"))
    folder = cached_export(VALUES, source / "w.pdparams")
    (folder.parent / ".0123.abc.part").mkdir()
    with filling.filling(folder.parent / "another") as living:
        assert cached_export(VALUES, source / "w.pdparams") == folder
        assert living.is_dir()
    assert sorted(os.listdir(folder.parent)) == [f".{folder.name}.lock", folder.name]


def test_a_process_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from matting.system.filling import filling\n"
        "with filling(Path(sys.argv[1])) as folder: print(folder.name, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "export")],
        stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    filling.remove_abandoned(tmp_path, "export")
    assert (tmp_path / name).is_dir()
    process.kill()
    process.communicate()
    filling.remove_abandoned(tmp_path, "export")
    assert not os.listdir(tmp_path)


def test_a_disk_that_fills_up_during_the_first_export(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATTING_CACHE", str(tmp_path))
    sizes = sorted(path.stat().st_size for path in (source / "export").iterdir())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        for limit in (0, *(size - 1 for size in sizes)):
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
            with pytest.raises(MattingError, match="MATTING_CACHE"):
                cached_export(VALUES, source / "w.pdparams")
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            assert [path.suffix for path in (tmp_path / "exports").iterdir()] == [".lock"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    Deployment.read(cached_export(VALUES, source / "w.pdparams"))


def test_a_disk_with_room_for_the_export_but_not_for_the_note(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def __getattr__(self, _: str) -> Any:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setenv("MATTING_CACHE", str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(cached, "locked", lambda _: contextlib.nullcontext(Full()))
        with pytest.raises(MattingError, match="No space left.*MATTING_CACHE"):
            cached_export(VALUES, source / "w.pdparams")
    Deployment.read(cached_export(VALUES, source / "w.pdparams"))
