"""What stands behind a person: scikit-image's own photographs without people, and drawn scenes."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from demo.drawn_people.shapes import clouds

PHOTOGRAPHS = (
    "brick",
    "chelsea",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "moon",
) + ("page", "retina", "rocket", "stereo_motorcycle")
"""Pictures of scikit-image that come inside its wheel (nothing is downloaded) and show nobody."""

_SCENES = ("gradient", "blobs", "bokeh", "room", "shelves", "stripes", "street")


def draw_background(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return a background, (H, W, 3) uint8 RGB: in half of the draws a part of a photograph, else a drawn scene.

    Args:
        rng: all that differs between two backgrounds comes from it.
        height, width: of the picture in pixels.
    """
    picture = _photograph(rng, height, width) if rng.random() < 0.5 else _scene(rng, height, width)
    if rng.random() < 0.5:  # the background of a portrait is often out of focus
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.6, 6.0)), borderType=cv2.BORDER_REFLECT)
    picture = picture * rng.uniform(0.75, 1.15) * (1.0 + rng.normal(0, 0.06, 3).astype(np.float32))
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


@lru_cache(maxsize=len(PHOTOGRAPHS))
def _load(name: str) -> np.ndarray:
    import skimage.data  # only who draws pays for it

    picture = getattr(skimage.data, name)()
    picture = picture[0] if isinstance(picture, tuple) else picture
    picture = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture[..., :3]
    return np.ascontiguousarray(picture)


def _photograph(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    photograph = _load(PHOTOGRAPHS[rng.integers(len(PHOTOGRAPHS))])
    have = photograph.shape[:2]
    fitting = min(have[0] / height, have[1] / width)
    size = [max(2, round(side * fitting * rng.uniform(0.45, 1.0))) for side in (height, width)]
    top, left = (int(rng.integers(0, side - part + 1)) for side, part in zip(have, size, strict=True))
    part = photograph[top : top + size[0], left : left + size[1]]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    # A shrunk picture is averaged, an enlarged one interpolated.
    method = cv2.INTER_AREA if size[0] > height else cv2.INTER_CUBIC
    picture = cv2.resize(np.ascontiguousarray(part), (width, height), interpolation=method).astype(np.float32)
    if rng.random() < 0.5:  # another tint; grey textures become walls and lawns
        grey = picture.mean(axis=2, keepdims=True)
        picture += rng.uniform(0.0, 0.8) * (grey * rng.uniform(0.55, 1.3, 3).astype(np.float32) - picture)
    return picture


def _scene(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    canvas = _gradient(rng, height, width)
    kind = _SCENES[rng.integers(len(_SCENES))]
    diagonal = float(np.hypot(height, width))
    if kind == "blobs":
        for _ in range(int(rng.integers(2, 5))):
            weight = np.clip(0.5 + clouds(rng, height, width, [diagonal * rng.uniform(0.06, 0.3)]), 0, 1)[..., None]
            canvas += weight * (_colour(rng) - canvas) * np.float32(0.8)
    elif kind == "bokeh":
        canvas *= np.float32(0.6)
        for _ in range(int(rng.integers(15, 70))):
            centre = (int(rng.integers(width)), int(rng.integers(height)))
            light = np.zeros((height, width), dtype=np.float32)
            cv2.circle(light, centre, int(diagonal * rng.uniform(0.008, 0.05)) + 1, float(rng.uniform(0.15, 0.6)), -1)
            canvas += light[..., None] * (_colour(rng) * np.float32(0.6) + 100 - canvas)
    elif kind in ("room", "shelves", "street"):
        _rectangles(rng, canvas, kind)
    elif kind == "stripes":
        angle, period = rng.uniform(0, np.pi), diagonal * rng.uniform(0.02, 0.15)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        wave = np.clip(np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period) * 4, -1, 1)
        canvas += (wave * rng.uniform(10, 50)).astype(np.float32)[..., None]
    texture = clouds(rng, height, width, [1.0, diagonal * 0.02])
    return np.clip(canvas + texture[..., None] * np.float32(rng.uniform(0, 4)), 0, 255)


def _rectangles(rng: np.random.Generator, canvas: np.ndarray, kind: str) -> None:
    """Walls, doors and windows; shelves with books; a row of houses."""
    height, width = canvas.shape[:2]
    if kind == "room":
        floor = int(height * rng.uniform(0.6, 0.9))
        canvas[floor:] = _colour(rng) * np.linspace(0.7, 1.0, height - floor, dtype=np.float32)[:, None, None]
        for _ in range(int(rng.integers(2, 9))):
            w, h = int(width * rng.uniform(0.08, 0.4)), int(height * rng.uniform(0.1, 0.5))
            x, y = int(rng.integers(-w // 2, width)), int(rng.integers(-h // 2, max(1, floor - h // 2)))
            cv2.rectangle(canvas, (x, y), (x + w, y + h), _tuple(_colour(rng) * 0.6), -1)
            cv2.rectangle(canvas, (x + 3, y + 3), (x + w - 3, y + h - 3), _tuple(_colour(rng)), -1)
        return
    shelves = kind == "shelves"
    rows = int(rng.integers(3, 6)) if shelves else 1
    edges = np.linspace(0 if shelves else height * rng.uniform(0.1, 0.4), height, rows + 1).astype(int)
    for upper, lower in zip(edges[:-1], edges[1:], strict=True):
        x = 0
        while x < width:
            step = int(width * (rng.uniform(0.015, 0.07) if shelves else rng.uniform(0.12, 0.3))) + 2
            top = upper + int((lower - upper) * rng.uniform(0.08, 0.45))
            colour = _colour(rng) * rng.uniform(0.4, 1.0)
            cv2.rectangle(canvas, (x, top), (x + step - 1, int(lower)), _tuple(colour), -1)
            if not shelves:
                for wy in range(top + step // 5, int(lower), max(4, step // 3)):
                    for wx in range(x + step // 6, x + step - step // 5, max(4, step // 3)):
                        shine = colour * rng.uniform(0.5, 1.6)
                        cv2.rectangle(canvas, (wx, wy), (wx + step // 7, wy + step // 6), _tuple(shine), -1)
            x += step
        if shelves:
            cv2.rectangle(canvas, (0, int(lower) - 3), (width, int(lower) + 2), _tuple(_colour(rng) * 0.5), -1)


def _gradient(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    corners = np.stack([_colour(rng) for _ in range(4)]).reshape(2, 2, 3)
    common = _colour(rng)
    corners = (common + (corners - common) * np.float32(rng.uniform(0.1, 0.7))).astype(np.float32)
    return cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Return a mostly muted colour, (3,) float32."""
    grey = rng.uniform(20, 240)
    return np.clip(grey + rng.normal(0, 1, 3) * rng.uniform(5, 45), 0, 255).astype(np.float32)


def _tuple(colour: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = (float(min(value, 255.0)) for value in colour)
    return red, green, blue
