"""Trimaps against a brute-force oracle, and what is imposed of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

import drawn
from matting.sample import BACKGROUND, FOREGROUND, UNKNOWN
from matting.trimap import for_evaluation, for_training, impose, unknown_mask


def brute_force(levels: np.ndarray, ellipse: np.ndarray) -> np.ndarray:
    """Apply the evaluation rule pixel by pixel to 8-bit levels."""
    offsets = np.argwhere(ellipse) - np.array(ellipse.shape) // 2
    height, width = levels.shape
    trimap = np.full(levels.shape, UNKNOWN, np.uint8)
    for row, column in np.ndindex(levels.shape):
        seen = [
            levels[row + down, column + right]
            for down, right in offsets
            if 0 <= row + down < height and 0 <= column + right < width
        ]
        if max(seen) == 0:
            trimap[row, column] = BACKGROUND
        elif min(seen) == 255:
            trimap[row, column] = FOREGROUND
    return trimap


def test_evaluation_rule_is_the_documented_ellipse():
    levels = np.zeros((45, 60), np.uint8)
    levels[10:, 25:] = 255
    levels[30:33, 40:44] = 254
    levels[3, 5] = 1
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (25, 25))
    found = for_evaluation(levels.astype(np.float32) / 255)
    np.testing.assert_array_equal(found, brute_force(levels, ellipse))
    assert set(np.unique(found)) == {BACKGROUND, UNKNOWN, FOREGROUND}


def test_evaluation_rule_on_finer_values_is_that_of_their_rounding():
    alpha = cv2.resize(drawn.disc(), (190, 140), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    rounded = np.rint(alpha * 255).astype(np.float32) / 255
    np.testing.assert_array_equal(for_evaluation(alpha), for_evaluation(rounded))


@pytest.mark.parametrize("value, expected", [(0.0, BACKGROUND), (1.0, FOREGROUND), (0.5, UNKNOWN)])
def test_plain_alphas(value, expected):
    alpha = np.full((30, 30), value, np.float32)
    assert (for_evaluation(alpha) == expected).all()
    assert (for_training(alpha, np.random.default_rng(0)) == expected).all()


def test_training_widths_vary_and_known_pixels_are_true():
    alpha = drawn.disc(200, 200)
    before = alpha.copy()
    trimaps = [for_training(alpha, np.random.default_rng(seed)) for seed in range(30)]
    np.testing.assert_array_equal(alpha, before)
    sizes = [int(unknown_mask(trimap).sum()) for trimap in trimaps]
    partial = (alpha > 0) & (alpha < 1)
    assert len(set(sizes)) > 10 and min(sizes) > partial.sum() and max(sizes) > 2 * min(sizes)
    for trimap in trimaps:
        assert not partial[trimap != UNKNOWN].any()
        assert (alpha[trimap == FOREGROUND] == 1).all() and (alpha[trimap == BACKGROUND] == 0).all()
    np.testing.assert_array_equal(trimaps[3], for_training(alpha, np.random.default_rng(3)))


def test_impose_sets_what_is_known():
    alpha = np.array([[0.2, 0.4, 0.6]], np.float32)
    trimap = np.array([[BACKGROUND, UNKNOWN, FOREGROUND]], np.uint8)
    imposed = impose(alpha, trimap)
    assert imposed.dtype == np.float32
    np.testing.assert_array_equal(imposed, np.array([[0, 0.4, 1]], np.float32))
    np.testing.assert_array_equal(alpha, np.array([[0.2, 0.4, 0.6]], np.float32))
