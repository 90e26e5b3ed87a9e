"""Faces: the outline of a head and what is on it."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from demo.drawn_people.shapes import Points, closed_curve, clouds, draw_lines, draw_shape, ellipse, open_curve

Place = Callable[[Points], Points]
"""Takes points in units of the head's height (crown (0, -1), chin (0, 0)) to pixels of the picture."""


def head_outline(rng: np.random.Generator, yaw: float) -> Points:
    """Return the outline of a head with ears, in units of its height."""
    jaw, cheek = rng.uniform(0.24, 0.29), rng.uniform(0.325, 0.355)
    half = [(0.0, -1.0), (0.17, -0.975), (0.29, -0.88), (0.355, -0.72), (0.362, -0.55), (cheek, -0.36), (jaw, -0.17)]
    half += [(0.13, -0.03)]
    right = np.array([*half, (0.0, 0.0)])
    left = np.array(half[:0:-1]) * (-1, 1)
    outline = np.concatenate([right, left])
    outline[:, 0] *= 1.0 + 0.12 * yaw * np.sign(outline[:, 0])
    outline[:, 0] += 0.03 * yaw * np.clip(outline[:, 1] + 0.6, 0, 1)
    return closed_curve(outline)


def ears(yaw: float) -> list[Points]:
    """Return the outlines of the ears; turning the head hides one of them."""
    return [
        ellipse((side * (0.37 - 0.05 * max(0.0, side * yaw) * 2), -0.47), (0.045, 0.1), 0.12 * side)
        for side in (-1.0, 1.0)
        if side * yaw < 0.6
    ]


def paint_face(
    rng: np.random.Generator, colours: np.ndarray, place: Place, skin: np.ndarray, hair: np.ndarray, yaw: float
) -> None:
    """Draw eyes, brows, nose, mouth and sometimes glasses or a beard onto (H, W, 3) float32 in place."""
    unit = float(np.linalg.norm(place(np.array([[0.0, -1.0]])) - place(np.array([[0.0, 0.0]]))))
    shift = 0.11 * yaw
    rosy = np.clip(skin * (1.0, 0.82, 0.8), 0, 255)
    for side in (-1.0, 1.0):
        for radius in (0.11, 0.075):
            draw_shape(colours, place(ellipse((shift + side * 0.19, -0.3), (radius, radius * 0.8))), rosy, 0.2)
        draw_shape(colours, place(ellipse((shift + side * 0.165, -0.47), (0.1, 0.055))), skin * 0.78, 0.35)
    if rng.random() < 0.22:
        _beard(rng, colours, place, hair)
    _eyes(rng, colours, place, skin, hair, shift, unit)
    _nose(colours, place, skin, shift, side=1.0 if yaw > 0 else -1.0)
    _mouth(rng, colours, place, skin, shift)
    if rng.random() < 0.2:
        _glasses(rng, colours, place, shift, unit)


def _eyes(
    rng: np.random.Generator,
    colours: np.ndarray,
    place: Place,
    skin: np.ndarray,
    hair: np.ndarray,
    shift: float,
    unit: float,
) -> None:
    iris = np.array([(62, 42, 28), (88, 60, 36), (70, 104, 128), (88, 108, 70)][rng.integers(4)], dtype=np.float64)
    openness = rng.uniform(0.02, 0.034)
    look, lift = rng.uniform(-0.015, 0.015), rng.uniform(-0.02, 0.015)
    brow_weight = rng.uniform(0.012, 0.024)
    dark = np.minimum(hair, 120) * 0.6
    for side in (-1.0, 1.0):
        x = shift + side * 0.165
        almond = [(x - 0.07, -0.452), (x, -0.455 - openness), (x + 0.07, -0.455), (x, -0.455 + openness * 0.8)]
        draw_shape(colours, place(closed_curve(almond)), np.minimum(skin * 0.3 + 165, 242))
        draw_shape(colours, place(ellipse((x + look, -0.457), (0.03, min(0.03, openness * 1.15)))), iris)
        draw_shape(colours, place(ellipse((x + look, -0.457), (0.013, 0.013))), np.full(3, 14.0))
        draw_shape(colours, place(ellipse((x + look + 0.009, -0.467), (0.006, 0.006))), np.full(3, 240.0), 0.9)
        lid = open_curve([(x - 0.075, -0.45), (x, -0.46 - openness), (x + 0.075, -0.455)])
        draw_lines(colours, [place(lid)], skin * 0.3, max(1.0, 0.014 * unit))
        brow = [(x - side * 0.085, -0.535 + lift), (x, -0.565 + lift), (x + side * 0.1, -0.53)]
        above, below = open_curve(brow), open_curve(np.array(brow) + (0, 2 * brow_weight))
        draw_shape(colours, place(np.concatenate([above, below[::-1]])), dark, 0.8)


