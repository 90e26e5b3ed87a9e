"""The foreground's own colours behind a soft matte, so that a cutout has no halo of its old background."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from matting.choices import ESTIMATES

_TILE = 128
"""Pixels of a side of the squares that the narrow pass looks at, or passes over."""

_FAINT = 2.5 / 255
"""Nearer to 0 or 1 than this, the foreground's own colour cannot be told from the image's, or does not show."""

_EPSILON = np.float32(1e-5)

_STRIP_PIXELS = 1 << 18
"""Pixels that are looked at at a time."""

_DENSE = 64
"""Levels of the multi-level method up to this side are solved at every pixel, larger ones where it shows only."""

_WIDE, _NARROW = 90, 6
"""Radii of blur fusion's two passes, in pixels (Forte, section 2.3)."""

_SHRUNK = 4
"""The wide pass runs at a fraction of the size: what it gives is smooth on a much larger scale."""


def estimate_foreground(image: np.ndarray, alpha: np.ndarray, how: str = ESTIMATES[0]) -> np.ndarray:
    """Estimate the foreground F of an image I = alpha F + (1 - alpha) B; certain pixels keep their colour.

    Args:
        image: (H, W, 3) uint8.
        alpha: (H, W) float32 in [0, 1].
        how: "blur_fusion" (`blur_fusion`), which takes the same time for any matte; "multilevel" (`multilevel`), with
            half its error, in a time that grows with the soft pixels; or "none" for the image's own colours.

    Returns:
        (H, W, 3) uint8.
    """
    if how == "none" or not any(soft.any() for _, soft in _soft(alpha)):
        return image
    if how == "blur_fusion":
        return blur_fusion(image, alpha)
    foreground, result = multilevel(image, alpha), image.copy()
    for strip, soft in _soft(alpha):
        result[strip][soft] = np.clip(np.rint(foreground[strip][soft]), 0, 255).astype(np.uint8)
    return result


