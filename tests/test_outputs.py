"""What is written for a photograph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from matting.errors import MattingError
from matting.pictures.contact_sheet import checkerboard
from matting.pictures.files import Photograph, decode, read_image, write_png
from matting.prediction import backgrounds
from matting.prediction.backgrounds import Background
from matting.prediction.outputs import KINDS, Outputs

IMAGE = np.full((20, 30, 3), (200, 40, 40), np.uint8)
ALPHA = np.zeros((20, 30), np.float32)
ALPHA[5:15, 5:25] = 1


def test_every_kind_is_written_as_its_name_says(tmp_path: Path) -> None:
    outputs = Outputs(KINDS, background=Background((0, 0, 255)))
    outputs.write(tmp_path, "x.y", Photograph(IMAGE, IMAGE), ALPHA, np.full((20, 30), 128, np.uint8))
    files = {path.name: decode(path, 10**6) for path in tmp_path.iterdir()}
    assert sorted(files) == [f"x.y_{kind}.png" for kind in sorted(KINDS)]
    assert files["x.y_alpha.png"].shape == (20, 30)
    assert files["x.y_rgba.png"].shape == (20, 30, 4)
    assert files["x.y_side_by_side.png"].shape == (20, 90, 3)
    np.testing.assert_array_equal(files["x.y_side_by_side.png"][:5, 60:], checkerboard(20, 30, 16)[:5])
    composite = read_image(tmp_path / "x.y_composite.png")
    assert composite[10, 10].tolist() == [200, 40, 40] and composite[0, 0].tolist() == [0, 0, 255]


@pytest.mark.parametrize(("text", "colour"), [("#ff8000", (255, 128, 0)), ("1,2,3", (1, 2, 3))])
def test_a_background_colour_is_understood(text: str, colour: tuple[int, int, int]) -> None:
    assert backgrounds.parse(text).of_size(2, 3).tolist() == [[list(colour)] * 3] * 2


@pytest.mark.parametrize("text", ["#ff80", "1,2", "1,2,300", "gone.png", ""])
def test_any_other_background_is_refused(text: str) -> None:
    with pytest.raises(MattingError, match="--background"):
        backgrounds.parse(text)


def test_a_background_picture_covers_by_its_middle(tmp_path: Path) -> None:
    wide = np.zeros((10, 40, 3), np.uint8)
    wide[:, 10:30] = 255
    write_png(tmp_path / "b.png", wide)
    covered = backgrounds.parse(str(tmp_path / "b.png")).of_size(20, 40)
    assert covered.shape == (20, 40, 3) and covered.min() > 250


def test_unknown_choices_are_refused() -> None:
    for options, said in (({"kinds": ["mask"]}, "--save mask"), ({"kinds": []}, "--save names nothing"),
                          ({"fg_estimate": "ml"}, "--fg_estimate ml")):  # fmt: skip
        with pytest.raises(MattingError, match=said):
            Outputs(**options)


@pytest.mark.parametrize("estimate", ["none", "blur_fusion"])
def test_what_was_cut_away_cannot_be_had_back_from_the_cutout(tmp_path: Path, estimate: str) -> None:
    image, alpha = np.full((20, 30, 3), 99, np.uint8), ALPHA.copy()
    alpha[4] = 0.4 / 255  # rounds to 0 in the file
    alpha[15] = 1 / 255
    image.flags.writeable = alpha.flags.writeable = False
    Outputs(("rgba", "composite"), estimate).write(tmp_path, "x", Photograph(image, image), alpha)
    cutout = decode(tmp_path / "x_rgba.png", 10**6)
    assert not cutout[cutout[..., 3] == 0].any() and cutout[cutout[..., 3] > 0].all()
    assert (read_image(tmp_path / "x_composite.png")[5:15, 5:25] == 99).all()
