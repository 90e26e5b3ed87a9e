"""Edges at full size: found where colours tell, left alone everywhere else, the same by every way in."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from matting import refine as refining
from matting.choices import REFINEMENTS
from matting.commands import shared
from matting.deployment.loading import Runtime
from matting.engines.network import Interface
from matting.errors import MattingError
from matting.predictor import Predictor
from matting.refine import refine
from matting.transforms import Normalize, ResizeByShort

HOWS = REFINEMENTS[1:]
LEVEL = 1 / 255


def strands(height: int = 96, width: int = 144) -> tuple[np.ndarray, np.ndarray]:
    """Return a picture of an object with thin strands before another colour, and its alpha."""
    alpha = np.zeros((height, width), np.uint8)
    cv2.rectangle(alpha, (0, 0), (width // 3, height), 255, -1)
    for number in range(8):
        row = 5 + number * height // 8
        cv2.line(alpha, (width // 3, row), (width * 2 // 3, row + number - 4), 255, 1, cv2.LINE_AA)
    truth = alpha.astype(np.float32) / 255
    colours = np.array([40, 30, 20]), np.array([150, 190, 210])
    image = truth[..., None] * colours[0] + (1 - truth[..., None]) * colours[1]
    noise = np.random.default_rng(0).normal(0, 2, image.shape)
    return np.clip(np.rint(image + noise), 0, 255).astype(np.uint8), truth


def reduced(truth: np.ndarray, factor: float = 4) -> tuple[np.ndarray, np.ndarray]:
    """Return a matte as a network at a fraction of the size would give it, enlarged and small."""
    size = tuple(max(round(side / factor), 1) for side in truth.shape)
    small = cv2.resize(truth, size[::-1], interpolation=cv2.INTER_AREA).reshape(size)
    return cv2.resize(small, truth.shape[::-1], interpolation=cv2.INTER_LINEAR).reshape(truth.shape), small


@pytest.mark.parametrize("how", HOWS)
def test_strands_come_back_where_colours_tell(how: str) -> None:
    image, truth = strands()
    alpha, small = reduced(truth)
    found = refine(image, alpha, small, how)
    assert found.dtype == np.float32 and found.min() >= 0 and found.max() <= 1
    assert np.square(found - truth).mean() < 0.35 * np.square(alpha - truth).mean()
    assert np.abs(found - truth).mean() < 0.6 * np.abs(alpha - truth).mean()


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("value", [0, 117, 255])
def test_a_picture_of_one_colour_leaves_alpha_as_it_was(how: str, value: int) -> None:
    image, truth = strands()
    alpha, small = reduced(truth)
    np.testing.assert_allclose(refine(np.full_like(image, value), alpha, small, how), alpha, atol=1e-6)


@pytest.mark.parametrize("how", HOWS)
def test_colours_that_tell_nothing_change_little(how: str) -> None:
    _, truth = strands()
    image = np.random.default_rng(1).integers(0, 256, (*truth.shape, 3), dtype=np.uint8)
    alpha, small = reduced(truth)
    found = refine(image, alpha, small, how)
    assert np.square(found - truth).mean() < 1.1 * np.square(alpha - truth).mean()


@pytest.mark.parametrize("how", HOWS)
def test_far_from_the_band_alpha_keeps_every_bit(how: str) -> None:
    image, truth = strands(96, 288)
    alpha, small = reduced(truth)
    far = np.ones(truth.shape, bool)
    reach = 4 * (refining._REACH + 3)
    far[cv2.dilate(((truth > 0) & (truth < 1)).astype(np.uint8), np.ones((2 * reach, 2 * reach))) > 0] = False
    far[:, 96 - reach : 96 + reach] = False
    assert far[:, :90].any() and far[:, 200:].any()
    alpha[:, 250:] = 0.001  # undecided by less than counts
    small[:, 63:] = 0.001
    np.testing.assert_array_equal(refine(image, alpha, small, how)[far], alpha[far])


@pytest.mark.parametrize("how", HOWS)
def test_mirroring_commutes(how: str) -> None:
    image, truth = strands(97, 143)
    alpha, small = reduced(truth)
    there = refine(image, alpha, small, how)
    mirrored = refine(*(np.ascontiguousarray(layer[:, ::-1]) for layer in (image, alpha, small)), how)
    np.testing.assert_allclose(mirrored[:, ::-1], there, atol=LEVEL)


@pytest.mark.parametrize("how", HOWS)
def test_tiles_equal_the_whole(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    image, truth = strands(97, 143)
    alpha, small = reduced(truth)
    whole = refine(image, alpha, small, how)
    monkeypatch.setattr(refining, "_TILE", 17)
    np.testing.assert_allclose(refine(image, alpha, small, how), whole, atol=LEVEL)


def test_a_part_is_enlarged_as_opencv_enlarges_the_whole() -> None:
    plane = np.random.default_rng(0).random((7, 9)).astype(np.float32)
    wanted = cv2.resize(plane, (40, 33), interpolation=cv2.INTER_LINEAR)
    for top, left in ((0, 0), (0, 25), (20, 0), (21, 28)):
        part = refining._enlarged(plane, top, left, (12, 12), (33, 40))
        np.testing.assert_allclose(part, wanted[top : top + 12, left : left + 12], atol=LEVEL)


def test_a_window_is_fitted_as_least_squares_fit_it() -> None:
    image, truth = strands(40, 60)
    row, column, radius = 20, 25, refining._RADIUS
    part = slice(row - radius, row + radius + 1), slice(column - radius, column + radius + 1)
    colours = image[part].reshape(-1, 3) / 255
    weight = np.sqrt(float(refining._EPSILON) * len(colours))
    matrix = np.vstack([np.column_stack([colours, np.ones(len(colours))]), np.diag([weight, weight, weight, 0])[:3]])
    wanted = np.linalg.lstsq(matrix, np.append(truth[part].ravel(), np.zeros(3)))[0]
    slope, offset, *_ = refining._lines(image, truth.shape).fitted(truth)
    found = [plane[row, column] for plane in (*slope, offset)]
    np.testing.assert_allclose(found, wanted, rtol=0.01, atol=0.01)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 40), (31, 7)])
def test_pictures_of_any_size(how: str, size: tuple[int, int]) -> None:
    draw = np.random.default_rng(2)
    image = draw.integers(0, 256, (*size, 3), dtype=np.uint8)
    alpha, small = reduced(draw.random(size).astype(np.float32), 3)
    found = refine(image, alpha, small, how)
    assert found.shape == size and np.isfinite(found).all() and found.min() >= 0 and found.max() <= 1


@pytest.mark.parametrize("how", REFINEMENTS)
def test_nothing_is_enlarged_nothing_is_changed(how: str) -> None:
    image, truth = strands()
    assert refine(image, truth, truth, how) is truth


@pytest.mark.parametrize("value", [0, 1])
def test_a_decided_matte_is_left_alone(value: int) -> None:
    image, truth = strands()
    alpha, small = reduced(np.full_like(truth, value))
    assert refine(image, alpha, small, "best") is alpha


def test_what_there_is_not_is_refused() -> None:
    image, truth = strands()
    with pytest.raises(MattingError, match="must be one of none, fast, best"):
        refine(image, truth, truth, "good")
    with pytest.raises(MattingError, match="must be one of none, fast, best"):
        Predictor(Red(), [], "good")


class Red:
    """A network that finds the object by its red."""

    interface = Interface(("image",), 1, 1)

    def __call__(self, image: np.ndarray) -> dict[str, np.ndarray]:
        red = image[:, :1] * 0.5 + 0.5  # Normalize's mean and standard deviation are 0.5
        return {"alpha": np.clip((170 / 255 - red) / (110 / 255), 0, 1)}


@pytest.mark.parametrize("transforms", [[ResizeByShort(24), Normalize()], [Normalize()]])
def test_the_predictor_refines_where_it_enlarges(transforms: list) -> None:
    image, truth = strands()
    plain = Predictor(Red(), transforms)(image)
    refined = Predictor(Red(), transforms, "fast")(image)
    streamed, _ = Predictor(Red(), transforms, "fast").stream()(image)
    np.testing.assert_array_equal(refined, streamed)
    if len(transforms) == 1:
        np.testing.assert_array_equal(refined, plain)
    else:
        assert np.square(refined - truth).mean() < 0.5 * np.square(plain - truth).mean()


class Leaning(Red):
    """Finds more of what is undecided at the right than at the left, and counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        self.calls += 1
        alpha = super().__call__(inputs[0])["alpha"]
        lean = np.linspace(-0.35, 0.35, alpha.shape[3], dtype=np.float32)
        return {"alpha": alpha + lean * alpha * (1 - alpha), "next_memory": alpha}


