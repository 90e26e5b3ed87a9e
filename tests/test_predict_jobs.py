"""Which photographs are cut out, and what their results are called."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from matting.engines.network import Interface
from matting.errors import MattingError
from matting.pictures.files import read_alpha, read_image, write_png
from matting.prediction.jobs import find_jobs
from matting.prediction.outputs import Outputs
from matting.prediction.pipeline import predict
from matting.prediction.record import RECORD
from matting.predictor import Predictor


class Bright:
    """A network of one rule: what is bright is foreground."""

    interface = Interface(("image",), 1, 1)

    def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
        return {"alpha": (image[:, :1] > 127).astype(np.float32)}


def picture(path: Path, value: int = 200, size: tuple[int, int] = (4, 6)) -> Path:
    write_png(path, np.full((*size, 3), value, np.uint8))
    return path


def stems(jobs) -> list[str]:
    return [job.name for job in jobs]


def test_a_folder_is_mirrored_and_no_two_inputs_share_a_result(tmp_path: Path) -> None:
    for name in ("a.png", "sub/a.png", "sub/b.png"):
        picture(tmp_path / name)
    picture(tmp_path / "sub/b.PNG")
    picture(tmp_path / "sub/b.PNG.png")
    assert stems(find_jobs(tmp_path)) == ["a", "sub/a", "sub/b.PNG", "sub/b.PNG.png", "sub/b.png"]


def test_a_list_may_reach_anywhere_but_results_stay_below_the_output(tmp_path: Path) -> None:
    picture(tmp_path / "one/a.png")
    picture(tmp_path / "two/甲 乙.png")
    (tmp_path / "lists").mkdir()
    listed = tmp_path / "lists/all.txt"
    listed.write_bytes(f"\ufeff../one/a.png\r\n\r\n{tmp_path}/two/甲 乙.png\r\n".encode())
    jobs = find_jobs(listed)
    assert stems(jobs) == ["one/a", "two/甲 乙"]
    assert predict(Predictor(Bright(), []), jobs, tmp_path / "out").written == 2
    assert (tmp_path / "out/two/甲 乙_alpha.png").is_file()


def test_results_below_the_images_are_no_inputs(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    predict(Predictor(Bright(), []), find_jobs(tmp_path), tmp_path / "out")
    assert stems(find_jobs(tmp_path, save_dir=tmp_path / "out")) == ["a"]


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_list_or_folder_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "list.txt").write_text(content)
    with pytest.raises(MattingError, match="empty"):
        find_jobs(tmp_path / "list.txt")
    (tmp_path / "folder").mkdir()
    with pytest.raises(MattingError, match="holds no image"):
        find_jobs(tmp_path / "folder")
    with pytest.raises(MattingError, match="does not exist"):
        find_jobs(tmp_path / "gone")


def test_a_broken_file_is_named_skipped_and_counted(tmp_path: Path) -> None:
    picture(tmp_path / "in/good.png")
    (tmp_path / "in/text.jpg").write_text("no picture")
    summary = predict(Predictor(Bright(), []), find_jobs(tmp_path / "in"), tmp_path / "out")
    assert summary.written == 1
    assert len(summary.failures) == 1 and "text.jpg" in summary.failures[0]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["good_alpha.png", "good_rgba.png", RECORD]


def test_trimaps_pair_by_relative_path(tmp_path: Path) -> None:
    for name in ("x/a.png", "y/a.png"):
        picture(tmp_path / "in" / name)
        write_png(tmp_path / "trimaps" / name, np.zeros((4, 6), np.uint8))
    jobs = find_jobs(tmp_path / "in", tmp_path / "trimaps")
    assert [job.trimap for job in jobs] == [tmp_path / "trimaps/x/a.png", tmp_path / "trimaps/y/a.png"]
    (tmp_path / "trimaps/y/a.png").unlink()
    with pytest.raises(MattingError, match="1 of 2 images have no trimap"):
        find_jobs(tmp_path / "in", tmp_path / "trimaps")


@pytest.mark.parametrize("keeps", [False, True])
def test_the_cutout_keeps_the_colours_and_holds_the_matte(tmp_path: Path, keeps: bool) -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
    write_png(tmp_path / "a.png", image)
    outputs = Outputs(keep_hidden_colours=keeps)
    predict(Predictor(Bright(), []), find_jobs(tmp_path / "a.png"), tmp_path / "out", outputs=outputs)
    shown = image if keeps else np.where(image[..., :1] > 127, image, 0)
    np.testing.assert_array_equal(read_image(tmp_path / "out/a_rgba.png"), shown)
    np.testing.assert_array_equal(read_alpha(tmp_path / "out/a_rgba.png"), image[..., 0] > 127)
