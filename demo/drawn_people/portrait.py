"""A drawn person with an exact alpha: head, hair, body and clothes put together from back to front."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np

from demo.drawn_people import body, face, hair, palette
from demo.drawn_people.shapes import Mask, Points, closed_curve, clouds, relief


@dataclass
class _Figure:
    """Layers laid over each other, each shaded and casting a soft shadow on those below."""

    height: int
    width: int
    pose: body.Pose
    union: Mask = field(init=False)
    colours: np.ndarray = field(init=False)
    """(H, W, 3) float32: the sum of the layers' colours, each times its visible coverage."""
    covered: np.ndarray = field(init=False)
    """(H, W) float32: the sum of the visible coverages."""

    def __post_init__(self) -> None:
        self.union = Mask(self.height, self.width)
        self.colours = np.zeros((self.height, self.width, 3), dtype=np.float32)
        self.covered = np.zeros((self.height, self.width), dtype=np.float32)

    def mask(self, *outlines: Points) -> Mask:
        return Mask(self.height, self.width).fill(*outlines)

    def lay(self, mask: Mask, colours: np.ndarray, roundness: float, shadow: float = 0.3) -> None:
        """Lay (H, W, 3) colours over what is there, where the mask is.

        Args:
            roundness: width of the shaded rim, in heads.
            shadow: strength of the shadow that falls on the layers below.
        """
        self.union.add(mask)
        coverage = mask.coverage()
        shade = relief(coverage, self.pose.light, roundness * self.pose.head)
        reach = 0.06 * self.pose.head
        shift = np.array([[1, 0, -np.cos(self.pose.light) * reach], [0, 1, reach]], dtype=np.float32)
        cast = cv2.warpAffine(coverage, shift, (self.width, self.height), borderMode=cv2.BORDER_REPLICATE)
        self.colours *= (1.0 - shadow * cv2.blur(cast, (int(reach) + 1, int(reach) + 1)))[..., None]
        self.colours *= (1.0 - coverage)[..., None]
        self.colours += (coverage * shade)[..., None] * colours
        self.covered = self.covered * (1.0 - coverage) + coverage

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the colours of the foreground, everywhere, and the coverage: float32 (H, W, 3) and (H, W)."""
        # Beyond the figure go the colours of its nearest parts.
        wide = 0.1 * self.pose.head + 2
        near = cv2.GaussianBlur(self.colours, (0, 0), wide / 4) + 1e-6
        weight = cv2.GaussianBlur(self.covered, (0, 0), wide / 4) + 1e-8
        mean = (self.colours.sum(axis=(0, 1)) / max(float(self.covered.sum()), 1e-6)).astype(np.float32)
        reach = np.clip(weight * 50, 0, 1)[..., None]
        beyond = near / weight[..., None] * reach + mean * (1 - reach)
        inside = self.covered > 1e-3
        colours = np.where(inside[..., None], self.colours / np.maximum(self.covered, 1e-3)[..., None], beyond)
        return colours, self.union.coverage()


def draw_portrait(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a person.

    Strands of hair are down to a quarter pixel wide; their alpha is the exact mean of 16 sub-pixels. Some people wear
    a veil or stand a little out of focus, so that alpha is soft over a wider band.

    Args:
        rng: all that differs between two people comes from it.
        height, width: of the picture in pixels, at least 32 each.

    Returns:
        foreground (H, W, 3) uint8 RGB, defined everywhere; alpha (H, W) float32 in [0, 1].
    """
    pose = body.draw_pose(rng, height, width)
    figure = _Figure(height, width, pose)
    skin, hair_colour, cloth_colour = palette.skin(rng), palette.hair(rng), palette.cloth(rng)
    style = hair.choose_style(rng)
    grown = hair.grow(rng, style)
    _lay_hair(rng, figure, grown, hair_colour, behind=True)
    _lay_body(rng, figure, skin, cloth_colour)
    _lay_head(rng, figure, skin, hair_colour)
    _lay_hair(rng, figure, grown, hair_colour, behind=False)
    if rng.random() < 0.12:
        _lay_hat(rng, figure)
    colours, alpha = figure.finish()
    if rng.random() < 0.1:
        colours, alpha = _veil(rng, pose, colours, alpha)
    if rng.random() < 0.5:
        colours, alpha = _defocus(rng, pose, colours, alpha)
    colours = colours * rng.uniform(0.8, 1.12) * (1.0 + rng.normal(0, 0.04, 3))
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8), np.clip(alpha, 0, 1).astype(np.float32)


