"""What is written for a photograph."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from matting.choices import KINDS
from matting.errors import MattingError
from matting.pictures.contact_sheet import checkerboard
from matting.pictures.encoding import Format
from matting.pictures.files import Photograph, decode, read_image, write_png
from matting.prediction import backgrounds
from matting.prediction.backgrounds import Background
from matting.prediction.framing import Framing
from matting.prediction.outputs import Outputs

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


@pytest.mark.parametrize(
    ("text", "colour"),
    [
        ("white", (255, 255, 255)), ("Black", (0, 0, 0)), ("green", (0, 128, 0)), ("lime", (0, 255, 0)),
        ("r", (255, 0, 0)), ("g", (0, 255, 0)), ("b", (0, 0, 255)), ("w", (255, 255, 255)),
        ("#fff", (255, 255, 255)), ("#1a2", (17, 170, 34)), ("#FF8000", (255, 128, 0)), ("0, 0,9", (0, 0, 9)),
    ],
)  # fmt: skip
def test_colours_have_names_and_letters(text: str, colour: tuple[int, int, int]) -> None:
    assert backgrounds.parse(text) == Background(colour)


@pytest.mark.parametrize("text", ["#ffff", "#ggg", "1,2,3,4", "-1,2,3", "hsl(0,100%,50%)", "blurry", "gren"])
def test_what_is_no_colour_is_refused(text: str) -> None:
    with pytest.raises(MattingError, match="is neither a colour .* nor blur, nor the path"):
        backgrounds.parse(text)


def test_each_photograph_gets_its_own_background_of_a_folder(tmp_path: Path) -> None:
    for number in range(5):
        write_png(tmp_path / f"bg/{number}.png", np.full((8, 8, 3), 10 * number, np.uint8))
    outputs = Outputs(("composite",), background=backgrounds.parse(str(tmp_path / "bg")))
    names = [f"day {day}/{number}" for day in "12" for number in range(20)]

    def chosen(outputs: Outputs) -> dict[str, int]:
        photograph = Photograph(IMAGE, IMAGE)
        return {name: outputs.render(photograph, ALPHA, name=name)["composite"][0, 0, 0] // 10 for name in names}

    first = chosen(outputs)
    assert set(first.values()) == set(range(5))
    assert chosen(Outputs(("composite",), background=backgrounds.parse(str(tmp_path / "bg")))) == first
    before = outputs.background.identity()
    (tmp_path / "bg/2.png").unlink()
    fewer = backgrounds.parse(str(tmp_path / "bg"))
    assert fewer.identity() != before
    kept = chosen(Outputs(("composite",), background=fewer))
    assert all(kept[name] == number for name, number in first.items() if number != 2)
    (tmp_path / "empty").mkdir()
    with pytest.raises(MattingError, match="empty holds no picture"):
        backgrounds.parse(str(tmp_path / "empty"))


@pytest.mark.parametrize("size", [(300, 200), (40, 900), (7, 5)])
def test_a_person_is_not_in_the_blur_behind_them(size: tuple[int, int]) -> None:
    """A red person before a wall that goes from blue to green: no red anywhere, and the wall where it was."""
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    share = columns / (width - 1)
    wall = np.dstack((np.zeros_like(share), 200 * share, 200 * (1 - share)))
    alpha = np.clip((min(size) / 4 - np.hypot(rows - height / 2, columns - width / 2)) / 4 + 0.5, 0, 1)
    image = np.rint(alpha[..., None] * (255, 0, 0) + (1 - alpha[..., None]) * wall).astype(np.uint8)
    blurred = backgrounds.Blur().blurred(image, alpha.astype(np.float32))
    assert blurred.shape == image.shape and blurred.dtype == np.uint8
    assert blurred[..., 0].max() <= 2
    far = alpha == 0
    if min(size) > 30:
        assert np.abs(blurred[far].astype(float) - wall[far]).mean() < 6
    everywhere = backgrounds.Blur().blurred(image, np.ones(size, np.float32))
    assert everywhere.shape == image.shape  # there is nothing else to blur


def test_a_stronger_blur_is_smoother() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    nobody = np.zeros((200, 200), np.float32)
    spreads = [backgrounds.Blur(strength).blurred(noise, nobody).std() for strength in (0.005, 0.02, 0.1)]
    assert spreads[0] > 2 * spreads[1] > 4 * spreads[2] > 0
    assert backgrounds.Blur(0.1).identity() != backgrounds.Blur().identity()


def test_pixels_bytes_and_files_are_the_same(tmp_path: Path) -> None:
    soft = np.linspace(0, 1, ALPHA.size, dtype=np.float32).reshape(ALPHA.shape)
    photograph, trimap = Photograph(IMAGE, IMAGE), np.full(ALPHA.shape, 128, np.uint8)
    for name in ("png", "webp", "tiff"):
        outputs = Outputs(KINDS, format=Format(name, lossless=name == "webp"), pattern="{kind}/{stem}.{ext}")
        pixels = outputs.render(photograph, soft, trimap)
        contents = outputs.encode(photograph, soft, trimap)
        outputs.write(tmp_path, "sub/x", photograph, soft, trimap)
        assert list(pixels) == list(contents) == list(KINDS)
        for kind, path in outputs.paths(tmp_path / "sub/x").items():
            assert path == tmp_path / f"sub/{kind}/x.{outputs.format.ending}"
            assert path.read_bytes() == contents[kind]
            read = decode(path, 10**6)
            if read.ndim > pixels[kind].ndim:
                read = read[..., 0]
            np.testing.assert_array_equal(read, pixels[kind])


def test_a_tiff_has_the_matte_in_sixteen_bits() -> None:
    soft = np.linspace(0, 1, ALPHA.size, dtype=np.float32).reshape(ALPHA.shape)
    found = Outputs(("alpha", "rgba", "composite"), format=Format("tiff")).render(Photograph(IMAGE, IMAGE), soft)
    for matte in (found["alpha"], found["rgba"][..., 3]):
        assert matte.dtype == np.uint16 and np.abs(matte / 65535 - soft).max() < 0.51 / 65535
    opaque = soft == 1
    assert (found["rgba"][opaque, :3] == IMAGE[opaque].astype(int) * 257).all()
    assert found["composite"].dtype == np.uint8
    eight = Outputs(("rgba",), format=Format("tiff", bits=8)).render(Photograph(IMAGE, IMAGE), soft)["rgba"]
    np.testing.assert_array_equal(eight, Outputs(("rgba",)).render(Photograph(IMAGE, IMAGE), soft)["rgba"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"format": Format("jpeg")}, "--save alpha: jpeg holds no transparency and changes values"),
        ({"format": Format("jpeg"), "kinds": ("composite", "rgba")}, "--save rgba: jpeg"),
        ({"pattern": "x.{ext}"}, "without {stem} all photographs would get one name"),
        ({"pattern": "{stem}.{ext}"}, "alpha and rgba would get one name; add {kind}"),
        ({"pattern": "{stem}_{kind}"}, "files of png end in .png; end it in .{ext}"),
        ({"pattern": "{stem}_{kind}.jpg"}, "files of png end in .png"),
        ({"pattern": "{stem.parent}_{kind}.{ext}"}, "no other braces"),
        ({"pattern": "{stem!r}_{kind}.{ext}"}, "no other braces"),
        ({"pattern": "{stem:>9}_{kind}.{ext}"}, "no other braces"),
        ({"pattern": "{stem}_{kind}_{0}.{ext}"}, "no other braces"),
        ({"pattern": "{stem}_{kind.{ext}"}, "no other braces"),
        ({"pattern": "../{stem}_{kind}.{ext}"}, "results lie below their folder"),
        ({"pattern": "/tmp/{stem}_{kind}.{ext}"}, "results lie below their folder"),
    ],
)
def test_results_that_cannot_be_written_so_are_refused(options: dict, said: str) -> None:
    with pytest.raises(MattingError, match=re.escape(said)):
        Outputs(**options)


def test_names_follow_the_pattern() -> None:
    one = Outputs(("rgba",), pattern="{stem}_cutout.{ext}", format=Format("webp"))
    assert one.paths(Path("a/b.c")) == {"rgba": Path("a/b.c_cutout.webp")}
    assert Outputs(("composite",), pattern="{stem}.JPG", format=Format("jpeg")).paths(Path("x")) == {
        "composite": Path("x.JPG")
    }


def test_every_setting_that_changes_a_file_is_in_its_settings(tmp_path: Path) -> None:
    write_png(tmp_path / "b.png", IMAGE)
    every = [
        Outputs(KINDS), Outputs(KINDS, "none"), Outputs(KINDS, keep_hidden_colours=True),
        Outputs(KINDS, background=Background((0, 0, 0))), Outputs(KINDS, background=backgrounds.Blur()),
        Outputs(KINDS, background=backgrounds.parse(str(tmp_path))), Outputs(KINDS, format=Format("webp")),
        Outputs(KINDS, format=Format("tiff", premultiplied=True)), Outputs(KINDS, framing=Framing(crop=True)),
    ]  # fmt: skip
    texts = [json.dumps(outputs.settings("composite")) for outputs in every]
    assert texts[2] != texts[0] and len(set(texts)) == len(every)
    assert [json.dumps(outputs.settings("alpha")) for outputs in every].count("{}") == 6
    assert every[0].settings("rgba") == {"fg_estimate": "blur_fusion", "keep_hidden_colours": False}
