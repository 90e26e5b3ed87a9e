"""Changes of colour: one draw serves image, foreground and background; alpha and trimap are never touched."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from matting.errors import MattingError
from matting.registry import TRANSFORMS
from matting.sample import COLOUR_LAYERS, Sample
from matting.transforms import checks
from matting.transforms.compose import Transform, map_layers

_LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in grey (ITU-R BT.601), as PaddleSeg's colour changes weigh them."""


def _check_levels(transform: Transform, sample: Sample) -> None:
    if "image" not in sample or sample["image"].dtype != np.uint8:
        raise MattingError(f"{type(transform).__name__} works on 8-bit colours; put it before Normalize, and only once")


class _Sometimes(Transform):
    """A change of 8-bit colours that happens to a share of the samples.

    Args:
        prob: how often.
    """

    def __init__(self, prob: float = 0.1) -> None:
        self.prob = checks.probability(self, "prob", prob)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        _check_levels(self, sample)
        return sample if rng.random() >= self.prob else self._change(sample, rng)

    def _change(self, sample: Sample, rng: np.random.Generator) -> Sample:
        raise NotImplementedError


@TRANSFORMS.register
class RandomDistort(Transform):
    """Changes brightness, contrast, saturation and hue by random amounts, in random order.

    Each change is an affine map of (red, green, blue), and so is their product, which is applied to the three colour
    layers alike: `I = alpha F + (1 - alpha) B` holds after it as before, but for what leaves the range and is clipped.
    Differs: contrast turns every layer about the image's mean grey, not its own; hue is a rotation about the grey axis,
    which is such a map, instead of a shift in HSV, which is not; and nothing is clipped between the changes.

    Args:
        brightness_range, contrast_range, saturation_range: the factor is drawn from 1 - range to 1 + range.
        hue_range: the shift is drawn from -range to range, where 256 is the full circle.
        brightness_prob, contrast_prob, saturation_prob, hue_prob: how often each is changed.
    """

    def __init__(
        self,
        brightness_range: float = 0.5,
        brightness_prob: float = 0.5,
        contrast_range: float = 0.5,
        contrast_prob: float = 0.5,
        saturation_range: float = 0.5,
        saturation_prob: float = 0.5,
        hue_range: float = 18,
        hue_prob: float = 0.5,
    ) -> None:
        self.brightness_range = checks.number(self, "brightness_range", brightness_range, 0, 1)
        self.brightness_prob = checks.probability(self, "brightness_prob", brightness_prob)
        self.contrast_range = checks.number(self, "contrast_range", contrast_range, 0, 1)
        self.contrast_prob = checks.probability(self, "contrast_prob", contrast_prob)
        self.saturation_range = checks.number(self, "saturation_range", saturation_range, 0, 1)
        self.saturation_prob = checks.probability(self, "saturation_prob", saturation_prob)
        self.hue_range = checks.number(self, "hue_range", hue_range, 0, 128)
        self.hue_prob = checks.probability(self, "hue_prob", hue_prob)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        _check_levels(self, sample)
        changes: list[tuple[float, Callable[[np.ndarray], np.ndarray]]] = [
            (self.brightness_prob, lambda mean: _brightness(1 + rng.uniform(-1, 1) * self.brightness_range)),
            (self.contrast_prob, lambda mean: _contrast(1 + rng.uniform(-1, 1) * self.contrast_range, mean)),
            (self.saturation_prob, lambda mean: _saturation(1 + rng.uniform(-1, 1) * self.saturation_range)),
            (self.hue_prob, lambda mean: _hue(rng.uniform(-1, 1) * self.hue_range)),
        ]
        mean = np.array(cv2.mean(sample["image"])[:3])
        combined = np.eye(4)
        for position in rng.permutation(len(changes)):
            prob, change = changes[position]
            if rng.random() < prob:
                combined = change((combined @ [*mean, 1])[:3]) @ combined
        if np.array_equal(combined, np.eye(4)):
            return sample
        return map_layers(sample, COLOUR_LAYERS, lambda layer: cv2.transform(layer, combined[:3]))


def _affine(linear: np.ndarray, offset: float = 0) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, :3] = linear
    matrix[:3, 3] = offset
    return matrix


def _brightness(factor: float) -> np.ndarray:
    return _affine(factor * np.eye(3))


def _contrast(factor: float, mean: np.ndarray) -> np.ndarray:
    return _affine(factor * np.eye(3), (1 - factor) * float(_LUMA @ mean))