def _flat(figure: _Figure, rng: np.random.Generator, colour: np.ndarray, roughness: float) -> np.ndarray:
    canvas = np.empty_like(figure.colours)
    canvas[:] = colour
    blotches = clouds(rng, figure.height, figure.width, [figure.pose.head * 0.25, 2.5])
    return canvas * (1.0 + roughness * blotches)[..., None]


def _lay_hair(rng: np.random.Generator, figure: _Figure, grown: hair.Hair, colour: np.ndarray, behind: bool) -> None:
    place = figure.pose.place_head
    outlines = [place(outline) for outline in (grown.back if behind else grown.front)]
    strands = [place(strand) for strand in (grown.back_strands if behind else grown.front_strands)]
    if not outlines and not strands:
        return
    mask = figure.mask(*outlines)
    fine = max(1.0, 0.006 * figure.pose.head)  # the hair of a close portrait is thicker
    for k, factor in enumerate((0.4, 0.8, 1.4)):
        mask.stroke(strands[k::3], grown.thickness * factor * fine)
    if not behind:
        loose = [place(strand) for strand in grown.flyaways]
        mask.stroke(loose[::3], 0.5 * fine).stroke(loose[1::3], 0.25 * fine).stroke(loose[2::3], 0.25 * fine)
        strands = strands + loose
    painted = hair.paint(rng, figure.height, figure.width, strands, colour, fine)
    figure.lay(mask, painted, roundness=0.18, shadow=0.15 if behind else 0.25)


def _lay_body(rng: np.random.Generator, figure: _Figure, skin: np.ndarray, colour: np.ndarray) -> None:
    pose = figure.pose
    cloth = body.paint_cloth(rng, figure.height, figure.width, pose, colour)
    bare = _flat(figure, rng, skin * 0.94, 0.02)
    arms = body.arms(rng, pose)
    for sleeve, hand, before in arms:
        if not before:
            figure.lay(figure.mask(*map(pose.place_body, hand)), bare, roundness=0.08)
            figure.lay(figure.mask(*map(pose.place_body, sleeve)), cloth, roundness=0.14)
    figure.lay(figure.mask(pose.place_body(body.torso(rng, pose))), cloth, roundness=0.3)
    collar = rng.choice(["round", "v", "high", "jacket"], p=[0.35, 0.25, 0.15, 0.25])
    if collar == "jacket":
        shirt = body.paint_cloth(rng, figure.height, figure.width, pose, palette.cloth(rng))
        wedge = [(-0.3, -0.02), (0.3, -0.02), (0.16, 0.8), (0.0, 1.5), (-0.16, 0.8)]
        figure.lay(figure.mask(pose.place_body(closed_curve(wedge))), shirt, roundness=0.2, shadow=0.0)
    figure.lay(figure.mask(pose.place_body(body.neck(rng, pose))), bare, roundness=0.15, shadow=0.1)
    if collar == "v":
        opening = [(-0.3, 0.0), (0.3, 0.0), (0.12, 0.4), (0.0, 0.62), (-0.12, 0.4)]
        figure.lay(figure.mask(pose.place_body(closed_curve(opening))), bare, roundness=0.3, shadow=0.0)
    elif collar == "high":
        roll = [(-0.25, -0.16), (0.25, -0.16), (0.32, 0.02), (0.2, 0.2), (0.0, 0.36), (-0.2, 0.2), (-0.32, 0.02)]
        figure.lay(figure.mask(pose.place_body(closed_curve(roll))), cloth * 0.93, roundness=0.12)
    elif collar == "jacket":
        for side in (-1, 1):
            lapel = np.array([(0.22, -0.13), (0.4, 0.05), (0.52, 0.5), (0.02, 1.6), (0.14, 0.7), (0.27, 0.2)])
            figure.lay(figure.mask(pose.place_body(closed_curve(lapel * (side, 1)))), cloth * 0.9, roundness=0.05)
    for sleeve, hand, before in arms:
        if before:
            figure.lay(figure.mask(*map(pose.place_body, sleeve)), cloth, roundness=0.14, shadow=0.4)
            figure.lay(figure.mask(*map(pose.place_body, hand)), bare, roundness=0.08)


