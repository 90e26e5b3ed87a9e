"""Laws of the transforms: layers move together, every way in has its way out, inputs stay as they are."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

import drawn
from matting.errors import MattingError
from matting.registry import TRANSFORMS
from matting.sample import Sample
from matting.system import processes
from matting.transforms import Compose
from matting.transforms.compose import size_of
from matting.transforms.geometry import undo

GEOMETRIC = [
    ("LoadImages", {}),
    ("LoadImages", {"to_rgb": False}),
    ("Resize", {"target_size": [70, 50]}),
    ("RandomResize", {"size": [40, 40], "scale": [0.8, 1.5]}),
    ("ResizeByShort", {"short_size": 47}),
    ("ResizeByLong", {"long_size": 101}),
    ("ResizeToIntMult", {"mult_int": 16}),
    ("LimitShort", {"max_short": 50}),
    ("LimitLong", {"min_long": 90}),
    ("ResizeByReference", {"ref_size": 48, "mult_int": 8}),
    ("Padding", {"target_size": [96, 64]}),
    ("RandomHorizontalFlip", {"prob": 1.0}),
    ("RandomCrop", {"crop_size": [32, 24]}),
    ("RandomCropByAlpha", {"crop_size": [[32, 24], [100, 20]], "prob": 1.0}),
]
PHOTOMETRIC = [
    ("RandomDistort", {}),
    ("RandomBlur", {"prob": 1.0}),
    ("RandomSharpen", {"prob": 1.0}),
    ("RandomNoise", {"prob": 1.0}),
    ("RandomReJpeg", {"prob": 1.0}),
    ("Normalize", {}),
]
INVERTIBLE = [case for case in GEOMETRIC if "Crop" not in case[0]]


def build(case):
    name, keys = case
    return TRANSFORMS[name](**keys)


def rng(seed=0):
    return np.random.default_rng(seed)


def applied(transform):
    return transform(drawn.layers(), rng(3))


def test_import_is_quick_and_free_of_paddle():
    code = "import sys, matting.transforms; print([name for name in sys.modules if name.startswith('paddle')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_transform_is_tested_here():
    assert {name for name, _ in GEOMETRIC + PHOTOMETRIC} == set(TRANSFORMS)


@pytest.mark.parametrize("case", GEOMETRIC + PHOTOMETRIC, ids=str)
def test_pure_repeatable_and_consistent(case):
    transform = build(case)
    sample = drawn.layers()
    frozen = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in sample.items()}
    one, two = transform(sample, rng(3)), transform(sample, rng(3))
    assert transform.geometric == (case in GEOMETRIC)
    for key, value in frozen.items():
        np.testing.assert_array_equal(sample[key], value)
    for key in sample:
        np.testing.assert_array_equal(one[key], two[key])
    assert one.keys() == sample.keys()
    assert {one[key].shape[:2] for key in ("image", "alpha", "trimap", "foreground", "background")} == {size_of(one)}
    assert one["alpha"].dtype == np.float32 and one["alpha"].min() >= 0 and one["alpha"].max() <= 1
    assert one["trimap"].dtype == np.uint8 and set(np.unique(one["trimap"])) <= {0, 128, 255}
    if case not in GEOMETRIC:
        np.testing.assert_array_equal(one["alpha"], sample["alpha"])
        np.testing.assert_array_equal(one["trimap"], sample["trimap"])


def test_every_transform_does_the_same_in_a_worker():
    transforms = [build(case) for case in GEOMETRIC + PHOTOMETRIC]
    here, there = (processes.run(applied, transforms, workers, "") for workers in (0, 1))
    for one, other in zip(here, there, strict=True):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


@pytest.mark.parametrize("case", GEOMETRIC, ids=str)
def test_image_and_alpha_move_together(case):
    rows, columns = np.mgrid[:60, :80].astype(np.float32)
    picture = drawn.coordinates()
    sample = Sample(image=picture, alpha=(rows + 1) / 300, foreground=picture, background=picture)
    moved = build(case)(sample, rng(1))
    inside = moved["alpha"] > 1 / 300
    row = moved["image"][..., 2 if case[1] == {"to_rgb": False} else 0]
    assert np.abs(moved["alpha"] * 300 - 1 - row)[inside].max() <= 1  # OpenCV's 8-bit weights are coarse
    np.testing.assert_array_equal(moved["image"], moved["foreground"])
    np.testing.assert_array_equal(moved["image"], moved["background"])


@pytest.mark.parametrize("case", GEOMETRIC, ids=str)
def test_composite_law_holds_for_layers_moved_before_compositing(case):
    sample = drawn.layers()
    del sample["image"]
    coarse = drawn.texture(30, 40, 2)
    for background in (sample["background"], coarse):
        moved = build(case)({**sample, "background": background}, rng(2))
        height, width = moved["background"].shape[:2]
        assert moved["foreground"].shape[:2] == moved["alpha"].shape
        assert abs(height / width - background.shape[0] / background.shape[1]) < 10  # any resolution, never empty


@pytest.mark.parametrize("case", INVERTIBLE, ids=str)
@pytest.mark.parametrize("size", [(60, 80), (81, 57), (33, 200)])
def test_undo_restores_shape_and_values(case, size):
    sample = drawn.layers(*size)
    moved = build(case)(sample, rng(4))
    back = undo(moved["alpha"], moved["undo"])
    assert back.shape == size and back.dtype == np.float32 and back.flags.c_contiguous
    smooth = cv2.GaussianBlur(sample["alpha"], (0, 0), 6)
    moved = build(case)(Sample(image=sample["image"], alpha=smooth), rng(4))
    assert np.abs(undo(moved["alpha"], moved.get("undo", ())) - smooth).max() < 0.06


def test_undo_of_a_chain():
    chain = [build(case) for case in INVERTIBLE]
    smooth = cv2.GaussianBlur(drawn.disc(100, 140), (0, 0), 9)
    moved = Compose(chain)(Sample(image=drawn.texture(100, 140), alpha=smooth))
    assert len(moved["undo"]) >= 6
    assert np.abs(undo(moved["alpha"], moved["undo"]) - smooth).max() < 0.08
    assert undo(np.full((4, 4), 1.5, np.float32), ()).max() == 1


def test_padding_and_flip_are_undone_exactly():
    sample = drawn.layers()
    moved = Compose([build(("Padding", {"target_size": [96, 64]})), build(("RandomHorizontalFlip", {"prob": 1.0}))])(
        sample
    )
    np.testing.assert_array_equal(undo(moved["alpha"], moved["undo"]), sample["alpha"])


@pytest.mark.parametrize(
    "case, size, expected",
    [
        (("ResizeByShort", {"short_size": 512}), (1080, 1619), (512, 768)),
        (("ResizeByLong", {"long_size": 512}), (1080, 1619), (342, 512)),
        (("ResizeByShort", {"short_size": 50}), (100, 101), (50, 50)),
        (("ResizeByLong", {"long_size": 3}), (1, 1000), (1, 3)),
        (("ResizeToIntMult", {}), (342, 512), (320, 512)),
        (("ResizeToIntMult", {}), (31, 70), (32, 64)),
        (("LimitShort", {"max_short": 100, "min_short": 50}), (40, 80), (50, 100)),
        (("LimitShort", {"max_short": 100, "min_short": 50}), (70, 800), (70, 800)),
        (("LimitLong", {"max_long": 400}), (70, 800), (35, 400)),
        (("LimitLong", {"max_long": 95, "min_long": 90}), (60, 45), (90, 68)),
        (("RandomResize", {"size": [100, 100]}), (50, 25), (200, 100)),
        (("RandomResize", {"size": [100, 100], "mult_int": 32}), (50, 25), (192, 96)),
        (("ResizeByReference", {}), (300, 600), (288, 576)),
        (("ResizeByReference", {}), (1080, 1920), (512, 896)),
        (("ResizeByReference", {}), (200, 100), (1024, 512)),
        (("ResizeByReference", {}), (512, 512), (512, 512)),
        (("ResizeByReference", {}), (10, 600), (32, 576)),
    ],
)
def test_sizes(case, size, expected):
    moved = build(case)(Sample(image=np.zeros((*size, 3), np.uint8)), rng())
    assert moved["image"].shape[:2] == expected
    assert ("undo" in moved) == (expected != size)


def test_paddleseg_names_give_paddleseg_pixels():
    picture = drawn.texture(75, 110)
    cases = [
        (("Resize", {"target_size": [64, 32]}), (64, 32)),
        (("ResizeByShort", {"short_size": 32}), (47, 32)),
        (("ResizeToIntMult", {}), (96, 64)),
    ]
    for case, size in cases:
        expected = cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)
        np.testing.assert_array_equal(build(case)(Sample(image=picture), rng())["image"], expected)
    normal = build(("Normalize", {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}))
    expected = (picture.astype(np.float32) / 255 - np.float64([0.485, 0.456, 0.406])) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(normal(Sample(image=picture), rng())["image"], expected, rtol=1e-6, atol=1e-6)


def test_reference_rule_averages_areas():
    picture = drawn.texture(128, 192)
    moved = build(("ResizeByReference", {"ref_size": 64}))(Sample(image=picture), rng())
    blocks = picture.reshape(64, 2, 96, 2, 3).mean((1, 3))
    assert np.abs(moved["image"] - blocks).max() <= 0.5


@pytest.mark.parametrize(
    "name, keys",
    [
        ("RandomCrop", {"crop_size": [0, 10]}),
        ("RandomCrop", {"crop_size": []}),
        ("RandomCropByAlpha", {"crop_size": 320}),
        ("RandomCropByAlpha", {"prob": 1.5}),
        ("Resize", {"target_size": [512]}),
        ("Resize", {"target_size": "512"}),
        ("RandomResize", {"scale": [2, 1]}),
        ("RandomResize", {"size": [1.5, 2]}),
        ("RandomResize", {"mult_int": 0}),
        ("ResizeByShort", {"short_size": -1}),
        ("ResizeByLong", {"long_size": True}),
        ("ResizeToIntMult", {"mult_int": 0}),
        ("LimitLong", {"max_long": 10, "min_long": 20}),
        ("LimitShort", {"max_short": 10.5}),
        ("Padding", {"target_size": [1, None]}),
        ("Padding", {"target_size": [1, 1], "im_padding_value": [300, 0, 0]}),
        ("RandomDistort", {"hue_prob": "often"}),
        ("RandomDistort", {"brightness_range": -1}),
        ("RandomHorizontalFlip", {"prob": float("nan")}),
        ("Normalize", {"std": [0.5, 0.5, 0]}),
        ("Normalize", {"mean": 0.5}),
        ("LoadImages", {"to_rgb": "yes"}),
        ("ResizeByReference", {"ref_size": None}),
    ],
)
def test_bad_values_are_refused_with_transform_and_key(name, keys):
    with pytest.raises(MattingError) as caught:
        TRANSFORMS[name](**keys)
    assert str(caught.value).startswith(f"{name}: ")
    assert any(key in str(caught.value) for key in keys)


def test_compose_takes_a_list_of_transforms_only():
    with pytest.raises(MattingError, match="must be a list of transforms"):
        Compose(["Resize"])
    noisy = Compose([build(("RandomNoise", {"prob": 1.0}))])
    np.testing.assert_array_equal(noisy(drawn.layers())["image"], noisy(drawn.layers())["image"])
    assert not np.array_equal(noisy(drawn.layers(), rng(1))["image"], noisy(drawn.layers(), rng(2))["image"])