def test_best_asks_a_network_about_the_mirrored_picture_too() -> None:
    image, truth = strands()
    network, transforms = Leaning(), [ResizeByShort(24), Normalize()]
    predictor = Predictor(network, transforms, "best")
    there = predictor(image)
    assert network.calls == 2
    mirrored = predictor(np.ascontiguousarray(image[:, ::-1]))[:, ::-1]
    np.testing.assert_allclose(mirrored, there, atol=0.02)
    once = Predictor(network, transforms, "fast")
    turned = once(np.ascontiguousarray(image[:, ::-1]))[:, ::-1]
    assert np.abs(turned - once(image)).max() > 0.1


def test_a_padded_picture_is_mirrored_with_its_padding() -> None:
    image, _ = strands(100, 100)
    network, straight = Leaning(), Red()
    network.interface = straight.interface = Interface(("image",), 16, 16)
    leaning, upright = (Predictor(one, [ResizeByShort(25), Normalize()], "best")(image) for one in (network, straight))
    np.testing.assert_allclose(leaning, upright, atol=0.02)


def test_networks_are_asked_once_where_nothing_is_refined_or_something_is_remembered() -> None:
    image, _ = strands()
    network = Leaning()
    Predictor(network, [ResizeByShort(24), Normalize()], "fast")(image)
    Predictor(network, [Normalize()], "best")(image)
    Predictor(network, [ResizeByShort(200), Normalize()], "best")(image)
    assert network.calls == 3
    network.interface = Interface(("image",), 1, 1, states=("memory",))
    Predictor(network, [ResizeByShort(24), Normalize()], "best").stream()(image)
    assert network.calls == 4


