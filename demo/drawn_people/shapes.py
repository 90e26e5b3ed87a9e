"""Outlines and their exact coverage, and the shading that makes flat outlines look round."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

SUPERSAMPLE = 4
"""Sub-pixels along each side of a pixel; coverage is their mean, so a strand of hair can be a quarter pixel wide."""

_SHIFT = 4
_FRACTION = 1 << _SHIFT
"""OpenCV takes coordinates with this many binary places."""

Points = np.ndarray
"""(N, 2) float64, x and y in pixels of the picture; the centre of the first pixel is (0.5, 0.5)."""


class Mask:
    """A binary mask with sub-pixels that outlines are added to.

    Args:
        height, width: of the picture, in pixels.
    """

    def __init__(self, height: int, width: int) -> None:
        self.fine = np.zeros((height * SUPERSAMPLE, width * SUPERSAMPLE), dtype=np.uint8)

    def fill(self, *outlines: Points) -> Mask:
        """Add the inside of closed outlines."""
        for outline in outlines:
            cv2.fillPoly(self.fine, [_fixed(outline * SUPERSAMPLE)], 255, shift=_SHIFT)
        return self

    def stroke(self, lines: Sequence[Points], thickness: float) -> Mask:
        """Add open lines of one thickness in pixels (at least one sub-pixel)."""
        fixed = [_fixed(line * SUPERSAMPLE) for line in lines]
        cv2.polylines(self.fine, fixed, False, 255, max(1, round(thickness * SUPERSAMPLE)), shift=_SHIFT)
        return self

    def add(self, *others: Mask) -> Mask:
        """Add what other masks cover."""
        for other in others:
            np.bitwise_or(self.fine, other.fine, out=self.fine)
        return self

    def coverage(self) -> np.ndarray:
        """Return how much of each pixel is covered, (H, W) float32 in [0, 1]."""
        height, width = (side // SUPERSAMPLE for side in self.fine.shape)
        # In float: the area filter would round the mean of 8-bit values.
        mean = cv2.resize(self.fine.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
        return np.clip(mean / 255.0, 0.0, 1.0)


def _fixed(points: Points) -> np.ndarray:
    # The centre of OpenCV's first pixel is (0, 0).
    return np.round((points - 0.5) * _FRACTION).astype(np.int32)


def draw_lines(canvas: np.ndarray, lines: Sequence[Points], colour: np.ndarray, thickness: float) -> None:
    """Draw smooth open lines of one colour onto a (H, W, 3) float32 canvas in place."""
    cv2.polylines(
        canvas, [_fixed(p) for p in lines], False, _scalar(colour), max(1, round(thickness)), cv2.LINE_AA, _SHIFT
    )


def draw_shape(canvas: np.ndarray, outline: Points, colour: np.ndarray, strength: float = 1.0) -> None:
    """Blend a filled outline of one colour into a (H, W, 3) float32 canvas in place."""
    height, width = canvas.shape[:2]
    low = np.clip(np.floor(outline.min(axis=0)).astype(int) - 1, 0, (width, height))
    high = np.clip(np.ceil(outline.max(axis=0)).astype(int) + 1, 0, (width, height))
    if np.any(high <= low):
        return
    box = Mask(int(high[1] - low[1]), int(high[0] - low[0])).fill(outline - low)
    weight = (box.coverage() * strength)[..., None]
    patch = canvas[low[1] : high[1], low[0] : high[0]]
    patch += weight * (np.asarray(colour, dtype=np.float32) - patch)


def _scalar(colour: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in colour)
    return red, green, blue


def closed_curve(corners: Sequence[Sequence[float] | np.ndarray] | np.ndarray, steps: int = 10) -> Points:
    """Return a smooth closed outline through the corners (Catmull-Rom spline)."""
    p1 = np.asarray(corners, dtype=np.float64)
    return _spline(np.roll(p1, 1, axis=0), p1, np.roll(p1, -1, axis=0), np.roll(p1, -2, axis=0), steps)


def open_curve(corners: Sequence[Sequence[float] | np.ndarray] | np.ndarray, steps: int = 8) -> Points:
    """Return a smooth line through the corners (Catmull-Rom spline)."""
    p = np.asarray(corners, dtype=np.float64)
    padded = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    line = _spline(padded[:-3], padded[1:-2], padded[2:-1], padded[3:], steps)
    return np.concatenate([line, p[-1:]])


def _spline(p0: Points, p1: Points, p2: Points, p3: Points, steps: int) -> Points:
    t = np.linspace(0.0, 1.0, steps, endpoint=False)[None, :, None]
    a, b, c, d = (p[:, None, :] for p in (p0, p1, p2, p3))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return curve.reshape(-1, 2)


def ellipse(
    centre: Sequence[float] | np.ndarray, radii: Sequence[float], angle: float = 0.0, steps: int = 32
) -> Points:
    """Return the outline of an ellipse; `angle` in radians."""
    turn = np.linspace(0.0, 2 * np.pi, steps, endpoint=False)
    points = np.stack([np.cos(turn) * radii[0], np.sin(turn) * radii[1]], axis=1)
    return rotate(points, angle) + np.asarray(centre, dtype=np.float64)


def limb(joints: Sequence[Sequence[float]], radii: Sequence[float]) -> list[Points]:
    """Return outlines that together cover a bent limb which tapers along its joints and has round ends.

    One outline would cross itself at a sharp bend, where the rule of even and odd leaves a hole.
    """
    line = open_curve(joints, steps=6)
    radius = np.interp(np.linspace(0.0, 1.0, len(line)), np.linspace(0.0, 1.0, len(radii)), radii)
    tangent = np.gradient(line, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) * radius[:, None]
    left, right = line + normal, line - normal
    pieces = [np.stack([left[k], left[k + 1], right[k + 1], right[k]]) for k in range(len(line) - 1)]
    return pieces + [ellipse(point, (r, r), steps=20) for point, r in zip(line, radius, strict=True)]


def rotate(points: Points, angle: float, about: Sequence[float] = (0.0, 0.0)) -> Points:
    """Return the points turned by an angle in radians about a point."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return (points - about) @ np.array([[cosine, sine], [-sine, cosine]]) + about


