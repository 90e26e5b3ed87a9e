"""Bodies: how a person stands in the picture, and the clothes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo.drawn_people.shapes import Points, closed_curve, clouds, ellipse, limb, rotate, rotate_image


@dataclass(frozen=True)
class Pose:
    """Where a person is and how they hold themselves.

    Body units are heads: the pit of the neck is (0, 0), x to the right, y down; the chin is at (0, -`neck`).

    Attributes:
        head: height of the head in pixels.
        pit: the pit of the neck in pixels, x and y.
        lean, tilt: turn of the whole body and of the head against it, in radians.
        yaw: how far the face is turned to the side, -1 to 1.
        shoulder: half the width of the shoulders in heads.
        drop: how far the shoulders slope, in heads.
        neck: length of the neck in heads.
        light: where the light comes from (see `relief`).
    """

    head: float
    pit: tuple[float, float]
    lean: float
    tilt: float
    yaw: float
    shoulder: float
    drop: float
    neck: float
    light: float

    def place_body(self, points: Points) -> Points:
        """Take points in body units to pixels."""
        return rotate(np.asarray(points, dtype=np.float64), self.lean) * self.head + self.pit

    def place_head(self, points: Points) -> Points:
        """Take points in units of the head (crown (0, -1), chin (0, 0)) to pixels."""
        on_neck = rotate(np.asarray(points, dtype=np.float64), self.tilt, (0.0, -0.1)) - (0.0, self.neck)
        return self.place_body(on_neck)


def draw_pose(rng: np.random.Generator, height: int, width: int) -> Pose:
    """Return a pose for a picture: from a close portrait to a half figure."""
    close = rng.random() < 0.6
    head = rng.uniform(0.34, 0.52) * height if close else rng.uniform(0.17, 0.32) * height
    head = min(head, 0.85 * width)
    neck = rng.uniform(0.16, 0.3)
    # Above the head there is some air, or none at all.
    crown = rng.uniform(-0.06, 0.16) * height if close else rng.uniform(0.04, 0.25) * height
    centre = width * float(np.clip(rng.normal(0.5, 0.11), 0.2, 0.8))
    return Pose(
        head=head,
        pit=(centre, crown + head * (1.0 + neck)),
        lean=rng.normal(0, 0.05),
        tilt=rng.normal(0, 0.1),
        yaw=float(np.clip(rng.normal(0, 0.45), -1, 1)),
        shoulder=rng.uniform(0.78, 1.15),
        drop=rng.uniform(0.22, 0.42),
        neck=neck,
        light=rng.uniform(-np.pi, 0),
    )


def torso(rng: np.random.Generator, pose: Pose) -> Points:
    """Return the outline of the trunk with sloping shoulders, in body units; it runs far down."""
    s, drop = pose.shoulder, pose.drop
    waist, hip = s * rng.uniform(0.62, 0.9), s * rng.uniform(0.72, 0.95)
    half = [(0.2, -0.12), (0.26, 0.0), (0.5 * s, drop * 0.45), (0.86 * s, drop * 0.85), (s, drop + 0.14)]
    half += [(s * 0.97, drop + 0.5), (s * 0.88, 1.2), (waist, 2.1), (hip, 3.1), (hip, 8.0)]
    right = np.array(half)
    left = right[::-1] * (-1, 1)
    turned = 1.0 - 0.12 * abs(pose.yaw)
    return closed_curve(np.concatenate([right * (turned, 1), left * (turned, 1)]))


def neck(rng: np.random.Generator, pose: Pose) -> Points:
    """Return the outline of the neck down to the collar bones, in body units."""
    girth = rng.uniform(0.17, 0.22)
    top = -pose.neck - 0.22
    lean = np.sin(pose.tilt) * 0.2
    return closed_curve(
        [
            (-girth + lean, top),
            (girth + lean, top),
            (girth, -0.12),
            (girth + 0.12, 0.06),
            (0.0, 0.3),
            (-girth - 0.12, 0.06),
        ]
        + [(-girth, -0.12)]
    )


def arms(rng: np.random.Generator, pose: Pose) -> list[tuple[list[Points], list[Points], bool]]:
    """Return for each arm the outlines of sleeve and hand, in body units, and whether it lies before the trunk."""
    s, drop = pose.shoulder, pose.drop
    drawn = []
    for side in (-1.0, 1.0):
        joint = (side * (s - 0.2), drop + 0.22)
        kind = rng.choice(["down", "akimbo", "chin", "folded", "up"], p=[0.55, 0.14, 0.09, 0.12, 0.1])
        elbow, wrist = {
            "down": ((s + rng.uniform(0.02, 0.2), 1.7), (s + rng.uniform(-0.15, 0.2), 2.9)),
            "akimbo": ((s + rng.uniform(0.5, 0.8), 1.5), (0.7 * s, 2.15)),
            "chin": ((s * rng.uniform(0.7, 1.1), 1.55), (rng.uniform(0.12, 0.32), -pose.neck + 0.12)),
            "folded": ((s + 0.08, 1.6), (-0.35 * s, 1.35)),
            "up": ((s + rng.uniform(0.35, 0.6), rng.uniform(0.6, 1.1)), (s + rng.uniform(0.2, 0.6), -0.35)),
        }[str(kind)]
        elbow, wrist = (side * elbow[0], elbow[1]), (side * wrist[0], wrist[1])
        width = rng.uniform(0.19, 0.25)
        sleeve = limb([joint, elbow, wrist], [width, width * 0.8, width * 0.55])
        drawn.append((sleeve, _hand(rng, np.asarray(elbow), np.asarray(wrist)), str(kind) in ("chin", "folded")))
    return drawn


def _hand(rng: np.random.Generator, elbow: np.ndarray, wrist: np.ndarray) -> list[Points]:
    """Return the outlines of a palm and its fingers at the end of a forearm."""
    along = (wrist - elbow) / max(float(np.linalg.norm(wrist - elbow)), 1e-6)
    across = np.array([-along[1], along[0]])
    palm = wrist + along * 0.13
    outlines = [ellipse(palm, (0.17, 0.105), float(np.arctan2(along[1], along[0])))]
    spread, curl = rng.uniform(0.0, 0.35), rng.uniform(0.12, 0.26)
    for k, place in enumerate((-0.075, -0.025, 0.025, 0.075)):
        knuckle = palm + along * 0.09 + across * place
        way = along + across * place / 0.075 * spread
        length = curl * (0.85, 1.0, 0.97, 0.75)[k]
        outlines += limb([knuckle, knuckle + way * length * 0.5, knuckle + way * length], [0.034, 0.03, 0.022])
    thumb = palm - along * 0.05 + across * 0.08
    return outlines + limb(
        [thumb, thumb + across * 0.07 + along * 0.05, thumb + across * 0.09 + along * 0.14], [0.04, 0.028]
    )


def paint_cloth(rng: np.random.Generator, height: int, width: int, pose: Pose, colour: np.ndarray) -> np.ndarray:
    """Return the colours of a cloth with folds and sometimes a pattern, (H, W, 3) float32 in [0, 255]."""
    cloth = np.empty((height, width, 3), dtype=np.float32)
    cloth[:] = colour
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    bend = clouds(rng, height, width, [pose.head * 0.7])
    u = (x - pose.pit[0]) / pose.head + 0.05 * bend
    v = (y - pose.pit[1]) / pose.head + 0.05 * bend
    other = colour * rng.uniform(0.3, 0.8) if colour.mean() > 110 else np.minimum(colour * 1.6 + 60, 240)
    period = rng.uniform(0.08, 0.35)
    across = (np.mod(u / period, 1) < rng.uniform(0.2, 0.5)).astype(np.float32)
    along = (np.mod(v / period, 1) < rng.uniform(0.2, 0.5)).astype(np.float32)
    kind = rng.choice(["plain", "stripes", "hoops", "check", "dots"], p=[0.58, 0.1, 0.12, 0.1, 0.1])
    dots = np.hypot(np.mod(u / period, 1) - 0.5, np.mod(v / period, 1) - 0.5) < 0.22
    pattern = {"stripes": across, "hoops": along, "check": 0.5 * (across + along), "dots": dots}.get(str(kind))
    if pattern is not None:
        cloth += pattern.astype(np.float32)[..., None] * (other - cloth).astype(np.float32) * 0.8
    # Folds are long: noise that is stretched along a slant.
    narrow = clouds(rng, height, width, [pose.head * 0.16])
    slant = rotate_image(narrow, rng.uniform(-0.6, 0.6), stretch=rng.uniform(2.5, 5.0))
    cloth *= (1.0 + rng.uniform(0.02, 0.09) * slant)[..., None]
    weave = rng.standard_normal((height, width, 1), dtype=np.float32)
    return cloth * (1.0 + rng.uniform(0.0, 0.035) * weave)