def test_a_second_look_moves_the_band_alone_and_not_far() -> None:
    _, truth = strands(96, 288)
    _, small = reduced(truth)
    other = np.clip(small + np.float32(0.06), 0, 1)
    moved = refining.joined(small, other) - small
    assert not moved[:, :20].any() and not moved[:, 52:].any()
    np.testing.assert_allclose(moved[:, 30][small[:, 30] < 0.9], 0.03, atol=1e-6)
    far = refining.joined(small, 1 - small) - small
    assert far.any() and not far[:, :20].any() and not far[:, 52:].any()
    np.testing.assert_allclose(np.abs(far).max(), 0.1, atol=1e-6)


def test_what_a_trimap_knows_still_holds() -> None:
    image, truth = strands()
    trimap = np.where(truth > 0.5, 255, np.where(truth == 0, 0, 128)).astype(np.uint8)
    alpha = Predictor(Red(), [ResizeByShort(24), Normalize()], "best")(image, trimap)
    assert (alpha[trimap == 255] == 1).all() and (alpha[trimap == 0] == 0).all()


def test_the_flag_names_what_there_is() -> None:
    parser = shared.bare_parser("")
    shared.add_refine(parser, "fast")
    assert parser.parse_args([]).refine == "fast" and Runtime().refine == "none"
    for how in REFINEMENTS:
        assert parser.parse_args(["--refine", how]).refine == how
