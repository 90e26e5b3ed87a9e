"""Which part of a photograph is shown, and how large."""

from __future__ import annotations

import logging
from typing import Any

import cv2
import numpy as np
import pytest

import drawn
from matting.choices import KINDS
from matting.composite import composite
from matting.errors import MattingError
from matting.pictures.files import Photograph, quantise
from matting.prediction.backgrounds import Background, Blur
from matting.prediction.framing import WHOLE, Framing
from matting.prediction.outputs import Outputs

HEIGHT, WIDTH = 90, 120
IMAGE = drawn.texture(HEIGHT, WIDTH)
PHOTOGRAPH = Photograph(IMAGE, IMAGE)
ALPHA = np.zeros((HEIGHT, WIDTH), np.float32)
ALPHA[20:61, 30:81] = drawn.disc(41, 51)
TOP, LEFT, BOTTOM, RIGHT = (int(side) for side in (
    *np.argwhere(ALPHA > 0).min(0), *(np.argwhere(ALPHA > 0).max(0) + 1)))  # fmt: skip


def rendered(framing: Framing, kinds: tuple[str, ...] = ("alpha", "rgba"), **options: Any) -> dict[str, np.ndarray]:
    return Outputs(kinds, framing=framing, **options).render(PHOTOGRAPH, ALPHA)


def test_nothing_asked_for_is_the_photograph_as_it_is() -> None:
    frame = WHOLE.frame(quantise(ALPHA))
    assert frame.show(IMAGE) is not None and np.shares_memory(frame.show(IMAGE), IMAGE)
    np.testing.assert_array_equal(rendered(WHOLE)["alpha"], quantise(ALPHA))
    assert WHOLE.settings() == {}


@pytest.mark.parametrize("margin", [0, 1, 7, "10%", 500])
def test_a_crop_holds_the_subject_and_its_margin(margin: int | str) -> None:
    every = rendered(WHOLE, KINDS[:4])
    found = rendered(Framing(crop=True, margin=margin), KINDS[:4])
    room = {"10%": round(max(BOTTOM - TOP, RIGHT - LEFT) / 10)}.get(str(margin)) or int(str(margin).rstrip("%"))
    rows, columns = slice(max(TOP - room, 0), BOTTOM + room), slice(max(LEFT - room, 0), RIGHT + room)
    for kind in ("alpha", "rgba", "composite"):
        np.testing.assert_array_equal(found[kind], every[kind][rows, columns])
    assert np.count_nonzero(found["alpha"]) == np.count_nonzero(every["alpha"])
    assert found["side_by_side"].shape == (found["alpha"].shape[0], 3 * found["alpha"].shape[1], 3)


def test_specks_that_nobody_sees_do_not_widen_a_crop() -> None:
    alpha = ALPHA.copy()
    alpha[2, 110], alpha[80, 3] = 2 / 255, 1 / 255
    found = Outputs(("alpha",), framing=Framing(crop=True)).render(PHOTOGRAPH, alpha)["alpha"]
    np.testing.assert_array_equal(found, rendered(Framing(crop=True))["alpha"])
    alpha[80, 3] = 3 / 255  # 1 % is seen
    wider = Outputs(("alpha",), framing=Framing(crop=True)).render(PHOTOGRAPH, alpha)["alpha"]
    assert wider.shape[0] > found.shape[0] and wider[-1, 0] == 3


def test_the_tightest_crop_has_the_subject_at_every_edge() -> None:
    alpha = rendered(Framing(crop=True))["alpha"]
    assert all(edge.any() for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1]))


