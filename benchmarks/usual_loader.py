"""A loader as most matting code bases have one: everything at full size and in double precision, then a crop.

It stands for PaddleSeg Matting's, whose steps it takes in their order, written anew. Where there was a choice it is the
faster one: the crop comes before the colours are distorted, and normalisation is in single precision.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageEnhance


class UsualLoader:
    """Samples of (image, alpha, trimap, foreground, background), drawn anew at each call.

    Args:
        root: folder of the list, whose lines are `fg` or `fg bg`; mattes are in `alpha`.
        file: the list.
        side: of the crop, in pixels.
    """

    def __init__(self, root: Path, file: str, side: int) -> None:
        self._root, self._side = root, side
        self._lines = [line.split() for line in (root / file).read_text().splitlines()]
        self._rng = np.random.default_rng(0)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        names = self._lines[index]
        foreground = self._read(names[0])
        alpha = cv2.imread(str(self._root / names[0].replace("fg", "alpha").replace(".jpg", ".png")), 0)
        sample = {"image": foreground, "alpha": alpha}
        if len(names) > 1:
            background = self._cover(self._read(names[1]), *alpha.shape)
            weight = np.expand_dims(alpha / 255.0, axis=2)
            image = weight * foreground + (1 - weight) * background
            sample.update(image=image.astype(np.uint8), foreground=foreground, background=background)
        sample["trimap"] = self._trimap(alpha)
        return self._transform(sample)

    def _read(self, name: str) -> np.ndarray:
        return cv2.cvtColor(cv2.imread(str(self._root / name)), cv2.COLOR_BGR2RGB)

    def _cover(self, background: np.ndarray, height: int, width: int) -> np.ndarray:
        scale = max(height / background.shape[0], width / background.shape[1])
        if scale > 1:
            size = int(np.ceil(background.shape[1] * scale)), int(np.ceil(background.shape[0] * scale))
            background = cv2.resize(background, size)
        top = self._rng.integers(background.shape[0] - height + 1)
        left = self._rng.integers(background.shape[1] - width + 1)
        return background[top : top + height, left : left + width]

    def _trimap(self, alpha: np.ndarray) -> np.ndarray:
        size, times = int(self._rng.integers(2, 5)), int(self._rng.integers(5, 15))
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
        dilated = cv2.dilate(alpha, kernel, iterations=times)
        eroded = cv2.erode(alpha, kernel, iterations=times)
        trimap = np.full(alpha.shape, 128)
        trimap[eroded > 254.5] = 255
        trimap[dilated < 0.5] = 0
        return trimap

    def _transform(self, sample: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        height, width = sample["alpha"].shape
        top = int(self._rng.integers(height - self._side + 1))
        left = int(self._rng.integers(width - self._side + 1))
        sample = {key: value[top : top + self._side, left : left + self._side] for key, value in sample.items()}
        colours = [key for key in ("image", "foreground", "background") if key in sample]
        factors = self._rng.uniform(0.5, 1.5, 3)
        wanted = self._rng.random(4) < 0.5
        hue = int(self._rng.integers(-18, 19))
        for key in colours:
            sample[key] = self._distort(sample[key], factors, hue, wanted)
        if self._rng.random() < 0.1:
            for key in colours:
                sample[key] = cv2.GaussianBlur(sample[key], (5, 5), 0)
        if self._rng.random() < 0.5:
            sample = {key: value[:, ::-1] for key, value in sample.items()}
        for key in colours:
            values = sample[key].astype(np.float32) / 255.0
            values -= np.float32(0.5)
            values /= np.float32(0.5)
            sample[key] = values.transpose(2, 0, 1)
        sample["alpha"] = sample["alpha"].astype(np.float32) / 255.0
        return sample

    @staticmethod
    def _distort(pixels: np.ndarray, factors: np.ndarray, hue: int, wanted: np.ndarray) -> np.ndarray:
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        changes = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
        for change, factor, apply in zip(changes, factors, wanted, strict=False):
            if apply:
                picture = change(picture).enhance(float(factor))
        if wanted[3]:
            turned = np.array(picture.convert("HSV"))
            turned[..., 0] += np.uint8(hue % 256)
            picture = Image.fromarray(turned, mode="HSV").convert("RGB")
        return np.asarray(picture)
