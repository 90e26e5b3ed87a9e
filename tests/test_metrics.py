"""Metrics against hand values and against definitions written out the slow way."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label

from matting import metrics, trimap
from matting.errors import MattingError


def mattes(seed: int, height: int = 41, width: int = 57) -> tuple[np.ndarray, np.ndarray]:
    """Return a smooth blobby matte and a spoilt one, 8 bits, with runs of 0 and 255."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.standard_normal((height, width)), 4)
    truth = np.clip(smooth / smooth.std() * 160 + 100, 0, 255)
    spoilt = np.clip(truth + ndimage.gaussian_filter(rng.standard_normal((height, width)), 2) * 300, 0, 255)
    return spoilt.astype(np.uint8), truth.astype(np.uint8)


def slow_gradient(prediction: np.ndarray, truth: np.ndarray, region: np.ndarray) -> float:
    """Correlate with the two-dimensional filter of unit norm, 9 x 9 at sigma 1.4, border repeated, mattes stretched."""
    at = np.arange(-4, 5)
    gaussian = np.exp(-(at**2) / (2 * 1.4**2))
    kernel = np.outer(gaussian, at * gaussian)
    kernel /= np.sqrt((kernel**2).sum())
    lengths = []
    for matte in (prediction, truth):
        values = cv2.normalize(matte / 255.0, None, 0.0, 1.0, cv2.NORM_MINMAX)
        across = ndimage.correlate(values, kernel, mode="nearest")
        down = ndimage.correlate(values, kernel.T, mode="nearest")
        lengths.append(np.hypot(across, down))
    return float((((lengths[0] - lengths[1]) ** 2)[region]).sum())


def slow_connectivity(prediction: np.ndarray, truth: np.ndarray, region: np.ndarray) -> float:
    """Label the intersection once a threshold, as section 4 of Rhemann et al. 2009 defines the measure."""
    p, t = prediction / 255.0, truth / 255.0
    thresholds = [k / 10 for k in range(11)]
    level = np.full(p.shape, -1.0)
    for before, threshold in zip(thresholds[:-1], thresholds[1:], strict=True):
        labels = label((p >= threshold) & (t >= threshold), connectivity=1)
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        largest = labels == sizes.argmax() if sizes.max(initial=0) else np.zeros_like(labels, bool)
        level[(level == -1) & ~largest] = before
    level[level == -1] = 1
    phi = [1 - (matte - level) * (matte - level >= 0.15) for matte in (p, t)]
    return float(np.abs(phi[0] - phi[1])[region].sum())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("whole", [True, False])
def test_gradient_and_connectivity_equal_their_definitions(seed: int, whole: bool) -> None:
    prediction, truth = mattes(seed)
    region = np.ones(truth.shape, bool) if whole else (truth > 0) & (truth < 255)
    given = None if whole else region
    assert metrics.gradient_error(prediction, truth, given) == pytest.approx(
        slow_gradient(prediction, truth, region), rel=1e-9
    )
    assert metrics.connectivity_error(prediction, truth, given) == pytest.approx(
        slow_connectivity(prediction, truth, region), rel=1e-9
    )


def test_connectivity_of_noise_takes_the_other_way_to_the_same_value() -> None:
    rng = np.random.default_rng(0)
    prediction, truth = (rng.integers(0, 256, (30, 40)).astype(np.uint8) for _ in range(2))
    region = np.ones(truth.shape, bool)
    assert metrics.connectivity_error(prediction, truth) == pytest.approx(slow_connectivity(prediction, truth, region))


@pytest.mark.parametrize("skip_empty", [False, True])
def test_connectivity_with_grain_at_one_level_takes_both_ways_to_the_same_value(skip_empty: bool) -> None:
    prediction, truth = mattes(3, 64, 80)
    rng = np.random.default_rng(3)
    prediction = np.where(prediction >= 200, rng.integers(253, 256, truth.shape), prediction).astype(np.uint8)
    assert metrics.connectivity_error(prediction, truth, skip_empty=skip_empty) == pytest.approx(
        slow_connectivity(prediction, truth, np.ones(truth.shape, bool)), rel=1e-9
    )


def test_sums_and_means_by_hand() -> None:
    prediction = np.array([[0, 255], [102, 51]], np.uint8)
    truth = np.array([[0, 0], [51, 51]], np.uint8)
    whole = metrics.errors(prediction, truth)
    assert whole == pytest.approx((1.2, (1 + 0.04) / 4, 1.2 / 4))
    region = np.array([[False, False], [True, True]])
    assert metrics.errors(prediction, truth, region) == pytest.approx((0.2, 0.04 / 2, 0.1))


def test_eight_bits_and_floats_agree() -> None:
    prediction, truth = mattes(7)
    as_float = metrics.errors(prediction / 255.0, truth / 255.0)
    assert metrics.errors(prediction, truth) == pytest.approx(as_float, rel=1e-12)
    assert metrics.gradient_error(prediction / 255.0, truth / 255.0) == pytest.approx(
        metrics.gradient_error(prediction, truth), rel=1e-9
    )
    assert metrics.connectivity_error(prediction / 255.0, truth / 255.0) == pytest.approx(
        metrics.connectivity_error(prediction, truth), rel=1e-9
    )


