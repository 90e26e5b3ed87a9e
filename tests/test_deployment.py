"""Exports: every engine computes what the network does, broken ones are refused, and the cache is used and mended."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import paddle
import pytest
import yaml

from demo.drawn_people import draw_portrait
from matting import builder, config, engines, weights
from matting.deployment import export
from matting.deployment.cached import cached_export
from matting.deployment.description import Deployment, open_predictor
from matting.deployment.export import TOLERANCE
from matting.deployment.loading import Runtime, make_predictor
from matting.errors import MattingError
from matting.pictures.files import read_alpha, write_png
from matting.prediction.record import RECORD
from matting.training import checkpoint
from tools import ROOT, run_tool

MODNET = """
model: {type: MODNet, hr_channels: 8, backbone: {type: MobileNetV2}}
val_dataset:
  type: MattingDataset
  dataset_root: .
  transforms: [{type: ResizeByShort, short_size: 64}, {type: ResizeToIntMult, mult_int: 32}, {type: Normalize}]
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration, weights, photographs, and the export of them."""
    folder = tmp_path_factory.mktemp("deployment")
    (folder / "modnet.yml").write_text(MODNET, encoding="utf-8")
    paddle.seed(0)
    network = builder.model(config.load(folder / "modnet.yml"))
    state = {key: value.numpy() for key, value in network.state_dict().items()}
    weights.write_weights(folder / "modnet.pdparams", state)
    for number in range(3):
        write_png(folder / f"photos/{number}.png", picture(number))
    outcome = run_tool("export", *given(folder), "--save_dir", folder / "export", "--calibrate", folder / "photos")
    # Of random weights eight bits may or may not suffice; the float export stands in either case.
    assert outcome.status == 0 or "int8 differs from float32" in outcome.error, outcome.error
    assert all(f"{engine}: at most" in outcome.output for engine in engines.installed())
    return folder


def picture(seed: int, height: int = 96, width: int = 80) -> np.ndarray:
    return draw_portrait(np.random.default_rng(seed), height, width)[0]


def given(folder: Path) -> tuple[object, ...]:
    return "--config", folder / "modnet.yml", "--model_path", folder / "modnet.pdparams"


@pytest.mark.parametrize("engine", engines.ENGINES)
def test_every_engine_agrees_with_the_dynamic_graph(exported: Path, engine: str) -> None:
    values = config.load(exported / "modnet.yml")
    dynamic = make_predictor(values, exported / "modnet.pdparams", Runtime("dynamic"))
    ours = open_predictor(exported / "export", engine=engine)
    for seed, size in enumerate([(96, 80), (70, 133), (64, 64), (200, 50), (33, 40), (96, 80)]):
        image = picture(seed, *size)
        np.testing.assert_allclose(ours(image), dynamic(image), atol=TOLERANCE)


def test_the_description_is_complete_and_plain(exported: Path) -> None:
    described = yaml.safe_load((exported / "export/deploy.yml").read_text(encoding="utf-8"))
    assert described["inputs"] == ["image"] and described["outputs"] == ["alpha"] and described["stride"] == 32
    assert [spec["type"] for spec in described["transforms"]] == ["ResizeByShort", "ResizeToIntMult", "Normalize"]
    assert {"model.onnx", "model.json", "model.pdiparams"} <= set(described["files"])
    import onnx

    model = onnx.load(exported / "export/model.onnx")
    shapes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {"image": ["batch", 3, "height", "width"], "alpha": ["batch", 1, "height", "width"]}


def test_a_changed_or_missing_file_is_refused(exported: Path, tmp_path: Path) -> None:
    import shutil

    broken = shutil.copytree(exported / "export", tmp_path / "export")
    with open(broken / "model.onnx", "ab") as file:
        file.write(b"\0")
    with pytest.raises(MattingError, match="was changed since the export"):
        Deployment.read(broken)
    (broken / "deploy.yml").write_text("format: 7")
    with pytest.raises(MattingError, match="its format is not 2"):
        Deployment.read(broken)
    with pytest.raises(MattingError, match="is no export"):
        Deployment.read(tmp_path)


def test_a_fixed_size_takes_that_size_alone(exported: Path, tmp_path: Path) -> None:
    fixed = run_tool("export", *given(exported), "--save_dir", tmp_path / "fixed", "--input_size", 96, 64)
    assert fixed.status == 0, fixed.error
    predictor = open_predictor(tmp_path / "fixed")
    assert predictor(picture(0)).shape == (96, 80)
    with pytest.raises(MattingError, match="takes pictures of 96x64 and got 64x64"):
        predictor.network(np.zeros((1, 3, 64, 64), np.float32))
    odd = run_tool("export", *given(exported), "--save_dir", tmp_path / "odd", "--input_size", 100, 64)
    assert odd.status == 1 and "multiples of 32" in odd.error and not (tmp_path / "odd").exists()
    again = run_tool("export", *given(exported), "--save_dir", tmp_path / "fixed")
    assert again.status == 1 and "holds something already" in again.error


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"engine": "tensorrt"}, "auto or one of"),
        ({"engine": "paddle", "precision": "int8"}, "openvino and onnxruntime"),
        ({"engine": "onnxruntime", "precision": "bf16"}, "openvino alone"),
        ({"precision": "fp16"}, "one of fp32, bf16, int8"),
    ],
)
def test_wrong_engines_and_precisions_say_what_there_is(exported: Path, options: dict, said: str) -> None:
    with pytest.raises(MattingError, match=said):
        open_predictor(exported / "export", **options)


def test_predictors_serve_several_threads(exported: Path) -> None:
    predictor = open_predictor(exported / "export")
    images = [picture(seed, 64 + 32 * (seed % 3), 96) for seed in range(12)]
    expected, found = [predictor(image) for image in images], {}

    def work(first: int) -> None:
        for index in range(first, 12, 3):
            found[index] = predictor(images[index])

    threads = [threading.Thread(target=work, args=(first,)) for first in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, alpha in enumerate(expected):
        np.testing.assert_array_equal(found[index], alpha)


def test_the_cache_is_filled_once_and_mended(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MATTING_CACHE", str(tmp_path))
    values = config.load(exported / "modnet.yml")
    folder = cached_export(values, exported / "modnet.pdparams")
    written = (folder / "model.onnx").stat().st_mtime_ns
    assert cached_export(values, exported / "modnet.pdparams") == folder
    assert (folder / "model.onnx").stat().st_mtime_ns == written
    (folder / "model.onnx").write_bytes(b"cut short")
    assert cached_export(values, exported / "modnet.pdparams") == folder
    Deployment.read(folder)
    assert [path.name for path in folder.parent.iterdir() if not path.name.endswith(".lock")] == [folder.name]


def test_a_cached_export_serves_only_what_it_was_checked_with(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MATTING_CACHE", str(tmp_path / "cache"))
    values = config.load(exported / "modnet.yml")
    other = config.load(exported / "modnet.yml")
    other["val_dataset"]["transforms"][-1] = {"type": "Normalize", "mean": [0.1, 0.1, 0.1]}
    checkpoint.save(tmp_path / "iter_1", builder.model(values), values, checkpoint.Progress())
    # A bare copy says nothing of how it was trained; its export must not serve the checkpoint, which does.
    (tmp_path / "model.pdparams").write_bytes((tmp_path / "iter_1/model.pdparams").read_bytes())
    assert cached_export(other, tmp_path / "model.pdparams").is_dir()
    with pytest.raises(MattingError, match="was trained with normalisation"):
        cached_export(other, tmp_path / "iter_1")


def test_a_cached_export_of_which_all_was_replaced_is_made_again(
    exported: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = config.load(exported / "modnet.yml")
    folder = cached_export(values, exported / "modnet.pdparams")
    replaced = (folder / "model.onnx").read_bytes() + b"\0"
    described = Deployment.read(folder)
    (folder / "model.onnx").write_bytes(replaced)
    described.write(folder)
    Deployment.read(folder)
    assert cached_export(values, exported / "modnet.pdparams") == folder
    assert (folder / "model.onnx").read_bytes() != replaced and "was changed since the export" in caplog.text


def test_prediction_from_a_filled_cache_imports_no_paddle(exported: Path, tmp_path: Path) -> None:
    first = run_tool("predict", *given(exported), "--image_path", exported / "photos", "--save_dir", tmp_path / "a")
    assert first.status == 0, first.error
    program = (
        "import sys, runpy; sys.path.insert(0, 'tools'); sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit as end: print('status', end.code)\n"
        "print('paddle' in sys.modules, 'paddleseg' in sys.modules)"
    )
    arguments = [*given(exported), "--image_path", exported / "photos", "--save_dir", tmp_path / "b"]
    second = subprocess.run(
        [sys.executable, "-c", program, "tools/predict.py", *map(str, arguments)],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True,
    )  # fmt: skip
    assert second.stdout.endswith("status 0\nFalse False\n"), second.stdout + second.stderr
    for number in range(3):
        one, two = (read_alpha(tmp_path / run / f"{number}_alpha.png") for run in "ab")
        np.testing.assert_array_equal(one, two)


def test_predict_takes_an_export_without_configuration(exported: Path, tmp_path: Path) -> None:
    photos = ("--image_path", exported / "photos", "--save_dir", tmp_path)
    outcome = run_tool("predict", "--model_path", exported / "export", *photos)
    assert outcome.status == 0, outcome.error
    outcome = run_tool("predict", "--model_path", exported / "modnet.pdparams", *photos)
    assert outcome.status == 1 and "--config is missing" in outcome.error


def test_a_stopped_run_goes_on(exported: Path, tmp_path: Path) -> None:
    run = ("predict", "--model_path", exported / "export", "--image_path", exported / "photos", "--save_dir", tmp_path)
    assert run_tool(*run).status == 0
    (tmp_path / "1_rgba.png").unlink()
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    outcome = run_tool(*run, "--skip_existing")
    assert "1 of 3 pictures cut out, 2 were there already" in outcome.output
    after = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert before.pop(RECORD) and after.pop(RECORD)
    assert len(after) == 6 and all(after[name] == before[name] for name in before if not name.startswith("1_"))


def test_backgrounds_are_replaced(exported: Path, tmp_path: Path) -> None:
    run = ("bg_replace", "--model_path", exported / "export", "--image_path", exported / "photos/0.png")
    green = run_tool(*run, "--save_dir", tmp_path, "--background", "#00ff00")
    assert green.status == 0 and (tmp_path / "0_composite.png").is_file()
    clear = run_tool(*run, "--save_dir", tmp_path, "--background", "transparent")
    assert clear.status == 0 and (tmp_path / "0_rgba.png").is_file()
    picture_behind = run_tool(*run, "--save_dir", tmp_path, "--background", exported / "photos/1.png")
    assert picture_behind.status == 0
    wrong = run_tool(*run, "--save_dir", tmp_path, "--background", "gren")
    assert wrong.status == 1 and "#rrggbb" in wrong.error
    sheet = run_tool("predict", *run[1:], "--save_dir", tmp_path, "--save", "side_by_side")
    assert sheet.status == 0 and (tmp_path / "0_side_by_side.png").is_file()


def test_arrays_go_out_and_come_back_as_predict_makes_them(exported: Path, tmp_path: Path) -> None:
    model, photos = ("--model_path", exported / "export"), ("--image_path", exported / "photos")
    packed = run_tool("npz", "pack", *model, *photos, "--save_dir", tmp_path / "in")
    assert packed.status == 0, packed.error
    assert (tmp_path / "in/datalist.txt").read_text() == "0.npz\n1.npz\n2.npz\n"
    done = run_tool("npz", "run", *model, "--datalist", tmp_path / "in/datalist.txt", "--save_dir", tmp_path / "out")
    assert done.status == 0, done.error
    back = run_tool("npz", "unpack", *model, *photos, "--results", tmp_path / "out", "--save_dir", tmp_path / "mattes")
    assert back.status == 0, back.error
    predicted = run_tool("predict", *model, *photos, "--save_dir", tmp_path / "predicted", "--save", "alpha")
    assert predicted.status == 0
    for number in range(3):
        one = read_alpha(tmp_path / f"mattes/{number}.png")
        np.testing.assert_array_equal(one, read_alpha(tmp_path / f"predicted/{number}_alpha.png"))
    (tmp_path / "out/1.npz").unlink()
    gone = run_tool("npz", "unpack", *model, *photos, "--results", tmp_path / "out", "--save_dir", tmp_path / "mattes")
    assert gone.status == 1 and "1.npz cannot be used" in gone.error


class Brightness(paddle.nn.Layer):
    """The smallest network there is: how bright a pixel is, as its alpha."""

    interface, jumps = engines.Interface(("image",), 1, 1), False

    def forward(self, image: paddle.Tensor) -> dict[str, paddle.Tensor]:
        return {"alpha": paddle.nn.functional.sigmoid(image.mean(axis=1, keepdim=True))}


@pytest.mark.parametrize(
    ("jumps", "share", "off", "stands"),
    [(False, 1, 5e-5, True), (False, 0.001, 5e-3, False), (True, 0.001, 5e-3, True), (True, 0.5, 5e-3, False)],
)
def test_exports_that_are_off_are_refused(
    monkeypatch: pytest.MonkeyPatch, jumps: bool, share: float, off: float, stands: bool
) -> None:
    network, rng = Brightness(), np.random.default_rng(0)
    network.jumps = jumps

    def engine(image: np.ndarray) -> dict[str, np.ndarray]:
        alpha = network(paddle.to_tensor(image))["alpha"].numpy()
        return {"alpha": alpha + np.where(rng.random(alpha.shape) < share, np.float32(off), 0)}

    monkeypatch.setattr(export, "installed", lambda: ("abacus",))
    monkeypatch.setattr(export, "open_engine", lambda *_: engine)
    interface = engines.Interface(("image",), 1, 1, None)
    engine.interface = interface
    if stands:
        assert export.verify(network, Path(), interface)["abacus"] < off * 1.01
    else:
        with pytest.raises(MattingError, match="off in abacus, more than"):
            export.verify(network, Path(), interface)


@pytest.mark.parametrize("wrong", [0.5, np.nan])
def test_everything_that_a_network_draws_is_compared(monkeypatch: pytest.MonkeyPatch, wrong: float) -> None:
    """Not alpha alone, which may be right where classes are not, and no number passes for none."""

    class Classes(Brightness):
        jumps = True

        def forward(self, image: paddle.Tensor) -> dict[str, paddle.Tensor]:
            return {"alpha": super().forward(image)["alpha"], "trimap": paddle.nn.functional.softmax(image, axis=1)}

    network, interface = Classes(), engines.Interface(("image",), 1, 1, outputs=("alpha", "trimap"))
    network.interface = interface

    def engine(image: np.ndarray) -> dict[str, np.ndarray]:
        outputs = {name: value.numpy() for name, value in network(paddle.to_tensor(image)).items()}
        outputs["trimap"][0, 0, 0] += shift
        return outputs

    monkeypatch.setattr(export, "installed", lambda: ("abacus",))
    monkeypatch.setattr(export, "open_engine", lambda *_: engine)
    engine.interface = interface
    shift = 0.0
    assert export.verify(network, Path(), interface)["abacus"] < 1e-6
    network.to(dtype="float32")
    shift = wrong
    with pytest.raises(MattingError, match="off in abacus, more than"):
        export.verify(network, Path(), interface)