def _saturation(factor: float) -> np.ndarray:
    return _affine(factor * np.eye(3) + (1 - factor) * np.tile(_LUMA, (3, 1)))


def _hue(shift: float) -> np.ndarray:
    """Rotate about the grey axis by Rodrigues' formula: grey stays grey, and red + green + blue stays as it is."""
    angle = shift * 2 * math.pi / 256
    axis = np.full(3, 1 / math.sqrt(3))
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return _affine(math.cos(angle) * np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * np.outer(axis, axis))


@TRANSFORMS.register
class RandomBlur(_Sometimes):
    """Blurs the colours by a Gaussian of 3 to 9 px.

    Alpha stays sharp, so near its edges the composite law holds only roughly.
    Differs: PaddleSeg Matting blurs alpha too, and rounds 1 / prob down, so that 0.6 means always.

    Args:
        prob: how often.
    """

    def _change(self, sample: Sample, rng: np.random.Generator) -> Sample:
        size = int(rng.integers(3, 10)) | 1  # 3 half as often as 5, 7 and 9, as PaddleSeg Matting draws it
        return map_layers(sample, COLOUR_LAYERS, lambda layer: cv2.GaussianBlur(layer, (size, size), 0))


@TRANSFORMS.register
class RandomSharpen(_Sometimes):
    """Sharpens the colours by an unsharp mask: what a Gaussian (sigma 5) takes away is added again, in part.

    Differs: foreground and background are sharpened by the same amount as the image.

    Args:
        prob: how often.
    """

    def _change(self, sample: Sample, rng: np.random.Generator) -> Sample:
        size = int(rng.choice((0, 3, 5, 7, 9)))  # 0: as wide as the Gaussian needs
        amount = rng.uniform(0.1, 0.5)

        def sharpen(layer: np.ndarray) -> np.ndarray:
            return cv2.addWeighted(layer, 1 + amount, cv2.GaussianBlur(layer, (size, size), 5), -amount, 0)

        return map_layers(sample, COLOUR_LAYERS, sharpen)


@TRANSFORMS.register
class RandomNoise(_Sometimes):
    """Adds Gaussian noise: its mean up to 0.04 and its variance up to 0.001 of the full range, squared.

    The same noise n is added to all colour layers, since `I + n = alpha (F + n) + (1 - alpha) (B + n)`: the composite
    law holds after it. Differs: PaddleSeg Matting adds it to the image alone.

    Args:
        prob: how often.
    """

    def _change(self, sample: Sample, rng: np.random.Generator) -> Sample:
        mean, deviation = 255 * rng.uniform(0, 0.04), 255 * math.sqrt(rng.uniform(0, 0.001))
        noise = rng.standard_normal(sample["image"].shape, np.float32)
        noise = noise * np.float32(deviation) + np.float32(mean)
        return map_layers(sample, COLOUR_LAYERS, lambda layer: cv2.add(layer, noise, dtype=cv2.CV_8U))


@TRANSFORMS.register
class RandomReJpeg(_Sometimes):
    """Sends the image, and it alone, through JPEG of quality 70 to 94, in memory.

    Its traces are what a network must look through; they are not part of foreground and background.

    Args:
        prob: how often.
    """

    def _change(self, sample: Sample, rng: np.random.Generator) -> Sample:
        quality = int(rng.integers(70, 95))
        # The codec calls the channels blue, green and red; told so, it would swap the eye's weights for them.
        encoded = cv2.imencode(".jpg", sample["image"][..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB)
        return map_layers(sample, ("image",), lambda layer: np.asarray(decoded))


@TRANSFORMS.register
class Normalize(Transform):
    """Maps 8-bit colours x to (x / 255 - mean) / std, float32: what networks take.

    Args:
        mean, std: for red, green and blue, in the unit range.
    """

    def __init__(self, mean: Sequence[float] = (0.5, 0.5, 0.5), std: Sequence[float] = (0.5, 0.5, 0.5)) -> None:
        self.mean = checks.triple(self, "mean", mean, -1e6, 1e6)
        self.std = checks.triple(self, "std", std, 1e-6, 1e6)
        levels = np.arange(256, dtype=np.float32)[:, None] / np.float32(255)
        table = ((levels - self.mean).astype(np.float32) / self.std).astype(np.float32)
        self._table = table.reshape(256, 1, 3)

    def __call__(self, sample: Sample, rng: np.random.Generator) -> Sample:
        _check_levels(self, sample)
        # Only 256 values a channel can come out, so they are looked up.
        return map_layers(sample, COLOUR_LAYERS, lambda layer: cv2.LUT(layer, self._table))
