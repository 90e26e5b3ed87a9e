"""Streams: the frames of a clip in turn, with what a network remembers given back to it."""

from __future__ import annotations

import numpy as np
import pytest

from matting.engines.network import Interface
from matting.errors import MattingError
from matting.predictor import Predictor


class Mean:
    """Alpha is the mean brightness of all frames so far."""

    interface = Interface(outputs=("alpha", "foreground"), states=("sum", "count"))

    def __call__(self, *arrays: np.ndarray) -> dict[str, np.ndarray]:
        named = self.interface.completed(arrays)
        total, count = named["sum"] + named["image"].mean(axis=1, keepdims=True), named["count"] + 1
        foreground = named["image"] / 255
        return {"alpha": total / count / 255, "foreground": foreground, "next_sum": total, "next_count": count}


def frame(value: int, height: int = 2, width: int = 3) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_states_are_carried_from_frame_to_frame() -> None:
    stream = Predictor(Mean(), []).stream()
    alphas = [stream(frame(value))[0] for value in (51, 153, 255)]
    assert [alpha.shape for alpha in alphas] == [(2, 3)] * 3 and alphas[0].dtype == np.float32
    np.testing.assert_allclose([alpha[1, 2] for alpha in alphas], [0.2, 0.4, 0.6], atol=1e-6)


def test_another_size_and_reset_begin_anew() -> None:
    stream = Predictor(Mean(), []).stream()
    stream(frame(0))
    assert stream(frame(255, 3, 2))[0][0, 0] == pytest.approx(1)
    assert stream(frame(0, 3, 2))[0][0, 0] == pytest.approx(0.5)
    stream.reset()
    assert stream(frame(0, 3, 2))[0][0, 0] == pytest.approx(0)


def test_streams_of_one_predictor_do_not_share_what_they_remember() -> None:
    predictor = Predictor(Mean(), [])
    first, second = predictor.stream(), predictor.stream()
    first(frame(255))
    assert second(frame(51))[0][0, 0] == pytest.approx(0.2)
    assert predictor(frame(102))[0, 0] == pytest.approx(0.4)  # a photograph is a clip of one frame


def test_a_frame_that_fails_is_not_remembered() -> None:
    stream = Predictor(Mean(), []).stream()
    stream(frame(51))
    with pytest.raises(MattingError, match="takes \\(H, W, 3\\) RGB uint8"):
        stream(frame(51).astype(np.float32))
    assert stream(frame(153))[0][0, 0] == pytest.approx(0.4)


def test_the_foregrounds_colours_keep_their_order() -> None:
    picture = np.zeros((4, 5, 3), np.uint8)
    picture[..., 0], picture[1, 2] = 200, (10, 20, 30)
    _, foreground = Predictor(Mean(), []).stream()(picture)
    assert foreground is not None and foreground.dtype == np.uint8
    np.testing.assert_array_equal(foreground, picture)


def test_a_network_without_memory_sees_each_frame_by_itself() -> None:
    class Threshold:
        interface = Interface()

        def __call__(self, *arrays: np.ndarray) -> dict[str, np.ndarray]:
            return {"alpha": (arrays[0][:, :1] > 100).astype(np.float32)}

    stream = Predictor(Threshold(), []).stream()
    for value, expected in ((200, 1), (0, 0)):
        alpha, foreground = stream(frame(value))
        assert foreground is None and (alpha == expected).all()