def _nose(colours: np.ndarray, place: Place, skin: np.ndarray, shift: float, side: float) -> None:
    nose = shift * 1.5
    shadow = [(shift + side * 0.05, -0.46), (nose + side * 0.075, -0.28), (nose, -0.25), (nose + side * 0.02, -0.4)]
    draw_shape(colours, place(closed_curve(shadow)), skin * 0.72, 0.4)
    draw_shape(
        colours, place(ellipse((nose - side * 0.02, -0.32), (0.022, 0.06))), np.minimum(skin * 1.15 + 8, 252), 0.4
    )
    for nostril in (-1.0, 1.0):
        draw_shape(colours, place(ellipse((nose + nostril * 0.035, -0.253), (0.017, 0.009))), skin * 0.35, 0.75)


def _mouth(rng: np.random.Generator, colours: np.ndarray, place: Place, skin: np.ndarray, shift: float) -> None:
    smile, width = rng.uniform(-0.005, 0.03), rng.uniform(0.09, 0.13)
    x, y = shift * 1.2, -0.15
    lips = np.clip(skin * (0.92, 0.6, 0.6) + (rng.uniform(0, 25), 0, 0), 0, 255)
    corners = [(x - width, y - smile), (x - 0.03, y - 0.022), (x + 0.03, y - 0.022), (x + width, y - smile)]
    draw_shape(colours, place(closed_curve([*corners, (x, y + 0.045)])), lips, 0.85)
    if smile > 0.015:
        inside = [(x - width * 0.75, y - smile * 0.6), (x, y), (x + width * 0.75, y - smile * 0.6), (x, y + 0.025)]
        draw_shape(colours, place(closed_curve(inside)), np.array([236.0, 230, 222]), 0.9)
    else:
        middle = [(x - width, y - smile), (x, y + 0.004), (x + width, y - smile), (x, y + 0.012)]
        draw_shape(colours, place(closed_curve(middle)), lips * 0.45)


def _beard(rng: np.random.Generator, colours: np.ndarray, place: Place, hair: np.ndarray) -> None:
    outline = [(-0.35, -0.42), (-0.25, -0.22), (-0.13, -0.22), (0, -0.235), (0.13, -0.22), (0.25, -0.22), (0.35, -0.42)]
    outline += [(0.3, -0.1), (0.15, 0.03), (0, 0.05), (-0.15, 0.03), (-0.3, -0.1)]
    before = colours.copy()
    draw_shape(colours, place(closed_curve(outline)), hair * 0.75, rng.uniform(0.45, 0.95))
    weight = np.abs(colours - before).max(axis=2) > 1
    height, width = colours.shape[:2]
    texture = 1.0 + 0.14 * clouds(rng, height, width, [2.0, 4.0])
    colours[weight] *= texture[weight][:, None]
    cv2.GaussianBlur(colours, (0, 0), 0.8, dst=colours)


def _glasses(rng: np.random.Generator, colours: np.ndarray, place: Place, shift: float, unit: float) -> None:
    rim = np.array([(24, 22, 24), (90, 62, 40), (150, 150, 156)][rng.integers(3)], dtype=np.float64)
    radii = (0.115, rng.uniform(0.075, 0.11))
    lenses = [ellipse((shift + side * 0.165, -0.45), radii) for side in (-1.0, 1.0)]
    if rng.random() < 0.25:
        for lens in lenses:
            draw_shape(colours, place(lens), np.full(3, 22.0), 0.85)
    lines = [place(np.concatenate([lens, lens[:1]])) for lens in lenses]
    lines.append(place(np.array([(shift - 0.05, -0.465), (shift + 0.05, -0.465)])))
    lines += [place(np.array([(shift + s * 0.28, -0.47), (s * 0.37, -0.49)])) for s in (-1.0, 1.0)]
    draw_lines(colours, lines, rim, max(1.0, 0.02 * unit))
