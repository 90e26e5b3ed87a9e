"""Mattes from trimaps without a network: what they must be, and the same by every way in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import drawn
import matting
import serving
from matting import serve
from matting.choices import CLASSIC
from matting.engines import classic
from matting.engines import guided as guiding
from matting.engines.guided import guided
from matting.errors import MattingError
from matting.pictures.files import read_image
from tools import ROOT, run_tool

FOREGROUND, BACKGROUND = (40, 200, 90), (200, 30, 20)


def ramp(height: int = 60, width: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a picture of two colours that fade into each other from left to right, its alpha, and its trimap."""
    alpha = np.tile(np.clip((np.arange(width) - 0.3 * width) / (0.4 * width), 0, 1).astype(np.float32), (height, 1))
    image = alpha[..., None] * FOREGROUND + (1 - alpha[..., None]) * BACKGROUND
    trimap = np.full(alpha.shape, 128, np.uint8)
    trimap[:, : width // 5], trimap[:, -width // 5 :] = 0, 255
    return np.rint(image).astype(np.uint8), alpha, trimap


def blob(height: int = 61, width: int = 90) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a disc of one texture before another, its alpha, and a trimap whose unknown region is a ring."""
    alpha = drawn.disc(height, width)
    layers = drawn.texture(height, width, 1) // 3 + 130, drawn.texture(height, width, 2) // 3
    image = alpha[..., None] * layers[0] + (1 - alpha[..., None]) * layers[1]
    trimap = np.full(alpha.shape, 128, np.uint8)
    trimap[cv2.erode((alpha == 1).astype(np.uint8), np.ones((5, 5))) > 0] = 255
    trimap[cv2.dilate((alpha > 0).astype(np.uint8), np.ones((5, 5))) == 0] = 0
    return np.rint(image).astype(np.uint8), alpha, trimap


def test_a_ramp_between_two_colours_is_found() -> None:
    image, alpha, trimap = ramp()
    np.testing.assert_allclose(matting.load("guided")(image, trimap), alpha, atol=0.01)


def test_a_grey_photograph_is_no_worse_than_a_coloured_one() -> None:
    image, alpha, trimap = ramp()
    grey = np.repeat(image[..., 1:2], 3, axis=2)
    np.testing.assert_allclose(matting.load("guided")(grey, trimap), alpha, atol=0.01)


def test_an_edge_is_found_between_textures() -> None:
    image, alpha, trimap = blob()
    found = matting.load("guided")(image, trimap)
    unknown = trimap == 128
    assert unknown.mean() > 0.2
    assert np.abs(found - alpha)[unknown].mean() < 0.02
    np.testing.assert_array_equal(found[~unknown], trimap[~unknown] / 255)
    assert found.dtype == np.float32 and found.min() == 0 and found.max() == 1


@pytest.mark.parametrize("turn", [np.flipud, np.fliplr, lambda layer: np.moveaxis(layer, 0, 1)])
def test_turning_commutes(turn: Any) -> None:
    image, _, trimap = blob()
    found = guided(turn(image).astype(np.float32), turn(trimap))
    np.testing.assert_allclose(found, turn(guided(image.astype(np.float32), trimap)), atol=2e-4)


def test_what_is_in_and_out_may_be_exchanged_and_so_may_colours() -> None:
    image, _, trimap = blob()
    found = guided(image.astype(np.float32), trimap)
    swapped = np.where(trimap == 128, 128, 255 - trimap).astype(np.uint8)
    np.testing.assert_allclose(guided(image.astype(np.float32), swapped), 1 - found, atol=1e-4)
    np.testing.assert_allclose(guided(image[..., ::-1].astype(np.float32), trimap), found, atol=1e-4)


@pytest.mark.parametrize("value", [0, 117, 255])
def test_a_picture_of_one_colour_spreads_what_is_known(value: int) -> None:
    _, _, trimap = ramp()
    found = matting.load("guided")(np.full((*trimap.shape, 3), value, np.uint8), trimap)
    assert np.isfinite(found).all() and (np.diff(found, axis=1) > -0.01).all()
    assert found[30, 20] < 0.2 and found[30, 60] > 0.8


@pytest.mark.parametrize("size", [(2, 3), (1, 70), (33, 1)])
def test_small_pictures_work(size: tuple[int, int]) -> None:
    trimap = np.full(size, 128, np.uint8)
    trimap.flat[0], trimap.flat[-1] = 0, 255
    found = matting.load("guided")(drawn.texture(*size), trimap)
    assert found.shape == size and found.flat[0] == 0 and found.flat[-1] == 1 and np.isfinite(found).all()


def laplacian(picture: np.ndarray, radius: int, epsilon: float) -> np.ndarray:
    """Return the matting Laplacian by its definition, window by window; windows end where the picture does."""
    height, width = picture.shape[:2]
    number = np.arange(height * width).reshape(height, width)
    matrix = np.zeros((number.size, number.size))
    for row in range(height):
        for column in range(width):
            window = (
                slice(max(row - radius, 0), row + radius + 1),
                slice(max(column - radius, 0), column + radius + 1),
            )
            colours, places = picture[window].reshape(-1, 3), number[window].ravel()
            apart = colours - colours.mean(axis=0)
            inverse = np.linalg.inv(apart.T @ apart / len(places) + epsilon * np.eye(3))
            agreement = (1 + apart @ inverse @ apart.T) / len(places)
            matrix[np.ix_(places, places)] += np.eye(len(places)) - agreement
    return matrix


def test_box_filters_are_the_matrix() -> None:
    picture = drawn.texture(11, 13).astype(np.float64) / 255
    alpha = np.random.default_rng(0).random((11, 13))
    matrix = laplacian(picture, guiding._RADIUS, guiding._EPSILON)
    by_filters = guiding._laplacian(picture)(alpha)
    np.testing.assert_allclose(by_filters.ravel(), matrix @ alpha.ravel(), atol=1e-6)


def test_with_steps_enough_the_system_is_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guiding, "_ROUNDS", 3000)
    monkeypatch.setattr(guiding, "_FINE_ENOUGH", 1e-22)
    image, _, trimap = blob(24, 30)
    matrix = laplacian(image / 255, guiding._RADIUS, guiding._EPSILON)
    unknown, known = (trimap == 128).ravel(), (trimap != 128).ravel()
    expected = trimap.ravel() / 255
    right = -matrix[np.ix_(unknown, known)] @ expected[known]
    expected[unknown] = np.linalg.solve(matrix[np.ix_(unknown, unknown)], right)
    found = guided(image.astype(np.float32), trimap).ravel()
    np.testing.assert_allclose(found, np.clip(expected, 0, 1), atol=2e-3)


def test_a_large_picture_is_solved_small_and_comes_back_large(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []
    monkeypatch.setattr(classic, "guided", lambda image, trimap: seen.append(image.shape) or trimap / 255)
    trimap = np.zeros((700, 2 * classic.LONGEST), np.uint8)
    trimap[:, 100:] = 128
    trimap[:, -100:] = 255
    alpha = matting.load("guided")(np.zeros((*trimap.shape, 3), np.uint8), trimap)
    assert seen == [(350, classic.LONGEST, 3)] and alpha.shape == trimap.shape
    assert classic.LONGEST**2 <= 2_000_000, "above which no edges are found at full size"


def test_a_trimap_that_knows_all_is_the_matte() -> None:
    _, alpha, _ = ramp()
    trimap = np.where(alpha > 0.5, 255, 0).astype(np.uint8)
    found = matting.load("guided")(drawn.texture(60, 80), trimap)
    np.testing.assert_array_equal(found, trimap / 255)


@pytest.mark.parametrize(("left", "words"), [(128, "knows no foreground"), (255, "knows no background")])
def test_a_trimap_that_knows_one_side_alone_is_refused(left: int, words: str) -> None:
    trimap = np.full((60, 80), 128, np.uint8)
    trimap[:, :10] = left
    with pytest.raises(MattingError, match=f"{words}.*mark some of both"):
        matting.load("guided")(drawn.texture(60, 80), trimap)


def test_a_trimap_is_needed_and_of_the_same_size() -> None:
    predictor = matting.load("guided")
    with pytest.raises(MattingError, match="needs a trimap"):
        predictor(drawn.texture(60, 80))
    with pytest.raises(MattingError, match="sizes must agree"):
        predictor(drawn.texture(60, 80), np.zeros((60, 81), np.uint8))


@pytest.mark.parametrize(
    ("runtime", "words"),
    [
        ({"engine": "openvino"}, "--engine openvino is for networks"),
        ({"precision": "int8"}, "--precision int8 is for networks"),
        ({"device": "gpu"}, "--device gpu is for networks"),
    ],
)
def test_what_is_for_networks_is_refused(runtime: dict[str, str], words: str) -> None:
    with pytest.raises(MattingError, match=words):
        matting.load("guided", **runtime)


def test_without_pymatting_its_methods_say_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classic.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MattingError, match="closed-form is computed by pymatting.*extra `classic`"):
        classic.ClassicNetwork("closed-form")
    assert classic.ClassicNetwork("guided").name == "guided"


def test_a_folder_of_that_name_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert classic.is_classic("knn") and classic.is_classic(Path("knn"))
    (tmp_path / "knn").mkdir()
    assert not classic.is_classic("knn")
    assert not classic.is_classic(None) and not classic.is_classic("modnet-photographic")


def test_a_method_has_no_weights_to_export_and_a_near_name_is_told() -> None:
    for config in (("--config", ROOT / "configs/modnet/modnet-mobilenetv2.yml"), ()):
        refused = run_tool("export", *config, "--model_path", "guided")
        assert refused.status == 1 and "method without a network" in refused.error
    with pytest.raises(MattingError, match="did you mean closed-form"):
        matting.load("closedform")
    assert "learning-based" in run_tool("download", "list").output


def test_what_a_method_cannot_do_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(image: np.ndarray, trimap: np.ndarray) -> np.ndarray:
        raise ValueError("it did not converge")

    monkeypatch.setattr(classic, "guided", fails)
    image, _, trimap = ramp()
    with pytest.raises(MattingError, match="guided found no matte: it did not converge; mark more"):
        matting.load("guided")(image, trimap)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    image, _, trimap = ramp()
    drawn.save(tmp_path / "photos/one.png", image)
    drawn.save(tmp_path / "trimaps/one.png", trimap)
    return tmp_path


def test_the_commands_cut_out_by_it(pictures: Path) -> None:
    def cut(*more: object) -> Any:
        return run_tool(
            "cut", pictures / "photos", "-o", pictures / "out", "--weights", "guided", "--trimap_path",
            pictures / "trimaps", "--kind", "alpha", "--precision", "auto", *more,
        )  # fmt: skip

    first = cut()
    assert first.status == 0, first.error
    image, _, trimap = ramp()
    expected = np.rint(255 * matting.load("guided")(image, trimap)).astype(np.uint8)
    written = cv2.imread(str(pictures / "out/one_cutout.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(written, expected)
    record = (pictures / "out/results.jsonl").read_text(encoding="utf-8")
    assert f"guided of matting {matting.__version__}" in record
    assert "were there already" in cut().output
    lacking = run_tool("cut", pictures / "photos", "-o", pictures / "out", "--weights", "guided")
    assert lacking.status == 1 and "guided needs a trimap for every image" in lacking.error
    predicted = run_tool(
        "predict", "--image_path", pictures / "photos", "--trimap_path", pictures / "trimaps", "--model_path", "guided",
        "--save_dir", pictures / "predicted",
    )  # fmt: skip
    assert predicted.status == 0, predicted.error
    assert read_image(pictures / "predicted/one_alpha.png")[..., 0].tolist() == expected.tolist()


def test_val_gives_it_a_row_of_its_own(trained: Path, tmp_path: Path) -> None:
    scored = run_tool(
        "val", "--config", trained / "config.yml", "--model_path", "guided", "--save_dir", tmp_path, "--metrics", "SAD"
    )
    assert scored.status == 0, scored.error
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["weights"] == {"path": "guided"} and manifest["engine"] == f"matting {matting.__version__}"
    assert "model" not in manifest["configuration"] and manifest["images"] == 3
    compared = run_tool("val", "--compare", tmp_path / "metrics.csv", tmp_path / "metrics.csv")
    assert compared.status == 0 and "3 images in both" in compared.output


def test_the_server_answers_by_it() -> None:
    image, _, trimap = ramp()
    predictor = matting.load("guided")
    api = serve.app(predictor)
    answer = serving.ask(api, "/alpha", files={"file": serving.content(image), "trimap": serving.content(trimap)})
    assert answer.status_code == 200, answer.text
    np.testing.assert_array_equal(
        serving.pixels_of(answer.content), np.rint(255 * predictor(image, trimap)).astype(np.uint8)
    )
    one_sided = serving.content(np.minimum(trimap, 128))
    refused = serving.ask(api, "/alpha", files={"file": serving.content(image), "trimap": one_sided})
    assert refused.status_code == 422 and "knows no foreground" in refused.json()["detail"]


BESIDE_PYMATTING = """
import json, sys
import numpy as np
import pymatting
import scipy.sparse
import matting
from test_classic import ramp
small, large = ramp(16, 20), ramp(41, 41)
functions = {
    "closed-form": (pymatting.estimate_alpha_cf, small), "knn": (pymatting.estimate_alpha_knn, small),
    "learning-based": (pymatting.estimate_alpha_lbdm, small), "large-kernel": (pymatting.estimate_alpha_lkm, large),
    "random-walk": (pymatting.estimate_alpha_rw, small),
}
found = {}
for name, (function, (image, alpha, trimap)) in functions.items():
    ours, unknown = matting.load(name)(image, trimap), trimap == 128
    theirs = function(image / 255.0, trimap / 255.0)
    known = bool((ours == trimap / np.float32(255))[~unknown].all())
    apart = float(np.abs(ours - theirs)[unknown].max())
    found[name] = [ours.dtype.name, known, apart, float(np.abs(ours - alpha).max())]
pymatting.ichol(scipy.sparse.csc_matrix([[1.0, 2.0], [2.0, 1.0]]), shifts=[0.0, 2.0])  # of which it tells otherwise
print(json.dumps(found))
"""


def test_pymatting_is_called_as_it_wants_to_be() -> None:
    # Without compiling it, which takes a minute; in a process of its own, as that is settled when it is imported.
    places = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": places}
    done = subprocess.run(
        [sys.executable, "-c", BESIDE_PYMATTING], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == set(CLASSIC) - {"guided"}
    for name, (kind, known, apart, error) in found.items():
        assert kind == "float32" and known and apart < 1e-6, name
        assert error < 0.02 or name not in ("closed-form", "large-kernel"), name
