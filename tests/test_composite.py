"""The composite equation in numbers, and which part of a background lies behind a foreground."""

from __future__ import annotations

import numpy as np
import pytest

import drawn
from matting.composite import composite, cover_background, fit_background


@pytest.mark.parametrize("shape", [(7, 5), (1, 1), (4, 1), (1, 4), (700, 300)])
def test_composite_is_rounded_to_the_nearest_level(shape):
    rng = np.random.default_rng(0)
    foreground, background = rng.integers(0, 256, (2, *shape, 3), np.uint8)
    alpha = rng.random(shape).astype(np.float32)
    originals = [layer.copy() for layer in (foreground, alpha, background)]
    exact = alpha[..., None].astype(np.float64) * foreground + (1 - alpha[..., None].astype(np.float64)) * background
    found = composite(foreground, alpha, background)
    assert found.dtype == np.uint8 and found.shape == foreground.shape
    assert np.abs(found - exact).max() < 0.5001
    for layer, original in zip((foreground, alpha, background), originals, strict=True):
        np.testing.assert_array_equal(layer, original)


def test_opaque_and_transparent_are_exact():
    foreground, background = drawn.texture(20, 30, 1), drawn.texture(20, 30, 2)
    np.testing.assert_array_equal(composite(foreground, np.ones((20, 30), np.float32), background), foreground)
    np.testing.assert_array_equal(composite(foreground, np.zeros((20, 30), np.float32), background), background)


def test_large_background_gives_an_unscaled_window():
    background = drawn.coordinates(100, 120)
    np.testing.assert_array_equal(cover_background(background, 30, 40), background[:30, :40])
    rng = np.random.default_rng(0)
    corners = set()
    for _ in range(50):
        window = cover_background(background, 30, 40, rng)
        assert window.shape == (30, 40, 3)
        top, left = window[0, 0, :2]
        np.testing.assert_array_equal(window, background[top : top + 30, left : left + 40])
        corners.add((int(top), int(left)))
    assert len(corners) > 40


@pytest.mark.parametrize("size, expected", [((200, 100), (100, 50)), ((100, 240), (50, 120)), ((300, 360), (100, 120))])
def test_small_background_gives_the_largest_window_of_that_shape(size, expected):
    assert cover_background(drawn.coordinates(100, 120), *size).shape[:2] == expected


def test_extreme_shapes_keep_a_pixel():
    assert cover_background(drawn.coordinates(2, 3), 1, 10000).shape == (1, 3, 3)
    assert cover_background(drawn.coordinates(1, 1), 500, 2).shape == (1, 1, 3)


def test_fit_background():
    background = drawn.texture(40, 60)
    assert fit_background(background, 40, 60) is background
    assert fit_background(background, 90, 130).shape == (90, 130, 3)
    halved = fit_background(background, 20, 30)
    blocks = background.reshape(20, 2, 30, 2, 3).mean((1, 3))
    assert np.abs(halved - blocks).max() <= 0.5
