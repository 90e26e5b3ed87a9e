"""Small pictures drawn by code, and data sets of them on disk."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from matting.composite import composite
from matting.sample import Sample


def disc(height: int = 60, width: int = 80) -> np.ndarray:
    """Return an alpha (H, W) float32: an opaque disc whose edge fades over some ten pixels, in steps of 1/255."""
    rows, columns = np.mgrid[:height, :width]
    distance = np.hypot(rows - height / 2, columns - width / 2)
    return (np.rint(np.clip((min(height, width) / 3 - distance) / 10 + 0.5, 0, 1) * 255) / 255).astype(np.float32)


def coordinates(height: int = 60, width: int = 80) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 whose red is the row and whose green is the column."""
    rows, columns = np.mgrid[:height, :width]
    return np.dstack([rows, columns, np.full_like(rows, 77)]).astype(np.uint8)


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return a smooth random picture (H, W, 3) uint8, its levels between about 40 and 215."""
    noise = np.random.default_rng(seed).random((height, width, 3), np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    low, high = smooth.min(), smooth.max()
    return np.rint(40 + 175 * (smooth - low) / (high - low)).astype(np.uint8)


def save(path: Path, pixels: np.ndarray) -> Path:
    """Write a picture, RGB or grey, in the format of its ending, and create its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bgr = pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]])
    path.write_bytes(cv2.imencode(path.suffix, bgr)[1].tobytes())
    return path


def dataset(root: Path, count: int = 3, height: int = 60, width: int = 80, background: bool = False) -> Path:
    """Write `count` pairs in the layout of PPM-100, with `train.txt` and `val.txt`, and return the root."""
    lines = []
    for number in range(count):
        save(root / f"train/fg/{number}.png", texture(height, width, number))
        save(root / f"train/alpha/{number}.png", np.rint(disc(height, width) * 255).astype(np.uint8))
        line = f"train/fg/{number}.png"
        if background:
            save(root / f"bg/{number}.png", texture(height + 31, 2 * width, 100 + number))
            line += f" bg/{number}.png"
        lines.append(line)
    for name in ("train.txt", "val.txt"):
        (root / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def layers(height: int = 60, width: int = 80) -> Sample:
    """Return a sample with every layer, composited."""
    alpha = disc(height, width)
    foreground, background = texture(height, width, 1), texture(height, width, 2)
    trimap = np.where(alpha == 0, 0, np.where(alpha == 1, 255, 128)).astype(np.uint8)
    image = composite(foreground, alpha, background)
    return Sample(
        image=image, alpha=alpha, trimap=trimap, foreground=foreground, background=background, name="drawn", undo=()
    )