def _lay_head(rng: np.random.Generator, figure: _Figure, skin: np.ndarray, hair_colour: np.ndarray) -> None:
    pose = figure.pose
    colours = _flat(figure, rng, skin, 0.025)
    figure.lay(figure.mask(*[pose.place_head(ear) for ear in face.ears(pose.yaw)]), colours * 0.9, roundness=0.06)
    face.paint_face(rng, colours, pose.place_head, skin, hair_colour, pose.yaw)
    figure.lay(figure.mask(pose.place_head(face.head_outline(rng, pose.yaw))), colours, roundness=0.22, shadow=0.45)


def _lay_hat(rng: np.random.Generator, figure: _Figure) -> None:
    place, low = figure.pose.place_head, rng.uniform(-0.78, -0.68)
    colours = body.paint_cloth(rng, figure.height, figure.width, figure.pose, palette.cloth(rng))
    crown = [
        (-0.42, low),
        (-0.42, low - 0.2),
        (-0.24, -1.1),
        (0.0, -1.16),
        (0.24, -1.1),
        (0.42, low - 0.2),
        (0.42, low),
    ]
    figure.lay(figure.mask(place(closed_curve([*crown, (0.0, low + 0.07)]))), colours, roundness=0.2)
    if rng.random() < 0.5:
        reach = rng.uniform(0.55, 0.8)
        brim = [(-reach, low + 0.02), (0.0, low - 0.08), (reach, low + 0.02), (0.0, low + 0.12)]
        figure.lay(figure.mask(place(closed_curve(brim))), colours * 0.85, roundness=0.06, shadow=0.5)
    else:
        band = [(-0.43, low - 0.1), (0.0, low - 0.05), (0.43, low - 0.1), (0.43, low + 0.02), (0.0, low + 0.09)]
        figure.lay(figure.mask(place(closed_curve([*band, (-0.43, low + 0.02)]))), colours * 0.85, roundness=0.05)


def _veil(
    rng: np.random.Generator, pose: body.Pose, colours: np.ndarray, alpha: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Hang a see-through cloth over the head and shoulders."""
    height, width = alpha.shape
    side, low = rng.uniform(0.55, 0.75), rng.uniform(0.6, 1.6)
    outline = [(0.0, -1.08), (0.35, -0.98), (side, -0.5), (side + 0.15, low), (0.45, low + 0.2), (0.5, -0.3)]
    outline += [(0.33, -0.82), (0.0, -0.92), (-0.33, -0.82), (-0.5, -0.3), (-0.45, low + 0.2), (-side - 0.15, low)]
    outline += [(-side, -0.5), (-0.35, -0.98)]
    folds = clouds(rng, height, width, [pose.head * 0.3, pose.head * 0.1])
    veil = Mask(height, width).fill(pose.place_head(closed_curve(outline))).coverage()
    veil *= np.clip(rng.uniform(0.3, 0.6) + 0.12 * folds, 0.08, 0.95)
    tint = np.clip(palette.cloth(rng) * 0.5 + 120, 0, 245).astype(np.float32)
    total = veil + alpha * (1 - veil)
    weight = np.where(total > 1e-4, veil / np.maximum(total, 1e-4), 0.0)[..., None]
    return colours + weight * (tint * (1 + 0.06 * folds[..., None]) - colours), total


def _defocus(
    rng: np.random.Generator, pose: body.Pose, colours: np.ndarray, alpha: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Blur the figure, everywhere a little or growing downwards, with colours and alpha going together."""
    height, width = alpha.shape
    sigma = rng.uniform(0.4, 1.0) if rng.random() < 0.7 else rng.uniform(1.2, 3.0)
    premultiplied = cv2.GaussianBlur(colours * alpha[..., None], (0, 0), sigma)
    soft = cv2.GaussianBlur(alpha, (0, 0), sigma)
    blurred = np.where(soft[..., None] > 1e-3, premultiplied / np.maximum(soft, 1e-3)[..., None], colours)
    weight = np.ones((height, 1), dtype=np.float32)
    if sigma > 1.0:  # the face stays in focus
        rows = np.arange(height, dtype=np.float32)[:, None]
        weight = np.clip((rows - pose.pit[1]) / (0.8 * pose.head), 0.0, 1.0)
    mixed = soft * weight + alpha * (1 - weight)
    premixed = (blurred * (soft * weight)[..., None]) + colours * (alpha * (1 - weight))[..., None]
    return np.where(mixed[..., None] > 1e-3, premixed / np.maximum(mixed, 1e-3)[..., None], colours), mixed