@pytest.mark.parametrize("canvas", [(100, 100), (301, 40), (7, 500), (1, 1), (64, 64)])
@pytest.mark.parametrize("position", ["center", "bottom"])
@pytest.mark.parametrize("margin", [0, 5, "20%"])
def test_a_canvas_has_its_size_and_the_subject_where_it_belongs(
    canvas: tuple[int, int], position: str, margin: int | str
) -> None:
    width, height = canvas
    alpha = np.zeros_like(ALPHA)
    alpha[20:60, 30:80] = 1
    framing = Framing(canvas=canvas, position=position, margin=margin)
    for pixels in Outputs(("alpha", "rgba", "composite"), framing=framing).render(PHOTOGRAPH, alpha).values():
        assert pixels.shape[:2] == (height, width)
    found = Outputs(("alpha",), framing=framing).render(PHOTOGRAPH, alpha)["alpha"]
    top, left = np.argwhere(found).min(0)
    below, right = np.array([height, width]) - 1 - np.argwhere(found).max(0)
    assert abs(left - right) <= 1 and (below == 0 if position == "bottom" else abs(top - below) <= 1)
    # The side that is fullest has room for the margin, and for nothing else.
    room = {5: 5, 0: 0, "20%": 10}[margin]
    scale = min(width / (50 + 2 * room), height / (40 + room * (1 if position == "bottom" else 2)))
    if scale * 40 >= 1:
        assert width - left - right == pytest.approx(50 * scale, abs=1)
        assert height - top - below == pytest.approx(40 * scale, abs=1)


def test_the_longest_side_is_bounded_and_nothing_enlarged() -> None:
    assert rendered(Framing(max_size=60))["rgba"].shape == (45, 60, 4)
    assert rendered(Framing(max_size=1))["alpha"].shape == (1, 1)
    np.testing.assert_array_equal(rendered(Framing(max_size=500))["rgba"], rendered(WHOLE)["rgba"])
    cropped = rendered(Framing(crop=True, max_size=20))["alpha"]
    assert max(cropped.shape) == 20 and cropped.shape[1] == pytest.approx(20 * (RIGHT - LEFT) / (BOTTOM - TOP), abs=1)


@pytest.mark.parametrize("framing", [Framing(max_size=37), Framing(canvas=(50, 50)), Framing(canvas=(200, 200))])
def test_no_colour_that_is_hidden_comes_to_light(framing: Framing) -> None:
    """A grey person before a red wall stays grey at whatever size, for the wall is gone before."""
    grey = np.full_like(IMAGE, 120)
    grey[ALPHA == 0] = 255, 0, 0
    outputs = Outputs(("rgba", "composite"), "none", Background((120, 120, 120)), framing=framing)
    found = outputs.render(Photograph(grey, grey), ALPHA)
    assert (found["rgba"][found["rgba"][..., 3] > 0][:, :3] == 120).all()
    assert (found["composite"] == 120).all()


def test_what_shows_is_as_bright_as_before() -> None:
    """Light is kept: a composite on black made smaller is the smaller cutout on black."""
    black = np.zeros_like(IMAGE)
    whole = rendered(WHOLE)["rgba"]
    before = cv2.resize(
        composite(whole[..., :3].copy(), whole[..., 3] / np.float32(255), black).astype(np.float32), (40, 30),
        interpolation=cv2.INTER_AREA,
    )  # fmt: skip
    small = rendered(Framing(max_size=40))["rgba"]
    after = small[..., :3] * (small[..., 3:] / 255)
    assert np.abs(after - before).max() <= 1


def test_hidden_colours_that_are_kept_are_kept_at_other_sizes() -> None:
    small = rendered(Framing(max_size=40), keep_hidden_colours=True, fg_estimate="none")["rgba"]
    hidden = cv2.resize(IMAGE, (40, 30), interpolation=cv2.INTER_AREA)
    is_hidden = cv2.resize(ALPHA, (40, 30), interpolation=cv2.INTER_AREA) == 0
    assert is_hidden.any()
    np.testing.assert_array_equal(small[is_hidden, :3], hidden[is_hidden])
    assert not rendered(Framing(max_size=40))["rgba"][is_hidden].any()