def _soft(alpha: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield strips of rows, and where alpha is soft in them: of a large picture no whole mask is held."""
    rows = max(1, _STRIP_PIXELS // alpha.shape[1])
    for top in range(0, alpha.shape[0], rows):
        strip = slice(top, top + rows)
        yield strip, _is_soft(alpha[strip]) > 0


def _is_soft(alpha: np.ndarray) -> np.ndarray:
    """Return 255 where alpha is soft and 0 elsewhere, uint8."""
    return cv2.inRange(alpha, (_FAINT,), (1 - _FAINT,))


def multilevel(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return F by the multi-level method (Germer et al., Fast Multi-Level Foreground Estimation, arXiv 2006.14970).

    From one pixel to full size, F and B of the level before start the next one, where each pixel's F and B minimise
    (alpha F + (1 - alpha) B - I)^2 + sum over neighbours j of w_j ((F - F_j)^2 + (B - B_j)^2), with
    w_j = 1e-5 + |alpha - alpha_j| (equation 2).

    Differs: above 64 pixels only soft pixels and their neighbours are solved, for F shows nowhere else; neighbours in a
    checkerboard take turns, which an array library can do, where the authors go pixel by pixel.

    Args:
        image: (H, W, 3) uint8.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) float32, of use where alpha is above 0.
    """
    height, width = alpha.shape
    levels = max(int(np.ceil(np.log2(max(height, width)))), 1)
    weights = alpha.reshape(-1, 1), 1 - alpha.reshape(-1, 1)
    flat = image.reshape(-1, 3).astype(np.float32)
    fore, back = ((flat * weight).sum(0) / (weight.sum() + _EPSILON) for weight in weights)
    fore, back = (colour.astype(np.float32).reshape(1, 1, 3) for colour in (fore, back))
    for level in range(levels + 1):
        size = tuple(max(round(side ** (level / levels)), 1) for side in (width, height))
        colours = cv2.resize(image, size, interpolation=cv2.INTER_AREA if level < levels else cv2.INTER_NEAREST)
        level_alpha = alpha if level == levels else cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
        fore, back = (cv2.resize(layer, size, interpolation=cv2.INTER_NEAREST) for layer in (fore, back))
        _solve(colours.astype(np.float32), level_alpha, fore, back, 10 if max(size) <= _DENSE // 2 else 2)
    return fore


def _solve(image: np.ndarray, alpha: np.ndarray, fore: np.ndarray, back: np.ndarray, rounds: int) -> None:
    """Improve F and B of a level in place."""
    height, width = alpha.shape
    certain = alpha[..., None]
    np.copyto(fore, image, where=certain >= 1)
    np.copyto(back, image, where=certain <= 0)
    wanted = np.ones(alpha.shape, bool)
    if max(height, width) > _DENSE:
        soft = ((alpha > 0) & (alpha < 1)).view(np.uint8)
        wanted = cv2.dilate(soft, np.ones((3, 3), np.uint8)).view(bool)
    rows, columns = np.nonzero(wanted)
    turns = [_Turn(image, alpha, rows[black], columns[black]) for black in ((rows + columns) % 2 == k for k in (0, 1))]
    both = np.concatenate((fore, back), axis=2).reshape(-1, 6)
    for _ in range(rounds):
        for turn in turns:
            both[turn.here] = turn.solved(both)
    fore[...], back[...] = both[:, :3].reshape(fore.shape), both[:, 3:].reshape(back.shape)


class _Turn:
    """Half of a checkerboard: what stays the same from round to round."""

    def __init__(self, image: np.ndarray, alpha: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> None:
        height, width = alpha.shape
        self.here = rows * width + columns
        # At the border a pixel is its own neighbour.
        self.neighbours = [
            np.clip(rows + down, 0, height - 1) * width + np.clip(columns + right, 0, width - 1)
            for down, right in ((-1, 0), (1, 0), (0, -1), (0, 1))
        ]
        flat = alpha.reshape(-1)
        own = flat[self.here]
        self.weights = [(_EPSILON + np.abs(own - flat[there]))[:, None] for there in self.neighbours]
        total = sum(self.weights)[:, 0]
        a, b = own, 1 - own
        self._to_fore, self._to_back, self._cross = a * a + total, b * b + total, a * b
        self._scale = 1 / (self._to_fore * self._to_back - self._cross * self._cross)
        colours = image.reshape(-1, 3)[self.here]
        self._from_image = np.concatenate((a[:, None] * colours, b[:, None] * colours), axis=1)

    def solved(self, both: np.ndarray) -> np.ndarray:
        """Return F and B (n, 6) of this half by Cramer's rule, given those of the other."""
        right = self._from_image.copy()
        for there, weight in zip(self.neighbours, self.weights, strict=True):
            right += weight * both.take(there, axis=0)
        fore, back = right[:, :3], right[:, 3:]
        scale, cross = self._scale[:, None], self._cross[:, None]
        found = np.empty_like(right)
        found[:, :3] = (self._to_back[:, None] * fore - cross * back) * scale
        found[:, 3:] = (self._to_fore[:, None] * back - cross * fore) * scale
        return np.clip(found, 0, 255, out=found)


def blur_fusion(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return F by blur fusion (Forte, Approximate Fast Foreground Colour Estimation, ICIP 2021, equations 4 to 7).

    F and B are averages of the image around each pixel, weighed by alpha and by 1 - alpha, and F is then corrected so
    that the image comes out again; once widely, once narrowly. Differs: the wide pass runs at a quarter of the size,
    and the narrow one where alpha is soft, tile by tile; so memory and time beyond the picture's are those of what is
    soft.

    Args:
        image: (H, W, 3) uint8.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) uint8, the image where alpha is not soft.
    """
    height, width = alpha.shape
    small = max(width // _SHRUNK, 1), max(height // _SHRUNK, 1)
    coarse = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    coarse_alpha = cv2.resize(alpha, small, interpolation=cv2.INTER_AREA)
    layers = _fuse(coarse, coarse_alpha, coarse, coarse, _WIDE // _SHRUNK)
    result = image.copy()
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            tile = slice(top, top + _TILE), slice(left, left + _TILE)
            soft = _is_soft(alpha[tile])
            if soft.any():
                cv2.copyTo(_fused_tile(image, alpha, layers, tile), soft, result[tile])
    return result


def _fused_tile(
    image: np.ndarray, alpha: np.ndarray, layers: tuple[np.ndarray, np.ndarray], tile: tuple[slice, slice]
) -> np.ndarray:
    """Return F in a tile by the narrow pass, with what it sees around it."""
    y, x = (max(part.start - _NARROW, 0) for part in tile)
    seen = slice(y, tile[0].stop + _NARROW), slice(x, tile[1].stop + _NARROW)
    own = alpha[seen]
    fore, back = (_enlarged(layer, alpha.shape, (y, x), own.shape) for layer in layers)
    fused, _ = _fuse(image[seen], own, fore, back, _NARROW)
    return fused[tile[0].start - y :, tile[1].start - x :][:_TILE, :_TILE]


def _enlarged(layer: np.ndarray, shape: tuple[int, ...], corner: tuple[int, int], size: tuple[int, ...]) -> np.ndarray:
    """Return what a window would show of a layer that is enlarged to (height, width), between whose pixels it blends.

    Args:
        corner: top and left of the window.
        size: its height and width.
    """
    (down, top), (across, left) = ((layer.shape[i] / shape[i], corner[i] + 0.5) for i in (0, 1))
    back = np.array([[across, 0, left * across - 0.5], [0, down, top * down - 0.5]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(layer, back, size[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE)


def _fuse(
    image: np.ndarray, alpha: np.ndarray, fore: np.ndarray, back: np.ndarray, radius: int
) -> tuple[np.ndarray, np.ndarray]:
    """One pass: averages of both layers by their weights (equations 4 and 5), then the correction (6 and 7).

    Args:
        image, fore, back: (H, W, 3) uint8.
        alpha: (H, W) float32.

    Returns:
        F and B, (H, W, 3) uint8.
    """
    side = (2 * radius + 1, 2 * radius + 1)
    rest = 1 - alpha
    blurred = cv2.blur(alpha, side)
    fore_scale, back_scale = 1 / (blurred + _EPSILON), 1 / (1 - blurred + _EPSILON)
    found = []
    # One colour at a time: whole rows of numbers are several times faster to multiply than triples of them.
    for own, fore_plane, back_plane in zip(*(cv2.split(layer) for layer in (image, fore, back)), strict=True):
        fore_mean = cv2.blur(fore_plane * alpha, side)
        fore_mean *= fore_scale
        back_mean = cv2.blur(back_plane * rest, side)
        back_mean *= back_scale
        difference = own - alpha * fore_mean
        difference -= rest * back_mean
        difference *= alpha
        fore_mean += difference
        # Rounds and clips at once.
        found.append([cv2.addWeighted(plane, 1, plane, 0, 0, dtype=cv2.CV_8U) for plane in (fore_mean, back_mean)])
    fore_planes, back_planes = zip(*found, strict=True)
    return cv2.merge(fore_planes), cv2.merge(back_planes)
