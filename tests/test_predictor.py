"""One path from photograph to matte: sizes come back, known pixels hold, misuse is named."""

from __future__ import annotations

import numpy as np
import pytest

from matting.engines.network import Interface
from matting.errors import MattingError
from matting.predictor import Predictor
from matting.transforms import Normalize, ResizeByShort, ResizeToIntMult


class Copy:
    """A network that returns the picture's red channel, and notes the sizes it is asked for."""

    interface = Interface(("image",), 32, 32)

    def __init__(self) -> None:
        self.sizes: list[tuple[int, ...]] = []

    def __call__(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        self.sizes.append(inputs[0].shape)
        return {"alpha": inputs[0][:, :1] / 255}


class CopyTrimap(Copy):
    interface = Interface(("image", "trimap"), 32, 32)

    def __call__(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        super().__call__(*inputs)
        return {"alpha": inputs[1] / 255}


def ramp(height: int, width: int) -> np.ndarray:
    row = np.linspace(0, 255, width).round().astype(np.uint8)
    return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()


@pytest.mark.parametrize("size", [(64, 64), (33, 95), (1, 1), (7, 200)])
def test_the_matte_has_the_photographs_size(size: tuple[int, int]) -> None:
    network = Copy()
    image = ramp(*size)
    alpha = Predictor(network, [])(image)
    assert alpha.shape == size and alpha.dtype == np.float32
    assert all(side % 32 == 0 for side in network.sizes[0][2:])
    np.testing.assert_allclose(alpha, image[..., 0] / 255, atol=1e-6)


def test_resizing_is_undone() -> None:
    image = ramp(150, 210)
    alpha = Predictor(Copy(), [ResizeByShort(64), ResizeToIntMult(32)])(image)
    assert alpha.shape == (150, 210)
    np.testing.assert_allclose(alpha, image[..., 0] / 255, atol=0.02)


def test_known_pixels_are_imposed() -> None:
    trimap = np.full((40, 50), 128, np.uint8)
    trimap[:10], trimap[-10:] = 0, 255
    alpha = Predictor(Copy(), [])(ramp(40, 50), trimap)
    assert (alpha[:10] == 0).all() and (alpha[-10:] == 1).all()
    np.testing.assert_allclose(alpha[10:30], ramp(40, 50)[10:30, :, 0] / 255, atol=1e-6)


def test_the_trimap_reaches_a_network_that_takes_one() -> None:
    trimap = np.where(ramp(40, 50)[..., 0] > 127, 255, 128).astype(np.uint8)
    alpha = Predictor(CopyTrimap(), [Normalize()])(ramp(40, 50), trimap)
    np.testing.assert_allclose(alpha[trimap == 128], 128 / 255, atol=1e-6)


def test_misuse_is_named() -> None:
    image = ramp(40, 50)
    with pytest.raises(MattingError, match="RGB uint8"):
        Predictor(Copy(), [])(image.astype(np.float32))
    with pytest.raises(MattingError, match="RGB uint8"):
        Predictor(Copy(), [])(image[..., 0])
    with pytest.raises(MattingError, match="needs a trimap"):
        Predictor(CopyTrimap(), [])(image)
    with pytest.raises(MattingError, match="sizes must agree"):
        Predictor(Copy(), [])(image, np.zeros((50, 40), np.uint8))


def test_the_photograph_is_never_changed() -> None:
    image = ramp(40, 50)
    before = image.copy()
    Predictor(Copy(), [ResizeByShort(64), Normalize()])(image)
    np.testing.assert_array_equal(image, before)
