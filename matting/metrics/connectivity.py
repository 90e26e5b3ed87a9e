"""The connectivity error (Conn): does the predicted matte hang together where the true one does?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from matting.errors import MattingError
from matting.metrics.mattes import as_alpha, check

THRESHOLDS = tuple(k / 10 for k in range(11))
"""Levels of alpha in steps of 0.1, each the double nearest to k / 10."""

_ROWS_AT_A_TIME = 64
"""Rows whose float64 values stay within the processor's cache."""

_PIXELS_AT_A_TIME = 1 << 19
"""Labels that are counted at once, for the same reason."""

_ROW_SAMPLE = 8
"""Every so many rows one is looked at to tell grain from edges; the choice of the way changes no value."""

_RUNS_WORTHWHILE = 1 / 32
"""Up to so many steps over a level a pixel the graph of runs is quicker for that level than labelling the image."""


def connectivity_error(
    prediction: np.ndarray,
    truth: np.ndarray,
    region: np.ndarray | None = None,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
    theta: float = 0.15,
    skip_empty: bool = False,
) -> float:
    """Conn = sum |phi(p) - phi(t)| over a region (Rhemann et al. 2009, section 4).

    omega_i is the largest 4-connected component (the first in reading order among equals) of the pixels where both
    mattes reach threshold i. l of a pixel is the threshold before the first omega_i without it, or 1 when it is in all.
    phi(a) = 1 - d when d = a - l is at least theta, else 1.

    Args:
        prediction, truth: (H, W) uint8, or floating point in [0, 1].
        region: (H, W) bool, the pixels that are summed over; None for all. Connection is looked for everywhere.
        thresholds: ascending; the first is the level of pixels that are in no omega. Multiples of 0.1 computed as
            `numpy.arange(0, 1.1, 0.1)` are not all the nearest doubles: 153 / 255 is below the seventh of them.
        theta: differences below it do not count.
        skip_empty: what a threshold that no pixel reaches does: False, it ends the level of every pixel left (as in
            the PaddleSeg and MMEditing evaluation); True, it is passed over, so that pixels left keep l = 1 (as in the
            P3M evaluation).

    Returns:
        The unscaled sum.

    Raises:
        MattingError: the sizes differ, the region is empty or the thresholds do not ascend.
    """
    check(prediction, truth, region)
    steps = np.asarray(thresholds, dtype=np.float64)
    if not 2 <= len(steps) <= 255 or np.any(np.diff(steps) <= 0):
        raise MattingError(f"the connectivity thresholds are {thresholds}; they must ascend, such as 0, 0.1, ..., 1")
    comparable = prediction.dtype == truth.dtype  # 1 is opaque in floating point and almost nothing in 8 bits
    if comparable and np.array_equal(prediction, truth):
        return 0.0
    reached = np.minimum(_levels(prediction, steps), _levels(truth, steps))
    left_at = _levels_left(reached, len(steps), skip_empty)
    connected_to = np.append(steps[:-1], 1.0)
    total = 0.0
    for top in range(0, len(truth), _ROWS_AT_A_TIME):
        rows = slice(top, top + _ROWS_AT_A_TIME)
        # Pixels of equal alpha have equal phi, whatever their l: only the others are worth looking at.
        differs = prediction[rows] != truth[rows] if comparable else np.ones(truth[rows].shape, dtype=bool)
        if region is not None:
            differs &= region[rows]
        level = connected_to[left_at[rows][differs]]
        gaps = [as_alpha(matte[rows][differs]) - level for matte in (prediction, truth)]
        phi = [np.where(gap >= theta, gap, 0.0) for gap in gaps]
        total += float(np.abs(phi[0] - phi[1]).sum())
    return total


