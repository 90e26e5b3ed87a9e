"""Changes of colour: one draw for all layers, the composite law, and each change by its effect."""

from __future__ import annotations

import numpy as np
import pytest

import drawn
from matting.composite import composite
from matting.errors import MattingError
from matting.registry import TRANSFORMS
from matting.sample import Sample

PHOTOMETRIC = [
    ("RandomDistort", {}),
    ("RandomBlur", {"prob": 1.0}),
    ("RandomSharpen", {"prob": 1.0}),
    ("RandomNoise", {"prob": 1.0}),
    ("RandomReJpeg", {"prob": 1.0}),
    ("Normalize", {}),
]


def build(case):
    name, keys = case
    return TRANSFORMS[name](**keys)


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("case", [case for case in PHOTOMETRIC if case[0] != "RandomReJpeg"], ids=str)
def test_colour_draws_are_the_same_for_all_layers(case):
    sample = drawn.layers()
    same = {**sample, "foreground": sample["image"], "background": sample["image"]}
    changed = build(case)(same, rng(7))
    np.testing.assert_array_equal(changed["image"], changed["foreground"])
    np.testing.assert_array_equal(changed["image"], changed["background"])
    assert not np.array_equal(changed["image"], sample["image"])


def test_composite_law_survives_colour_changes_and_noise():
    for name, keys, bound in (
        ("RandomDistort", {"brightness_range": 0.1, "contrast_range": 0.2, "saturation_range": 0.3}, 2),
        ("RandomNoise", {"prob": 1.0}, 1),
    ):
        for seed in range(10):
            changed = build((name, keys))(drawn.layers(), rng(seed))
            law = composite(changed["foreground"], changed["alpha"], changed["background"])
            clipped = np.zeros(law.shape[:2], bool)
            for layer in ("image", "foreground", "background"):
                clipped |= ((changed[layer] == 0) | (changed[layer] == 255)).any(2)
            assert not clipped.all()
            assert np.abs(law.astype(int) - changed["image"])[~clipped].max() <= bound


def test_distortions_do_what_their_names_say():
    off = {f"{name}_prob": 0.0 for name in ("brightness", "contrast", "saturation", "hue")}
    picture = drawn.texture(40, 50)
    grey = np.repeat(picture[..., :1], 3, axis=2)

    def distorted(pixels, seed, **keys):
        return build(("RandomDistort", off | keys))(Sample(image=pixels), rng(seed))["image"].astype(float)

    np.testing.assert_array_equal(distorted(picture, 0), picture)
    luma = np.array([0.299, 0.587, 0.114])
    for seed in range(4):
        ratio = distorted(picture, seed, brightness_prob=1.0, brightness_range=0.15) / picture
        assert ratio.std() < 0.01 and abs(ratio.mean() - 1) < 0.16
        contrast = distorted(picture, seed, contrast_prob=1.0, contrast_range=0.15) @ luma
        assert contrast.mean() == pytest.approx((picture @ luma).mean(), abs=1)
        saturation = distorted(picture, seed, saturation_prob=1.0, saturation_range=0.15)
        assert np.abs(saturation @ luma - picture @ luma).max() < 1.5
        hue = distorted(picture, seed, hue_prob=1.0)
        assert np.abs(hue.sum(2) - picture.sum(2, dtype=float)).max() < 3
        for probability in ("saturation_prob", "hue_prob"):
            assert np.abs(distorted(grey, seed, **{probability: 1.0}) - grey).max() <= 1


def test_probabilities_are_kept():
    sample = Sample(image=drawn.texture(8, 8))
    for name in ("RandomBlur", "RandomSharpen", "RandomNoise", "RandomReJpeg", "RandomHorizontalFlip"):
        never, often = build((name, {"prob": 0.0})), build((name, {"prob": 0.6}))
        assert all(never(sample, rng(seed)) is sample for seed in range(20))
        assert 0.5 < np.mean([often(sample, rng(seed)) is not sample for seed in range(300)]) < 0.7


def test_rejpeg_keeps_the_channels_in_place():
    picture = np.zeros((32, 32, 3), np.uint8)
    picture[..., 0] = 200
    assert (
        np.abs(build(("RandomReJpeg", {"prob": 1.0}))({"image": picture}, rng())["image"] - picture.astype(int)).max()
        < 8
    )


def test_colours_must_be_changed_before_normalize():
    normal = build(("Normalize", {}))(drawn.layers(), rng())
    for case in PHOTOMETRIC:
        with pytest.raises(MattingError, match=f"{case[0]} works on 8-bit colours; put it before Normalize"):
            build(case)(normal, rng())
