"""Plots as inline SVG: how the values of a metric are spread over images, and how they change."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

import numpy as np

_WIDTH, _HEIGHT = 320, 128
_LEFT, _RIGHT, _TOP, _BOTTOM = 6, 6, 16, 30
_MOST_BINS = 24
_MOST_DOTS = 60
_MOST_TICKS = 1000
"""More images than this are not marked one by one."""

Point = tuple[float, float]


def number(value: float) -> str:
    """Return four significant digits, without an exponent where that stays short."""
    if math.isnan(value):
        return "–"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def histogram(names: Sequence[str], values: Sequence[float]) -> str:
    """Return a histogram with the mean, and a mark under it for every image.

    Args:
        names: of the images.
        values: one an image; NaN is left out.
    """
    pairs = [(name, value) for name, value in zip(names, values, strict=True) if not math.isnan(value)]
    if not pairs:
        return ""
    known = np.array([value for _, value in pairs])
    low, high = _range(float(known.min()), float(known.max()))
    bins = min(_MOST_BINS, max(5, math.ceil(2 * len(pairs) ** 0.5)))
    counts, edges = np.histogram(known, bins, (low, high))
    floor = _HEIGHT - _BOTTOM
    parts = []
    for count, left, right in zip(counts, edges[:-1], edges[1:], strict=True):
        tall = (floor - _TOP) * count / counts.max()
        x, end = _x(left, low, high), _x(right, low, high)
        if count:
            parts.append(
                f'<rect class="bar" x="{x + 0.5:.1f}" y="{floor - tall:.1f}" width="{end - x - 1:.1f}" '
                f'height="{tall:.1f}" rx="1"><title>{count} images, {number(left)} to {number(right)}</title></rect>'
            )
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{floor}" y2="{floor}"/>')
    for name, value in pairs if len(pairs) <= _MOST_TICKS else []:
        x = _x(value, low, high)
        parts.append(
            f'<line class="rug" data-name="{escape(name, quote=True)}" x1="{x:.1f}" x2="{x:.1f}" y1="{floor + 3}" '
            f'y2="{floor + 11}"><title>{escape(name)}: {number(value)}</title></line>'
        )
    return _svg([*parts, *_mean(float(known.mean()), low, high), *_ends(low, high)])


def curve(points: Sequence[Point], label: str, marked: Point | None = None, along: str = "iteration") -> str:
    """Return values over iterations, or over frames, as a line, with a dot at the one that is marked.

    Args:
        points: (iteration, value) in ascending order.
        label: of what, for the tooltips.
        marked: one of the points.
        along: what the numbers of points are called.
    """
    finite = [point for point in points if math.isfinite(point[1])]
    if not finite:
        return ""
    first, last = finite[0][0], max(finite[-1][0], finite[0][0] + 1)
    values = [value for _, value in finite]
    low, high = _range(min(values), max(values))
    floor = _HEIGHT - _BOTTOM

    def place(point: Point) -> Point:
        return _x(point[0], first, last), floor - (floor - _TOP) * (point[1] - low) / (high - low)

    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in map(place, finite))
    parts = [f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>' for y in (_TOP, floor)]
    parts.append(f'<polyline class="curve" points="{path}"><title>{escape(label)}</title></polyline>')
    for point in finite if len(finite) <= _MOST_DOTS else [point for point in finite if point == marked]:
        x, y = place(point)
        kind = "dot best" if point == marked else "dot"
        title = f"<title>{along} {point[0]:.0f}: {number(point[1])}</title>"
        parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="2.4">{title}</circle>')
    parts.append(f'<text x="{_LEFT}" y="{_TOP - 4}">{number(high)}</text>')
    parts.append(f'<text x="{_LEFT}" y="{floor + 12}">{number(low)}</text>')
    parts.append(f'<text x="{_WIDTH - _RIGHT}" y="{floor + 25}" text-anchor="end">{along} {last:.0f}</text>')
    return _svg(parts)


def _range(low: float, high: float) -> tuple[float, float]:
    """Return the ends of an axis: wider where all values are one but for rounding."""
    if high - low > 1e-9 * max(abs(low), abs(high)):
        return low, high
    return low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)


def _x(value: float, low: float, high: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (value - low) / (high - low)


def _mean(mean: float, low: float, high: float) -> list[str]:
    x = _x(mean, low, high)
    anchor = "start" if x < _WIDTH / 2 else "end"
    beside = x + (4 if anchor == "start" else -4)
    return [
        f'<line class="mean" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 12}" y2="{_HEIGHT - _BOTTOM}"/>',
        f'<text class="mean-text" x="{beside:.1f}" y="{_TOP - 5}" text-anchor="{anchor}">mean {number(mean)}</text>',
    ]


def _ends(low: float, high: float) -> list[str]:
    y = _HEIGHT - 4
    return [
        f'<text x="{_LEFT}" y="{y}">{number(low)}</text>',
        f'<text x="{_WIDTH - _RIGHT}" y="{y}" text-anchor="end">{number(high)}</text>',
    ]


def _svg(parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{"".join(parts)}</svg>'
