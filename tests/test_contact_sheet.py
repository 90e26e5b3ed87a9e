"""Contact sheets: panels where they belong, whatever their sizes and names."""

from __future__ import annotations

import numpy as np

from matting.pictures.contact_sheet import checkerboard, contact_sheet, over_checkerboard


def plain(height: int, width: int, value: int) -> np.ndarray:
    return np.full((height, width), value, np.uint8)


def test_a_cutout_shows_the_board_where_alpha_is_zero() -> None:
    image = np.full((32, 48, 3), (10, 200, 30), np.uint8)
    alpha = np.zeros((32, 48), np.float32)
    alpha[:, 24:] = 1
    alpha[0, 0] = 0.5
    cutout = over_checkerboard(image, alpha)
    np.testing.assert_array_equal(cutout[:, 24:], image[:, 24:])
    np.testing.assert_array_equal(cutout[1:, :24], checkerboard(32, 48)[1:, :24])
    np.testing.assert_array_equal(cutout[0, 0], np.rint((image[0, 0] + checkerboard(1, 1)[0, 0].astype(float)) / 2))


def test_every_panel_is_there_in_its_column() -> None:
    rows = [
        ({"image": plain(100, 50, 10), "matte": plain(100, 50, 60)}, "one"),
        ({"matte": plain(10, 400, 110)}, "名字 é"),
    ]
    sheet = contact_sheet(rows, cell_height=80)
    assert sheet.dtype == np.uint8 and sheet.shape[2] == 3
    middle = sheet.shape[1] // 2
    found = {value: np.argwhere((sheet == value).all(axis=2)).mean(axis=0) for value in (10, 60, 110)}
    assert found[10][1] < found[60][1] and abs(found[60][1] - found[110][1]) <= 1
    assert found[10][0] == found[60][0] < found[110][0]
    assert (sheet == 110).all(axis=2).any(axis=0).sum() == 120  # a wide picture is held to 1.5 times the height
    assert middle > 40


def test_titles_keep_the_order_asked_for() -> None:
    panels = {"a": plain(20, 20, 5), "b": plain(20, 20, 99)}
    sheet = contact_sheet([(panels, "")], columns=("b", "a"), cell_height=20)
    where = {value: np.argwhere((sheet == value).all(axis=2))[:, 1].mean() for value in (5, 99)}
    assert where[99] < where[5]