def test_intersection_over_union_by_hand() -> None:
    prediction = np.array([[255, 128, 127, 0]], np.uint8)
    truth = np.array([[255, 0, 255, 0]], np.uint8)
    assert metrics.iou(prediction, truth) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    nothing = np.zeros((2, 2), np.uint8)
    assert metrics.iou(nothing, nothing) == (1, 1, 1)


def test_flicker_by_hand() -> None:
    still, moved = np.zeros((1, 2)), np.array([[0.0, 1.0]])
    assert metrics.dtssd(moved, still, moved, still) == 0
    assert metrics.dtssd(moved, still, still, still) == pytest.approx(np.sqrt(1 / 2))


def test_a_perfect_matte_scores_zero_everywhere() -> None:
    _, truth = mattes(1)
    scores = metrics.score(truth, truth, trimap.for_evaluation(truth / np.float32(255)))
    for name in ("SAD", "MSE", "MAD", "Grad", "Conn"):
        assert scores[name] == 0 and scores[f"{name}_unknown"] == 0
    assert scores["IoU"] == 1


def test_the_unknown_region_sees_known_pixels_imposed() -> None:
    truth = np.array([[0, 0, 128, 255]], np.uint8)
    prediction = np.array([[255, 0, 100, 0]], np.uint8)
    known = np.array([[0, 128, 128, 255]], np.uint8)
    scores = metrics.score(prediction, truth, known, ["SAD", "MSE"])
    assert scores["SAD"] == pytest.approx((1 + 28 / 255 + 1) / 1000)
    assert scores["SAD_unknown"] == pytest.approx(28 / 255 / 1000)
    assert scores["MSE_unknown"] == pytest.approx((28 / 255) ** 2 / 2)


def test_nothing_unknown_scores_nan_not_zero() -> None:
    truth = np.zeros((3, 3), np.uint8)
    assert np.isnan(metrics.score(truth, truth, truth)["SAD_unknown"])


def test_inputs_are_never_changed() -> None:
    prediction, truth = mattes(2)
    known = trimap.for_evaluation(truth / np.float32(255))
    before = [array.copy() for array in (prediction, truth, known)]
    metrics.score(prediction, truth, known)
    for array, copy in zip((prediction, truth, known), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize(
    ("prediction", "said"),
    [
        (np.zeros((3, 4), np.uint8), "sizes must agree"),
        (np.zeros((4, 4, 3), np.uint8), "one channel"),
        (np.zeros((4, 4), np.int64), "uint8"),
        (np.full((4, 4), 2.0), "lies in"),
        (np.full((4, 4), np.nan), "lies in"),
    ],
)
def test_what_cannot_be_scored_is_refused(prediction: np.ndarray, said: str) -> None:
    with pytest.raises(MattingError, match=said):
        metrics.score(prediction, np.zeros((4, 4), np.uint8))
    with pytest.raises(MattingError, match="no metric"):
        metrics.score(np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint8), names=["SSD"])


def test_flicker_along_the_motion_by_hand() -> None:
    truth_before, truth = np.array([[0.0, 1.0, 0.0, 0.0]]), np.array([[0.0, 0.0, 1.0, 0.0]])
    right = np.zeros((1, 4, 2))
    right[..., 0] = 1
    # An error of 0.5 that moves along disturbs nobody; of one that stays, it is twice 0.25 among the three that remain.
    before = np.array([[0.0, 0.5, 0.0, 0.0]])
    along, stays = np.array([[0.0, 0.0, 0.5, 0.0]]), np.array([[0.0, 0.5, 1.0, 0.0]])
    assert metrics.messddt(along, before, truth, truth_before, right) == 0
    assert metrics.messddt(stays, before, truth, truth_before, right) == pytest.approx(2 * 0.25 / 3)
    assert metrics.messddt(stays, before, truth, truth_before, right * 9) == 0  # nothing remains in the frame


def test_flicker_along_the_motion_is_what_a_loop_finds() -> None:
    rng = np.random.default_rng(3)
    mattes_ = rng.random((4, 6, 7))
    motion, region = rng.uniform(-3, 3, (6, 7, 2)), rng.random((6, 7)) < 0.7
    total = []
    for y, x in np.argwhere(region):
        to_x, to_y = x + round(motion[y, x, 0]), y + round(motion[y, x, 1])
        if 0 <= to_x < 7 and 0 <= to_y < 6:
            error = (mattes_[1, y, x] - mattes_[3, y, x]) ** 2 - (mattes_[0, to_y, to_x] - mattes_[2, to_y, to_x]) ** 2
            total.append(abs(error))
    assert metrics.messddt(*mattes_, motion, region) == pytest.approx(np.mean(total), rel=1e-12)
    with pytest.raises(MattingError, match="the motion is \\(6, 7\\) for a frame of \\(6, 7\\)"):
        metrics.messddt(*mattes_, motion[..., 0])


def test_flicker_is_what_a_loop_finds() -> None:
    rng = np.random.default_rng(4)
    now, before, truth, truth_before = rng.random((4, 5, 6))
    region = rng.random((5, 6)) < 0.6
    changes = [((now[y, x] - before[y, x]) - (truth[y, x] - truth_before[y, x])) ** 2 for y, x in np.argwhere(region)]
    assert metrics.dtssd(now, before, truth, truth_before, region) == pytest.approx(np.sqrt(np.mean(changes)))
