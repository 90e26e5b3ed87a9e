"""Results stay below their folder and never replace what is read, whatever lists and inputs are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import drawn
from matting.engines.network import Interface
from matting.errors import MattingError
from matting.prediction import arrays
from matting.prediction.jobs import find_jobs
from matting.prediction.trimap_files import make_trimaps
from matting.system.places import below, real_paths
from tools import one_sentence, run_tool


class Half:
    """A network that says one half everywhere."""

    interface = Interface()

    def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
        return {"alpha": np.full((1, 1, *image.shape[2:]), 0.5, np.float32)}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "sub/../../a.png", "..", ".", "", "link/a.png"])
def test_a_name_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/link").symlink_to(tmp_path)
    with pytest.raises(MattingError, match="results never leave"):
        below(tmp_path / "out", name)


def test_a_name_that_stays_is_taken_and_an_input_is_not_replaced(tmp_path: Path) -> None:
    assert below(tmp_path, "a/../b/c.png") == tmp_path / "a/../b/c.png"
    (tmp_path / "photo.png").symlink_to(tmp_path / "kept.png")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    inputs = real_paths([tmp_path / "photo.png", tmp_path / "sub/../other.png", tmp_path / "loop"])
    for name in ("photo.png", "kept.png", "other.png", "loop"):
        with pytest.raises(MattingError, match="would take its place"):
            below(tmp_path, name, inputs)
    assert below(tmp_path, "free.png", inputs) == tmp_path / "free.png"


@pytest.mark.parametrize("name", ["{folder}/in/a.npz", "../outside.npz", "a.npz"])
def test_arrays_are_not_run_onto_their_inputs_nor_out_of_their_folder(tmp_path: Path, name: str) -> None:
    for place in ("in/a.npz", "outside.npz"):
        arrays._save(tmp_path / place, {"image": np.zeros((1, 3, 4, 4), np.float32)})
    (tmp_path / "in/list.txt").write_text(name.format(folder=tmp_path))
    before = files(tmp_path)
    with pytest.raises(MattingError, match="--save_dir|results never leave"):
        arrays.run(Half(), tmp_path / "in/list.txt", tmp_path / "in")
    assert files(tmp_path) == before


def test_trimaps_do_not_replace_their_masks(tmp_path: Path) -> None:
    for name in ("a.png", "b.jpg"):
        drawn.save(tmp_path / name, np.rint(drawn.disc() * 255).astype(np.uint8))
    before = files(tmp_path)
    summary = make_trimaps(find_jobs(tmp_path), tmp_path)
    assert summary.written == 1 and len(summary.failures) == 1 and "a.png is read" in summary.failures[0]
    assert {name: files(tmp_path)[name] for name in before} == before and (tmp_path / "b.png").is_file()


def test_mattes_of_an_evaluation_do_not_replace_its_photographs(trained: Path, tmp_path: Path) -> None:
    data = drawn.dataset(tmp_path / "data", count=2)
    before = files(data)
    outcome = run_tool(
        "val", "--config", trained / "config.yml", "--model_path", trained / "run/best_model", "--save_dir", data,
        "--save_results", "--metrics", "MAD", "--opts", f"val_dataset.dataset_root={data}",
    )  # fmt: skip
    one_sentence(outcome, "0.png is read", "--save_dir")
    assert files(data) == before


def test_prepared_and_packed_sets_do_not_follow_links_out(tmp_path: Path) -> None:
    data = drawn.dataset(tmp_path / "data", count=2)
    (tmp_path / "elsewhere").mkdir()
    source = ("--dataset_root", data, "--num_workers", 0)
    assert run_tool("pack_data", "train.txt", *source, "--target", tmp_path / "packed").status == 0
    for path in [*(tmp_path / "packed/train/fg").iterdir(), tmp_path / "packed/train/fg"]:
        path.unlink() if path.is_file() else path.rmdir()
    (tmp_path / "packed/train/fg").symlink_to(tmp_path / "elsewhere")
    one_sentence(run_tool("pack_data", "train.txt", *source, "--target", tmp_path / "packed"), "results never leave")

    folders = ("folders", "--source", data / "train", "--images", "fg", "--alphas", "alpha", "--num_workers", 0)
    assert run_tool("prepare_data", *folders, "--target", tmp_path / "set").status == 0
    part = next(path.parent for path in (tmp_path / "set").rglob("fg"))
    for path in [*(part / "fg").iterdir(), part / "fg"]:
        path.unlink() if path.is_file() else path.rmdir()
    (part / "fg").symlink_to(tmp_path / "elsewhere")
    one_sentence(run_tool("prepare_data", *folders, "--target", tmp_path / "set"), "results never leave")
    assert not list((tmp_path / "elsewhere").iterdir())