def rotate_image(picture: np.ndarray, angle: float, stretch: float) -> np.ndarray:
    """Return a (H, W) float32 picture drawn out downwards by a factor and turned about its centre, mirrored on."""
    height, width = picture.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), float(np.degrees(angle)), 1.0)
    turn[:, :2] = turn[:, :2] @ np.diag([1.0, stretch])
    turn[:, 2] += (np.array([width, height]) / 2) - turn @ np.array([width / 2, height / 2, 1.0])
    return cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REFLECT_101)


def relief(coverage: np.ndarray, light: float, roundness: float) -> np.ndarray:
    """Return a brightness that makes a flat shape look round under a light from one side.

    Args:
        coverage: (H, W) float32 in [0, 1].
        light: direction the light comes from, in radians; 0 is from the right, -pi / 2 from above.
        roundness: width of the rounded rim, in pixels.

    Returns:
        (H, W) float32 around 1.
    """
    # The blurred shape is a height field; a wide blur is quick and as smooth at a quarter of the size.
    height, width = coverage.shape
    shrunk = cv2.resize(coverage, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA)
    sigma = max(roundness / 4, 0.6)
    field = cv2.GaussianBlur(shrunk, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    slope_x = cv2.Sobel(field, cv2.CV_32F, 1, 0, borderType=cv2.BORDER_REPLICATE)
    slope_y = cv2.Sobel(field, cv2.CV_32F, 0, 1, borderType=cv2.BORDER_REPLICATE)
    facing = -(slope_x * np.cos(light) + slope_y * np.sin(light)) * sigma
    shade = (0.72 + 0.3 * field + 0.16 * facing).astype(np.float32)
    return cv2.resize(shade, (width, height), interpolation=cv2.INTER_LINEAR)


def clouds(rng: np.random.Generator, height: int, width: int, cells: Sequence[float]) -> np.ndarray:
    """Return smooth noise of one or more cell sizes in pixels, (H, W) float32 with mean 0 and deviation near 1."""
    total = np.zeros((height, width), dtype=np.float32)
    for cell in cells:
        grid = rng.standard_normal((max(2, round(height / cell) + 2), max(2, round(width / cell) + 2)))
        total += cv2.resize(grid.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return total / np.float32(np.sqrt(len(cells)))
