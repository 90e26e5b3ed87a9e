"""Random crops: their size, their place, and what lies beyond the picture."""

from __future__ import annotations

import numpy as np
import pytest

import drawn
from matting.composite import composite
from matting.errors import MattingError
from matting.registry import TRANSFORMS
from matting.sample import Sample
from matting.transforms.compose import size_of
from matting.transforms.geometry import undo


def build(case):
    name, keys = case
    return TRANSFORMS[name](**keys)


def rng(seed=0):
    return np.random.default_rng(seed)


def test_crops_cannot_be_undone():
    moved = build(("RandomCrop", {"crop_size": [32, 24]}))(drawn.layers(), rng())
    with pytest.raises(MattingError, match="a crop cannot be undone"):
        undo(moved["alpha"], moved["undo"])


@pytest.mark.parametrize("name", ["RandomCrop", "RandomCropByAlpha"])
@pytest.mark.parametrize("size", [(24, 32), (60, 80), (61, 100), (200, 20), (100, 100)])
def test_crops_have_the_size_asked_for_and_pad_with_plain_background(name, size):
    height, width = size
    transform = build((name, {"crop_size": [width, height]}))
    sample = drawn.layers()
    for seed in range(8):
        part = transform(sample, rng(seed))
        assert size_of(part) == size
        outside = (part["image"] == 128).all(2) & (part["foreground"] == 128).all(2)
        assert (part["alpha"][outside] == 0).all() and (part["trimap"][outside] == 0).all()
        assert outside.sum() >= size[0] * size[1] - min(size[0], 60) * min(size[1], 80)
        law = composite(part["foreground"], part["alpha"], part["background"])
        np.testing.assert_array_equal(law, part["image"])


def test_crops_reach_every_place_and_are_drawn_from_all_sizes():
    transform = build(("RandomCrop", {"crop_size": [[79, 59], [78, 58]]}))
    picture = drawn.coordinates()
    found = {
        (part.shape[:2], *part[0, 0, :2].tolist())
        for seed in range(200)
        for part in [transform({"image": picture}, rng(seed))["image"]]
    }
    assert len(found) == 4 + 9


def test_crop_by_alpha_holds_a_partial_pixel_and_stays_inside():
    alpha = np.zeros((60, 80), np.float32)
    alpha[0, 79] = 0.5
    sample = Sample(image=drawn.coordinates(), alpha=alpha)
    always = build(("RandomCropByAlpha", {"crop_size": [32, 24], "prob": 1.0}))
    for seed in range(5):
        part = always(sample, rng(seed))
        assert part["alpha"][0, 31] == 0.5 and part["image"][0, 0, :2].tolist() == [0, 48]
    plain = Sample(image=drawn.coordinates(), alpha=np.zeros((60, 80), np.float32))
    assert len({always(plain, rng(seed))["image"].tobytes() for seed in range(5)}) == 5
    with pytest.raises(MattingError, match="RandomCropByAlpha needs an alpha"):
        always(Sample(image=drawn.coordinates()), rng())
