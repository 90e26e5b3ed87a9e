"""Strands of hair: how each style falls around a head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.drawn_people.shapes import Points, closed_curve, clouds, draw_lines, ellipse, open_curve

STYLES = ("short", "bob", "long", "wavy", "curly", "afro", "bun", "ponytail", "bald")
_SHARES = (0.2, 0.12, 0.18, 0.14, 0.1, 0.06, 0.08, 0.07, 0.05)


@dataclass
class Hair:
    """Hair in units of the head's height: the crown at (0, -1), the chin at (0, 0), x to the right, y down.

    Attributes:
        back, front: closed outlines that hair fills wholly, behind the head and in front of it.
        back_strands, front_strands: lines along which it runs, within and beyond these outlines.
        flyaways: single loose strands.
        thickness: of a strand, in pixels.
    """

    back: list[Points]
    front: list[Points]
    back_strands: list[Points]
    front_strands: list[Points]
    flyaways: list[Points]
    thickness: float


def choose_style(rng: np.random.Generator) -> str:
    """Return one of `STYLES`."""
    return str(rng.choice(STYLES, p=_SHARES))


def grow(rng: np.random.Generator, style: str) -> Hair:
    """Return the hair of a style, different at each draw."""
    hair = Hair([], [], [], [], [], rng.uniform(0.25, 0.8))
    if style == "bald":
        return hair
    parting = rng.uniform(-0.22, 0.22)
    volume = rng.uniform(0.03, 0.1)
    if style in ("curly", "afro"):
        _grow_curls(rng, hair, rng.uniform(0.12, 0.2) if style == "curly" else rng.uniform(0.24, 0.4), style)
    else:
        _grow_cap(rng, hair, parting, volume, temples=-0.42 if style == "short" else -0.3)
    if style in ("bob", "long", "wavy"):
        length = {"bob": rng.uniform(-0.15, 0.2), "long": rng.uniform(0.5, 1.5), "wavy": rng.uniform(0.3, 1.2)}[style]
        _grow_curtain(rng, hair, parting, volume, length, wave=0.05 if style == "wavy" else 0.008)
    if style == "bun":
        _grow_bun(rng, hair)
    if style == "ponytail":
        _grow_tail(rng, hair)
    _loosen(rng, hair, style)
    return hair


def _grow_cap(rng: np.random.Generator, hair: Hair, parting: float, volume: float, temples: float) -> None:
    """Hair over the skull, from a parting down to the temples, with a hairline over the forehead."""
    top, side = -1.0 - volume, 0.385 + volume * 0.7
    hairline = rng.uniform(-0.84, -0.72)
    swoop = rng.uniform(-0.07, 0.1)
    dome = _dome(side, top)
    solid = dome * (0.95, 1.0) + (0.0, 0.03)  # the strands themselves make the outline
    brow = [(0.33, temples - 0.05), (0.3, hairline + 0.14 + swoop), (parting, hairline - 0.05)]
    brow += [(-0.3, hairline + 0.14 - swoop), (-0.33, temples - 0.05)]
    cap = np.concatenate([[(-side * 0.95, temples)], solid, [(side * 0.95, temples)], brow])
    hair.front.append(closed_curve(cap))
    for _ in range(260):
        towards = rng.choice((-1.0, 1.0))
        reach = rng.uniform(0.0, 1.0) ** 0.7  # 1 lies on the outline of the dome, 0 along the hairline
        angle = np.linspace(rng.uniform(0.0, 0.25), rng.uniform(0.75, 1.0) * np.pi / 2, 7)
        x = np.sin(angle) * (side + 0.012) * (0.8 + 0.2 * reach)
        y = -0.6 + np.cos(angle) * (top + 0.6) * (0.62 + 0.39 * reach)
        strand = np.stack([parting * np.cos(angle) + towards * x, y], axis=1)
        fall = strand[-1] + (towards * rng.normal(0, 0.02), (temples + 0.6) * rng.uniform(0.5, 1.1))
        hair.front_strands.append(open_curve([*strand, fall], steps=3))
    for _ in range(int(rng.integers(60, 260))):  # ends that stand off the outline
        start = rng.uniform(-np.pi * 1.02, 0.02 * np.pi)
        base = np.array([np.cos(start) * (side - 0.01), -0.6 + np.sin(start) * (-0.6 - top)])
        heading = start + rng.normal(0, 0.9)
        lean = np.array([np.cos(heading), np.sin(heading)]) * rng.uniform(0.02, 0.13)
        bend = rng.normal(0, 0.35, 2) * np.abs(lean).max()
        hair.flyaways.append(open_curve([base, base + lean * 0.5 + bend, base + lean + (0, 0.015)], 4))


def _dome(side: float, top: float) -> Points:
    """Return the upper half of an oval from the left temple over the crown to the right one."""
    angle = np.linspace(-np.pi / 2, np.pi / 2, 11)
    return np.stack([np.sin(angle) * side, -0.6 + np.cos(angle) * (top + 0.6)], axis=1)


def _grow_curtain(
    rng: np.random.Generator, hair: Hair, parting: float, volume: float, length: float, wave: float
) -> None:
    """Hair that falls on both sides of the face, behind the shoulders and here and there in front of them."""
    side = 0.4 + volume
    flare = rng.uniform(-0.08, 0.16)
    bottom = length - 0.1
    thin = side - 0.05  # the strands themselves make the outline
    outline = [(-thin - flare * 0.9, bottom - 0.1), (-thin - flare * 0.5, -0.1), *_dome(thin, -0.97 - volume)]
    outline += [(thin + flare * 0.5, -0.1), (thin + flare * 0.9, bottom - 0.1), (0.0, bottom - rng.uniform(0.0, 0.15))]
    hair.back.append(closed_curve(outline))
    frequency, phase = rng.uniform(1.2, 3.2), rng.uniform(0, 6.3)
    in_front = rng.random() < 0.6
    for k in range(420):
        towards = rng.choice((-1.0, 1.0))
        inward = rng.beta(1.2, 2.2)  # 0 at the outer edge
        edge = side - inward * (0.13 if k % 3 == 0 else 0.4)
        end = length * rng.uniform(0.82, 1.05) + rng.normal(0, 0.05)
        y = np.linspace(-0.75 + 0.2 * rng.random(), max(end, -0.1), 12)
        bulge = np.interp(y, [-1.0, -0.6, 0.0, 2.0], [0.55, 1.0, 1.02, 1.0])
        swing = wave * np.sin(frequency * 2 * np.pi * y + phase + rng.normal(0, 0.5)) * (y > -0.6)
        flared = flare * np.clip((y + 0.6) / max(length + 0.6, 0.3), 0, 1.2) + rng.normal(0, 0.02) * np.clip(
            y + 0.6, 0, 2
        )
        x = towards * (edge * bulge + flared) + swing
        top = np.array([(parting * 0.6 + towards * 0.1, -0.99 - volume), (towards * side * 0.72, -0.87 - volume * 0.7)])
        strand = np.concatenate([top, np.stack([x, y], axis=1)])
        shown_in_front = k % 3 == 0 and in_front and inward < 0.75
        (hair.front_strands if shown_in_front else hair.back_strands).append(open_curve(strand, steps=3))


def _grow_curls(rng: np.random.Generator, hair: Hair, puff: float, style: str) -> None:
    """A cloud of small curls around the skull."""
    low = rng.uniform(-0.35, 0.05) if style == "curly" else -0.35
    angles = np.linspace(-np.pi - 0.35, 0.35, 14)
    ring = np.stack([np.cos(angles) * (0.34 + puff), -0.62 + np.sin(angles) * (0.36 + puff)], axis=1)
    ring += rng.normal(0, 0.02, ring.shape)
    back = np.concatenate([ring, [(0.3 + puff * 0.8, low), (-0.3 - puff * 0.8, low)]])
    hair.back.append(closed_curve(back))
    hairline = rng.uniform(-0.85, -0.74)
    inner = [(0.34, -0.5), (0.3, hairline + 0.1), (0.0, hairline), (-0.3, hairline + 0.1), (-0.34, -0.5)]
    hair.front.append(closed_curve(np.concatenate([ring[2:-2], inner])))
    for _ in range(650):
        angle = rng.uniform(-np.pi - 0.5, 0.5)
        out = rng.uniform(0.6, 1.0) ** 0.6
        centre = np.array([np.cos(angle) * (0.34 + puff) * out, -0.62 + np.sin(angle) * (0.36 + puff) * out])
        if centre[1] > hairline and abs(centre[0]) < 0.36:
            continue
        turn = np.linspace(0, rng.uniform(2.5, 8.0), 9) + rng.uniform(0, 6.3)
        radius = rng.uniform(0.015, 0.045) * np.linspace(1.0, rng.uniform(0.4, 1.4), 9)
        drift = np.linspace(0, rng.uniform(0, 0.06), 9)[:, None] * [[np.cos(angle), np.sin(angle)]]
        curl = centre + drift + np.stack([np.cos(turn), np.sin(turn)], axis=1) * radius[:, None]
        hair.front_strands.append(curl)
    for _ in range(150):
        centre = np.array([rng.choice((-1, 1)) * rng.uniform(0.3, 0.32 + puff), rng.uniform(-0.6, low + 0.06)])
        turn = np.linspace(0, rng.uniform(3.0, 7.0), 9)
        curl = np.stack([np.cos(turn) * 0.035, turn * 0.012 + np.sin(turn) * 0.02], axis=1)
        hair.back_strands.append(centre + curl)


def _grow_bun(rng: np.random.Generator, hair: Hair) -> None:
    centre = np.array([rng.uniform(-0.15, 0.15), rng.uniform(-1.2, -1.1)])
    radius = rng.uniform(0.13, 0.2)
    hair.back.append(ellipse(centre, (radius, radius * 0.85)))
    for _ in range(130):
        turn = np.linspace(0, rng.uniform(1.0, 4.0), 8) + rng.uniform(0, 6.3)
        spread = radius * np.linspace(rng.uniform(0.3, 1.0), rng.uniform(0.85, 1.12), 8)
        hair.back_strands.append(centre + np.stack([np.cos(turn), 0.85 * np.sin(turn)], axis=1) * spread[:, None])


def _grow_tail(rng: np.random.Generator, hair: Hair) -> None:
    towards = rng.choice((-1.0, 1.0))
    start = np.array([towards * 0.3, -0.85])
    bend = np.array([towards * rng.uniform(0.55, 0.75), -0.7 + rng.uniform(-0.25, 0.15)])
    end = np.array([towards * rng.uniform(0.5, 0.85), rng.uniform(-0.1, 0.7)])
    for _ in range(260):
        spread = rng.normal(0, 1.0, 2)
        tip = end + spread * (0.07, 0.1)
        middle = (bend + end) / 2 + (towards * 0.06, 0) + spread[0] * np.array([0.07, 0.0])
        strand = [start + rng.normal(0, 0.015, 2), bend + spread * 0.035, middle, tip]
        hair.back_strands.append(open_curve(strand, steps=6))


def _loosen(rng: np.random.Generator, hair: Hair, style: str) -> None:
    """Let some strands leave the others: what mattes are judged by."""
    strands = hair.back_strands + hair.front_strands
    for _ in range(int(rng.integers(40, 200))):
        strand = strands[rng.integers(len(strands))]
        begin = rng.integers(0, len(strand) // 2)
        along = np.linspace(0.0, 1.0, len(strand) - begin)[:, None]
        outward = np.sign(strand[begin:, :1] + 1e-6) * rng.exponential(0.06) * along
        lift = rng.normal(-0.02, 0.05) * along
        ripple = 0.012 * np.sin(along * rng.uniform(3, 12) + rng.uniform(0, 6.3))
        hair.flyaways.append(strand[begin:] + np.concatenate([outward + ripple, lift + ripple * 0.5], axis=1))


def paint(
    rng: np.random.Generator, height: int, width: int, strands: list[Points], colour: np.ndarray, thickness: float
) -> np.ndarray:
    """Return the colours of hair, (H, W, 3) float32 in [0, 255]; defined everywhere, also between the strands."""
    base = colour * 0.7 + 6.0
    canvas = np.empty((height, width, 3), dtype=np.float32)
    canvas[:] = base * (1.0 + 0.06 * clouds(rng, height, width, [12.0])[..., None])
    order = rng.permutation(len(strands))
    for group in np.array_split(order, 10):
        shade = colour * rng.uniform(0.5, 1.25) + rng.uniform(-4, 16)
        draw_lines(canvas, [strands[k] for k in group], shade, thickness)
    return np.clip(canvas, 0, 255)