def _levels(matte: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Return how many thresholds after the first each pixel reaches, (H, W) uint8."""
    if matte.dtype == np.uint8:
        table = np.searchsorted(steps[1:], np.arange(256) / 255.0, side="right").astype(np.uint8)
        return cv2.LUT(matte, table)
    levels = np.zeros(matte.shape, dtype=np.uint8)
    for step in steps[1:]:
        levels += matte >= step
    return levels


def _levels_left(reached: np.ndarray, count: int, skip_empty: bool) -> np.ndarray:
    """Return for each pixel the index of the last threshold before the first omega without it, (H, W) uint8.

    `count - 1` stands for a pixel that is in every omega. Grain that flickers about one threshold (a network's almost
    opaque inside) makes runs of that level alone many: it is labelled as an image, and the others still go by runs.

    Args:
        reached: (H, W) uint8, how many thresholds after the first both mattes reach.
        count: number of thresholds, the first included.
        skip_empty: see `connectivity_error`.
    """
    rows = reached[::_ROW_SAMPLE]
    crossings = _crossings(rows, count)
    quiet = [level for level in range(1, count) if crossings[level] <= _RUNS_WORTHWHILE * rows.size]
    coarse = cv2.LUT(reached, np.searchsorted(quiet, np.arange(256), side="right").astype(np.uint8))
    runs = _Runs.of(coarse)
    omegas = zip(quiet, _largest_by_runs(runs, len(quiet) + 1), strict=True)
    last = _first_exit(dict(omegas), len(runs.start), count, skip_empty)
    left_at = np.repeat(last, np.diff(runs.start, append=reached.size))
    grainy = {level: _largest_by_labelling(reached, level) for level in range(1, count) if level not in quiet}
    if grainy:
        left_at = np.minimum(left_at, _first_exit(grainy, reached.size, count, skip_empty))
    return left_at.reshape(reached.shape)


def _crossings(reached: np.ndarray, count: int) -> np.ndarray:
    """Return how many steps between neighbours in a row lead over each level, (count,) int64."""
    left, right = reached[:, :-1], reached[:, 1:]
    step = left != right
    lower, upper = np.minimum(left, right)[step], np.maximum(left, right)[step]
    begun = np.bincount(lower, minlength=count) - np.bincount(upper, minlength=count)
    return np.concatenate([[0], np.cumsum(begun)[:-1]])


def _first_exit(omegas: Mapping[int, np.ndarray], size: int, count: int, skip_empty: bool) -> np.ndarray:
    """Return the index of the last threshold before the first omega without the element, (size,) uint8.

    Args:
        omegas: by the index of their threshold, (size,) bool each.
    """
    exits = np.full(size, count - 1, dtype=np.uint8)
    for level in sorted(omegas, reverse=True):  # from above, so that the first exit is the last one written
        if not skip_empty or omegas[level].any():
            np.copyto(exits, np.uint8(level - 1), where=~omegas[level])
    return exits


def _largest_by_labelling(reached: np.ndarray, level: int) -> np.ndarray:
    """Return which pixels are in the omega of a level, (H * W,) bool."""
    number, labels = cv2.connectedComponents((reached >= level).view(np.uint8), connectivity=4)
    labels = labels.ravel()
    areas = np.zeros(number, dtype=np.int64)
    for start in range(0, labels.size, _PIXELS_AT_A_TIME):
        areas += np.bincount(labels[start : start + _PIXELS_AT_A_TIME], minlength=number)
    areas[0] = 0
    largest = int(areas.argmax())
    return labels == largest if areas[largest] else np.zeros(reached.size, dtype=bool)


@dataclass(frozen=True)
class _Runs:
    """The image as stretches of equal level within a row, in reading order; a matte has few of them."""

    start: np.ndarray
    """(R,) int64, flat index of the first pixel."""
    level: np.ndarray
    """(R,) uint8."""
    width: int
    """Pixels in a row of the image."""
    pixels: int
    """Pixels in the image."""

    @classmethod
    def of(cls, reached: np.ndarray) -> _Runs:
        begins = np.empty(reached.shape, dtype=bool)
        begins[:, 0] = True
        np.not_equal(reached[:, 1:], reached[:, :-1], out=begins[:, 1:])
        start = np.flatnonzero(begins)
        return cls(start, reached.ravel()[start], reached.shape[1], reached.size)

    def edges(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the runs that touch, as two index arrays, and the level up to which both exist (at least 1)."""
        index = np.arange(len(self.start))
        same_row = np.flatnonzero(self.start[1:] % self.width)
        below = index[self.start >= self.width]
        above = index[self.start < self.pixels - self.width]
        # Two runs in adjacent rows touch where the later of their beginnings is, seen in the other row.
        over = np.searchsorted(self.start, self.start[below] - self.width, side="right") - 1
        under = np.searchsorted(self.start, self.start[above] + self.width, side="right") - 1
        first = np.concatenate([same_row, over, above])
        second = np.concatenate([same_row + 1, below, under])
        level = np.minimum(self.level[first], self.level[second])
        exists = level > 0
        return first[exists], second[exists], level[exists]


def _largest_by_runs(runs: _Runs, count: int) -> list[np.ndarray]:
    """Return for each threshold after the first which runs are in its omega, (R,) bool each.

    From the highest threshold down components only grow together, so each edge is followed once.
    """
    first, second, level = runs.edges()
    length = np.diff(runs.start, append=runs.pixels)
    component = np.arange(len(runs.start))
    number = len(component)
    omegas = []
    for threshold in range(count - 1, 0, -1):
        here = level == threshold
        if here.any():
            joined = component[first[here]], component[second[here]]
            graph = coo_array((np.ones(len(joined[0]), dtype=np.uint8), joined), shape=(number, number))
            number, merged = connected_components(graph, directed=False)
            component = merged[component]
        present = runs.level >= threshold
        area = np.bincount(component[present], weights=length[present], minlength=number)
        largest = area.max(initial=0)
        in_largest = present & (area[component] == largest) if largest else np.zeros_like(present)
        if largest:
            in_largest &= component == component[in_largest.argmax()]  # the first in reading order
        omegas.append(in_largest)
    return omegas[::-1]
