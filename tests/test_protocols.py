"""Protocols on cases computed by hand, and against numbers that PaddleSeg's and the P3M authors' functions gave.

`golden/metrics.npz` holds a drawn matte, its spoilt copy, a trimap that contradicts the truth in one place, and what
those functions made of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from matting import metrics
from matting.errors import MattingError
from matting.evaluation.scoring import choose

GOLDEN = Path(__file__).parent / "golden/metrics.npz"
TRUTH = np.array([[0.0, 0.0, 0.5, 1.0]])
PREDICTION = np.array([[0.1, 0.3, 0.9, 0.4]])
TRIMAP = np.array([[0, 128, 128, 255]], np.uint8)
WRONG_TRIMAP = np.array([[255, 128, 128, 255]], np.uint8)
"""Calls the first pixel foreground, which the truth does not."""


@pytest.mark.parametrize("name", ["paddleseg", "p3m"])
def test_equal_to_the_reference_functions(name: str) -> None:
    with np.load(GOLDEN) as golden:
        scores = metrics.score(golden["prediction"], golden["truth"], golden["trimap"], protocol=name)
        theirs = {key.partition("/")[2]: float(golden[key]) for key in golden.files if key.startswith(f"{name}/")}
    assert set(scores) == set(theirs)
    for column, value in theirs.items():
        assert scores[column] == pytest.approx(value, rel=1e-6), column


def test_each_double_of_p3ms_thresholds_matters() -> None:
    # 153 / 255 reaches 6 / 10, but not the seventh of numpy.arange(0, 1.1, 0.1); the second pixel keeps omega filled.
    truth, prediction = np.array([[153, 255]], np.uint8), np.array([[255, 255]], np.uint8)
    ours = metrics.connectivity_error(prediction, truth)
    theirs = metrics.score(prediction, truth, protocol="p3m")["Conn"] * 1000
    assert ours == pytest.approx(0.4)  # left at 0.6: phi(1) = 1 - 0.4, phi(0.6) = 1
    assert theirs == pytest.approx(0.5)  # left at 0.5: phi(1) = 1 - 0.5, phi(0.6) = 1


def test_a_threshold_that_nothing_reaches_ends_levels_or_not() -> None:
    truth, prediction = np.full((1, 1), 51, np.uint8), np.full((1, 1), 255, np.uint8)
    assert metrics.score(prediction, truth, protocol="paddleseg")["Conn"] * 1000 == pytest.approx(0.8)  # left at 0.2
    assert metrics.score(prediction, truth, protocol="p3m")["Conn"] == 0  # stays at 1: neither differs from it


def test_whole_image_protocols_by_hand() -> None:
    whole = {"SAD": 1.4 / 1000, "MSE": (0.01 + 0.09 + 0.16 + 0.36) / 4, "MAD": 1.4 / 4}
    for name, columns in (("modnet", ("MSE", "MAD")), ("shm", ("SAD",))):
        scores = metrics.score(PREDICTION, TRUTH, TRIMAP, protocol=name)
        assert scores == pytest.approx({column: whole[column] for column in columns})


def test_the_unknown_region_by_hand() -> None:
    scores = metrics.score(PREDICTION, TRUTH, TRIMAP, ["SAD", "MSE"], "adobe")
    assert scores == pytest.approx({"SAD_unknown": 0.7 / 1000, "MSE_unknown": (0.09 + 0.16) / 2})
    scores = metrics.score(PREDICTION, TRUTH, TRIMAP, ["SAD", "MSE"], "paddleseg")
    assert scores["SAD"] == pytest.approx(1.4 / 1000) and scores["MSE_unknown"] == pytest.approx(0.125)


def test_p3m_counts_where_the_trimap_contradicts_the_truth() -> None:
    p3m = metrics.score(PREDICTION, TRUTH, WRONG_TRIMAP, ["SAD", "MSE", "MAD"], "p3m")
    assert p3m["SAD_unknown"] == pytest.approx((0.7 + 1) / 1000)
    assert p3m["MSE_unknown"] == pytest.approx((0.25 + 1) / 2)
    assert p3m["MAD_unknown"] == pytest.approx(1.7 / 2)
    assert p3m["SAD_foreground"] == pytest.approx((0.1 + 0.6) / 1000)
    assert np.isnan(p3m["SAD_background"])
    adobe = metrics.score(PREDICTION, TRUTH, WRONG_TRIMAP, ["SAD"], "adobe")
    assert adobe["SAD_unknown"] == pytest.approx(0.7 / 1000)


def test_gradients_differ_by_protocol_by_hand() -> None:
    # A step of 1 and one of 0.5 along a row: stretched to [0, 1] they are alike, as they stand they are not.
    truth, prediction = np.zeros((1, 40)), np.zeros((1, 40))
    truth[:, 20:], prediction[:, 20:] = 1.0, 0.5
    assert metrics.score(prediction, truth, protocol="paddleseg")["Grad"] == pytest.approx(0)
    at = np.arange(-6, 7)
    gaussian = np.exp(-(at**2) / (2 * 1.4**2))
    gaussian /= gaussian.sum()
    slope = np.cumsum(at * gaussian / 1.4**2)  # the response to a unit step, pixel by pixel
    assert metrics.score(prediction, truth, protocol="p3m")["Grad"] == pytest.approx((0.25 * slope**2).sum() / 10)


def test_headings_name_region_and_unit() -> None:
    assert metrics.DEFAULT.column("SAD_unknown").heading == "SAD, unknown region [sum of |error| / 1000]"
    assert metrics.PROTOCOLS["p3m"].column("Grad").heading.endswith("[sum / 10, derivatives of unit-sum Gaussian]")
    rounded = {name for name, protocol in metrics.PROTOCOLS.items() if protocol.eight_bits}
    assert rounded == {"default", "paddleseg", "adobe", "rvm"}


def test_a_selection_keeps_the_order_asked_for() -> None:
    chosen = metrics.select("default", ["MAD", "SAD"])
    assert [column.name for column in chosen.columns] == ["MAD", "SAD", "MAD_unknown", "SAD_unknown"]
    with pytest.raises(MattingError, match="no protocol 'pm3'.*p3m"):
        metrics.select("pm3")
    with pytest.raises(MattingError, match="modnet has no Grad; it holds MSE, MAD"):
        metrics.select("modnet", ["Grad"])


def test_metrics_are_named_in_any_case() -> None:
    for names in (["sad", "mse"], ["Sad", "MSE"], ["SAD", "mSe"]):
        assert metrics.select("default", names) == metrics.select("default", ["SAD", "MSE"]) == choose("default", names)
    assert [column.name for column in choose("default", ["grad", "conn", "iou"]).columns[:3]] == ["Grad", "Conn", "IoU"]
    assert set(metrics.score(PREDICTION, TRUTH, names=["sad"])) == {"SAD"}
    with pytest.raises(MattingError, match="--metrics sda: known are: .*SAD"):
        choose("default", ["sda"])


def test_floating_point_beside_eight_bits() -> None:
    # 1 is opaque in floating point and almost nothing in 8 bits: equal numbers are not equal alphas.
    truth = np.full((4, 4), 1, np.uint8)
    assert metrics.connectivity_error(np.ones((4, 4)), truth) == pytest.approx(
        metrics.connectivity_error(np.full((4, 4), 255, np.uint8), truth)
    )


def test_rvms_numbers_by_hand() -> None:
    before = np.array([[0.0, 0.0, 0.5, 0.5]]), np.array([[0.0, 0.5, 0.5, 1.0]])
    scores = metrics.score(PREDICTION, TRUTH, protocol="rvm", before=before)
    assert list(scores) == ["MAD", "MSE", "Grad", "Conn", "dtSSD"]
    assert scores["MAD"] == pytest.approx(1000 * 1.4 / 4) and scores["MSE"] == pytest.approx(1000 * 0.62 / 4)
    changes = np.array([0.1, 0.3 + 0.5, 0.4, -0.1])
    assert scores["dtSSD"] == pytest.approx(100 * np.sqrt((changes**2).mean()))
    assert metrics.score(PREDICTION, TRUTH, protocol="rvm", before=(PREDICTION, TRUTH))["dtSSD"] == 0
    assert "dtSSD" not in metrics.score(PREDICTION, TRUTH, protocol="rvm")  # a photograph has no frame before
    paddleseg = metrics.score(PREDICTION, TRUTH, protocol="paddleseg")
    assert {name: scores[name] for name in ("Grad", "Conn")} == {name: paddleseg[name] for name in ("Grad", "Conn")}
    assert choose("rvm").metrics == ("MAD", "MSE", "Grad", "Conn")  # of a set of photographs
    assert choose("rvm", frames=True).metrics == ("MAD", "MSE", "Grad", "Conn", "dtSSD")
    with pytest.raises(MattingError, match="--metrics dtSSD is for frames of clips"):
        choose("rvm", ["MAD", "dtSSD"])
    with pytest.raises(MattingError, match="the protocol default has no dtSSD; it holds SAD"):
        metrics.select("default", ["dtssd"])
