"""The foreground's own colours behind a soft matte, so that a cutout has no halo of its old background."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

ESTIMATES = ("blur_fusion", "multilevel", "none")
"""What `estimate_foreground` can do; the first is the default."""

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
    foreground = (multilevel if how == "multilevel" else blur_fusion)(image, alpha)
    result = foreground if foreground.dtype == np.uint8 else image.copy()
    for strip, soft in _soft(alpha):
        if result is foreground:
            np.copyto(result[strip], image[strip], where=~soft[..., None])
        else:
            result[strip][soft] = np.clip(np.rint(foreground[strip][soft]), 0, 255).astype(np.uint8)
    return result


def _soft(alpha: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield strips of rows, and where alpha is soft in them: of a large picture no whole mask is held."""
    rows = max(1, _STRIP_PIXELS // alpha.shape[1])
    for top in range(0, alpha.shape[0], rows):
        strip = slice(top, top + rows)
        yield strip, (alpha[strip] > _FAINT) & (alpha[strip] < 1 - _FAINT)


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
    and the narrow one where alpha is soft.

    Args:
        image: (H, W, 3) uint8.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) uint8, of use where alpha is between 0 and 1.
    """
    height, width = alpha.shape
    small = max(width // _SHRUNK, 1), max(height // _SHRUNK, 1)
    coarse_image = cv2.resize(image, small, interpolation=cv2.INTER_AREA).astype(np.float32)
    coarse_alpha = cv2.resize(alpha, small, interpolation=cv2.INTER_AREA)
    coarse = _fuse(coarse_image, coarse_alpha, coarse_image, coarse_image, _WIDE // _SHRUNK)
    near = [np.rint(np.clip(layer, 0, 255)).astype(np.uint8) for layer in coarse]
    fore, back = (cv2.resize(layer, (width, height), interpolation=cv2.INTER_LINEAR) for layer in near)
    result = image.copy()
    for top in range(0, height, _TILE):
        for left in range(0, width, _TILE):
            tile = slice(top, top + _TILE), slice(left, left + _TILE)
            if ((alpha[tile] > _FAINT) & (alpha[tile] < 1 - _FAINT)).any():
                _fuse_tile(image, alpha, fore, back, tile, result)
    return result


def _fuse_tile(
    image: np.ndarray, alpha: np.ndarray, fore: np.ndarray, back: np.ndarray, tile: tuple[slice, slice],
    result: np.ndarray,
) -> None:  # fmt: skip
    """Run the narrow pass on a tile, with what it sees around it."""
    y, x = (max(part.start - _NARROW, 0) for part in tile)
    seen = slice(y, tile[0].stop + _NARROW), slice(x, tile[1].stop + _NARROW)
    fused, _ = _fuse(image[seen], alpha[seen], fore[seen], back[seen], _NARROW)
    inside = result[tile]
    top, left = tile[0].start - y, tile[1].start - x
    inside[...] = np.rint(fused[top : top + inside.shape[0], left : left + inside.shape[1]])


def _fuse(
    image: np.ndarray, alpha: np.ndarray, fore: np.ndarray, back: np.ndarray, radius: int
) -> tuple[np.ndarray, np.ndarray]:
    """One pass: averages of both layers by their weights (equations 4 and 5), then the correction (6 and 7).

    Args:
        image, fore, back: (H, W, 3) uint8 or float32.
        alpha: (H, W) float32.
    """
    side = (2 * radius + 1, 2 * radius + 1)
    rest = 1 - alpha
    blurred = cv2.blur(alpha, side)
    fore_scale, back_scale = 1 / (blurred + _EPSILON), 1 / (1 - blurred + _EPSILON)
    found = []
    # One colour at a time: whole rows of numbers are several times faster to multiply than triples of them.
    for own, fore_plane, back_plane in zip(*(cv2.split(layer) for layer in (image, fore, back)), strict=True):
        fore_mean = cv2.blur(fore_plane * alpha, side) * fore_scale
        back_mean = cv2.blur(back_plane * rest, side) * back_scale
        fore_mean += alpha * (own - alpha * fore_mean - rest * back_mean)
        found.append((np.clip(fore_mean, 0, 255), back_mean))
    return cv2.merge([plane for plane, _ in found]), cv2.merge([plane for _, plane in found])
