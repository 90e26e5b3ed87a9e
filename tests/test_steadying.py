"""Mattes made steady in time: by one frame's delay, by hand; along the flow, on a drawn clip whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

import drawn
from matting.errors import MattingError
from matting.metrics import dtssd, errors
from matting.video.steadying import DEFAULT, WAYS, FlowFusion, OneFrameDelay, Steadier

HEIGHT, WIDTH = 90, 120


def frame(value: float, shape: tuple[int, int] = (2, 3)) -> tuple[np.ndarray, np.ndarray]:
    return np.full((*shape, 3), 9, np.uint8), np.full(shape, value, np.float32)


def steadied(steadier: Steadier, frames: list[tuple[np.ndarray, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray]]:
    ready = [pair for image, alpha in frames for pair in steadier.push(image, alpha)]
    return ready + steadier.finish()


@pytest.mark.parametrize(
    ("before", "middle", "after", "expected"),
    [
        (0.2, 0.9, 0.28, 0.24),  # the neighbours agree, the pixel with neither: their mean
        (0.2, 0.29, 0.2, 0.29),  # it agrees with both
        (0.2, 0.9, 0.4, 0.9),  # the neighbours do not agree
        (0.0, 0.5, 1.0, 0.5),  # it is on its way
        (1.0, 0.0, 1.0, 1.0),
    ],
)
def test_one_frames_delay_by_hand(before: float, middle: float, after: float, expected: float) -> None:
    results = steadied(OneFrameDelay(), [frame(before), frame(middle), frame(after)])
    assert [float(alpha[1, 2]) for _, alpha in results] == pytest.approx([before, expected, after])


def test_one_frames_delay_looks_at_mattes_as_they_came() -> None:
    values = [0.0, 1.0, 0.0, 1.0, 0.0]
    results = steadied(OneFrameDelay(), [frame(value) for value in values])
    assert [float(alpha[0, 0]) for _, alpha in results] == [0, 0, 1, 0, 0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_every_frame_comes_back_once_in_its_order(way: str, count: int) -> None:
    rng = np.random.default_rng(count)
    frames = [(rng.integers(0, 256, (20, 30, 3), np.uint8), rng.random((20, 30), np.float32)) for _ in range(count)]
    steadier = WAYS[way]()
    for _ in range(2):  # a clip after a clip
        results = steadied(steadier, frames)
        assert len(results) == count
        for (image, matte), (shown, alpha) in zip(results, frames, strict=True):
            assert image is shown and matte.shape == alpha.shape and matte.dtype == np.float32
            assert matte.min() >= 0 and matte.max() <= 1


@pytest.mark.parametrize(("way", "held"), [("delay", 1), ("flow", 2)])
def test_so_many_frames_are_held_back(way: str, held: int) -> None:
    steadier, given = WAYS[way](), 0
    for number in range(1, 6):
        given += len(steadier.push(*frame(0.5, (20, 30))))
        assert given == max(number - held, 0)


def test_the_default_is_one_of_the_ways() -> None:
    assert DEFAULT in WAYS


@pytest.mark.parametrize("way", WAYS)
def test_another_size_begins_another_clip(way: str) -> None:
    frames = [frame(0.1, (20, 30)), frame(0.2, (20, 30)), frame(0.9, (30, 20)), frame(0.8, (30, 20))]
    results = steadied(WAYS[way](), frames)
    assert [matte.shape for _, matte in results] == [(20, 30)] * 2 + [(30, 20)] * 2
    assert results[1][1].max() <= 0.2 + 1e-6 and results[2][1].min() >= 0.8 - 1e-6


@pytest.mark.parametrize("way", WAYS)
def test_a_matte_of_another_size_is_refused(way: str) -> None:
    with pytest.raises(MattingError, match=r"the matte is \(3, 2\) but its frame is \(2, 3\)"):
        WAYS[way]().push(frame(0)[0], np.zeros((3, 2), np.float32))


def clip(count: int = 8) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return frames of a textured disc that moves over a texture, and its true mattes."""
    disc, cloth = drawn.disc(HEIGHT, WIDTH), drawn.texture(HEIGHT, WIDTH, 1)
    ground = drawn.texture(HEIGHT, WIDTH, 2) // 3
    images, truths = [], []
    for number in range(count):
        alpha, colours = np.roll(disc, 2 * number, axis=1), np.roll(cloth, 2 * number, axis=1)
        images.append(np.rint(alpha[..., None] * colours + (1 - alpha[..., None]) * ground).astype(np.uint8))
        truths.append(alpha.astype(np.float32))
    return images, truths


def flicker(mattes: list[np.ndarray], truths: list[np.ndarray]) -> float:
    pairs = zip(mattes[1:], mattes, truths[1:], truths, strict=False)
    return float(np.mean([dtssd(*pair) for pair in pairs]))


def test_the_flow_takes_flicker_away_and_keeps_moving_edges() -> None:
    images, truths = clip()
    rng = np.random.default_rng(0)
    shaky = [np.clip(t * (1 + rng.normal(0, 0.1)) + rng.normal(0, 0.02), 0, 1).astype(np.float32) for t in truths]
    steady = [matte for _, matte in steadied(FlowFusion(), list(zip(images, shaky, strict=True)))]
    assert flicker(steady, truths) < 0.8 * flicker(shaky, truths)
    mad = [np.mean([errors(m, t).mad for m, t in zip(mattes, truths, strict=True)]) for mattes in (steady, shaky)]
    assert mad[0] <= mad[1]
    # What was right already stays so, though it moves by 2 pixels a frame.
    still = [matte for _, matte in steadied(FlowFusion(), list(zip(images, truths, strict=True)))]
    assert np.mean([errors(m, t).mad for m, t in zip(still, truths, strict=True)]) < 0.004


def test_a_cut_to_another_scene_is_not_fused() -> None:
    (first, alphas), rng = clip(2), np.random.default_rng(1)
    other = np.clip(255 - first[1].astype(int) + rng.integers(-40, 40, first[1].shape), 0, 255).astype(np.uint8)
    empty = np.zeros_like(alphas[0])
    results = steadied(FlowFusion(), [(first[0], alphas[0]), (other, empty), (other, empty)])
    assert np.abs(results[1][1] - empty).mean() < 0.05
    np.testing.assert_allclose(results[2][1], empty, atol=0.02)
