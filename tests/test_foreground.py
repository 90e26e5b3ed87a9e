"""Foreground colours: exact where they can be, near the truth elsewhere, and certain pixels untouched."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from demo.drawn_people import draw_background, draw_portrait
from matting import foreground
from matting.choices import ESTIMATES
from matting.composite import composite
from matting.foreground import estimate_foreground


def mixed(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return an image with its known foreground and alpha."""
    rng = np.random.default_rng(seed)
    foreground, alpha = draw_portrait(rng, 240, 200)
    return composite(foreground, alpha, draw_background(rng, 240, 200)), foreground, alpha


@pytest.mark.parametrize("how", ESTIMATES)
def test_certain_pixels_keep_their_colour_and_the_image_is_left_alone(how: str) -> None:
    image, _, alpha = mixed()
    before = image.copy()
    found = estimate_foreground(image, alpha, how)
    certain = (alpha == 0) | (alpha == 1)
    assert found.dtype == np.uint8 and found.shape == image.shape
    np.testing.assert_array_equal(found[certain], image[certain])
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("how", ["blur_fusion", "multilevel"])
def test_one_colour_over_another_comes_apart(how: str) -> None:
    """Red over blue with a ramp between: F is red wherever it shows."""
    alpha = np.clip(np.linspace(-0.5, 1.5, 120, dtype=np.float32), 0, 1)[None].repeat(40, axis=0)
    red, blue = (np.full((40, 120, 3), colour, np.uint8) for colour in ((200, 30, 30), (20, 20, 180)))
    found = estimate_foreground(composite(red, alpha, blue), alpha, how)
    shows = alpha > 0.1
    assert np.abs(found[shows].astype(int) - red[shows]).max() <= (3 if how == "multilevel" else 40)
    own = composite(red, alpha, blue)[shows].astype(int)
    assert np.abs(found[shows].astype(int) - red[shows]).mean() < 0.3 * np.abs(own - red[shows]).mean()


def test_the_estimates_are_better_than_none_and_multilevel_is_the_best() -> None:
    errors: dict[str, list[float]] = {how: [] for how in ESTIMATES}
    for seed in range(4):
        image, foreground, alpha = mixed(seed)
        soft = (alpha > 0) & (alpha < 1)
        for how in ESTIMATES:
            apart = np.abs(estimate_foreground(image, alpha, how).astype(float) - foreground) * alpha[..., None]
            errors[how].append(float(apart[soft].mean()))
    none, blurred, multilevel = (np.mean(errors[how]) for how in ("none", "blur_fusion", "multilevel"))
    assert multilevel < blurred < none


@pytest.mark.parametrize("how", ESTIMATES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (7, 3)])
def test_any_size_is_taken(how: str, shape: tuple[int, int]) -> None:
    alpha = np.full(shape, 0.5, np.float32)
    assert estimate_foreground(np.full((*shape, 3), 9, np.uint8), alpha, how).shape == (*shape, 3)


@pytest.mark.parametrize("how", ["blur_fusion", "multilevel"])
def test_strips_change_nothing(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (70, 90, 3), np.uint8)
    alpha = np.clip(rng.normal(0.5, 0.6, (70, 90)), 0, 1).astype(np.float32)
    kept = image.copy()
    whole = foreground.estimate_foreground(image, alpha, how)
    monkeypatch.setattr(foreground, "_STRIP_PIXELS", 300)
    np.testing.assert_array_equal(foreground.estimate_foreground(image, alpha, how), whole)
    np.testing.assert_array_equal(image, kept)
    certain = (alpha == 0) | (alpha == 1)
    np.testing.assert_array_equal(whole[certain], image[certain])


@pytest.mark.parametrize("shape", [(301, 279), (256, 400)])
def test_blur_fusion_by_tiles_is_within_a_level_of_the_whole(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    height, width = shape
    image = cv2.resize(rng.integers(0, 256, (30, 20, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.mgrid[:height, :width]
    alpha = np.clip((90 - np.hypot(rows - 120, columns - 160)) / 40 + 0.5, 0, 1).astype(np.float32)
    small = width // 4, height // 4
    coarse, coarse_alpha = (cv2.resize(layer, small, interpolation=cv2.INTER_AREA) for layer in (image, alpha))
    wide = foreground._fuse(coarse, coarse_alpha, coarse, coarse, 22)
    whole, _ = foreground._fuse(image, alpha, *(cv2.resize(layer, (width, height)) for layer in wide), 6)
    soft = (alpha > 0.01) & (alpha < 0.99)
    apart = np.abs(estimate_foreground(image, alpha).astype(int) - whole)[soft]
    assert apart.max() <= 1 and (apart > 0).mean() < 0.1