def test_a_smaller_trimap_is_known_where_all_of_it_is() -> None:
    trimap = np.zeros((HEIGHT, WIDTH), np.uint8)
    trimap[:, 40:] = 255
    trimap[:, 41:45] = 128
    small = Framing(max_size=WIDTH // 4).frame(quantise(ALPHA)).show_trimap(trimap)
    assert small[0, 8:13].tolist() == [0, 0, 128, 128, 255]
    assert set(np.unique(small)) <= {0, 128, 255}
    np.testing.assert_array_equal(WHOLE.frame(quantise(ALPHA)).show_trimap(trimap), trimap)


@pytest.mark.parametrize("framing", [Framing(crop=True, margin=9), Framing(canvas=(60, 50)), Framing(canvas=(260, 70))])
def test_a_photograph_without_a_subject_is_shown_as_a_whole(framing: Framing, caplog: pytest.LogCaptureFixture) -> None:
    nothing = np.full((HEIGHT, WIDTH), 0.4 / 255, np.float32)
    with caplog.at_level(logging.WARNING):
        frame = framing.frame(quantise(nothing), "summer/beach")
    assert frame.box == (0, 0, HEIGHT, WIDTH)
    assert "summer/beach: alpha is below 1 % everywhere" in caplog.text
    found = Outputs(("rgba",), framing=framing).render(PHOTOGRAPH, nothing)["rgba"]
    assert found.shape[:2] == frame.canvas and not found.any()
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        WHOLE.frame(quantise(nothing))
    assert not caplog.text


@pytest.mark.parametrize("framing", [Framing(canvas=(200, 150), margin=30), Framing(max_size=60), Framing(crop=True)])
def test_a_blurred_background_lies_where_the_photograph_does(framing: Framing) -> None:
    """The brightness of a ramp says where in the photograph a pixel comes from."""
    ramp = np.broadcast_to(np.linspace(20, 235, WIDTH), (HEIGHT, WIDTH)).astype(np.uint8)
    ramp = np.dstack([ramp] * 3)
    frame = framing.frame(quantise(ALPHA))
    found = frame.show_around(ramp).astype(int)
    assert found.shape[:2] == frame.canvas
    top, left, bottom, right = frame.box
    inside = found[frame.place[0] : frame.place[0] + frame.size[0], frame.place[1] : frame.place[1] + frame.size[1]]
    shown = cv2.resize(ramp[top:bottom, left:right], frame.size[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(inside - shown).max() <= 3
    assert np.abs(np.diff(found, axis=1)).max() <= 9 and found.min() >= 20  # and goes on beyond
    Outputs(("composite",), background=Blur(), framing=framing).render(PHOTOGRAPH, ALPHA)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"crop": True, "margin": "5cm"}, "--margin 5cm: it must be a number of pixels"),
        ({"crop": True, "margin": -3}, "--margin -3"),
        ({"margin": 3}, "--margin 3 is room around a subject; give --crop or --canvas"),
        ({"canvas": "1000"}, None),
        ({"canvas": "10by10"}, "--canvas 10by10: it must be WIDTHxHEIGHT"),
        ({"canvas": "0x10"}, "--canvas 0x10: its sides must be 1 to"),
        ({"canvas": "100000x10"}, "--canvas 100000x10"),
        ({"canvas": "9x9", "position": "left"}, "--position left: it must be one of center, bottom"),
        ({"canvas": "65535x65535"}, "--canvas 65535x65535: it may have at most 200 megapixels"),
        ({"canvas": (10.5, 10)}, "--canvas 10.5x10: its sides must be 1 to"),
        ({"canvas": (10,)}, "--canvas 10: its sides must be"),
        ({"canvas": ("a", "b")}, "--canvas axb: its sides must be"),
        ({"max_size": "100"}, "--max_size 100: it must be a whole number"),
        ({"max_size": 1.5}, "--max_size 1.5: it must be a whole number"),
        ({"position": "bottom"}, "--position bottom is a place on a canvas"),
        ({"max_size": 0}, "--max_size 0"),
        ({"max_size": 5, "canvas": "9x9"}, "--max_size and --canvas both say"),
    ],
)
def test_what_cannot_be_framed_is_refused(options: dict[str, Any], said: str | None) -> None:
    if said is None:
        assert Framing.parse(**options).canvas == (1000, 1000)
        return
    with pytest.raises(MattingError, match=said):
        Framing.parse(**options)


def test_settings_name_what_differs() -> None:
    assert Framing.parse(True, "5%", None).settings() == {"crop": True, "margin": "5%"}
    assert Framing.parse(canvas="30x40", position="bottom").settings() == {"canvas": [30, 40], "position": "bottom"}
    assert Framing.parse(max_size=9).settings() == {"max_size": 9}
