"""What goes behind a person: a colour, a picture, one of a folder of pictures, or the photograph itself, blurred."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from PIL import ImageColor

from matting import composite
from matting.errors import MattingError
from matting.pictures.colour import convert
from matting.pictures.files import read_photograph
from matting.pictures.listing import list_images
from matting.prediction.framing import Frame

_LETTERS = {"r": (255, 0, 0), "g": (0, 255, 0), "b": (0, 0, 255), "w": (255, 255, 255)}
"""As PaddleSeg's bg_replace.py has them."""

_COVERED = 5 / 255
"""Alpha from which a pixel is the person's."""

_FINEST = 4
"""Pixels of the standard deviation at which a blur is computed."""

_FAR = np.float32(0.02)
"""The weight of what is farther away, as a share of that of background all around."""


@dataclass(frozen=True)
class Scene:
    """A photograph with a person, for whom a background is wanted.

    Attributes:
        image: (H, W, 3) uint8, in the colours of `profile`.
        matte: (H, W) float32 in [0, 1].
        frame: the part that is shown.
        profile: None is sRGB.
        name: of the photograph.
    """

    image: np.ndarray
    matte: np.ndarray
    frame: Frame
    profile: bytes | None = None
    name: str = ""


@dataclass(frozen=True)
class Background:
    """A colour, or a picture whose middle is scaled to cover.

    Attributes:
        colour: red, green and blue.
        picture: (H, W, 3) uint8, or None for the colour.
        profile: of the picture; the colour, and a picture without one, are sRGB.
        files: that it was read from, which no result may replace.
    """

    colour: tuple[int, int, int] = (255, 255, 255)
    picture: np.ndarray | None = None
    profile: bytes | None = None
    files: tuple[Path, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Background:
        """Make one of a picture's file."""
        photograph = read_photograph(path)
        return cls(picture=photograph.own, profile=photograph.metadata.profile, files=(path,))

    def identity(self) -> Any:
        """Return what distinguishes it from others: the colour, or the SHA-256 of the picture's pixels and profile."""
        if self.picture is None:
            return list(self.colour)
        content = repr(self.picture.shape).encode() + self.picture.tobytes() + (self.profile or b"")
        return hashlib.sha256(content).hexdigest()

    def behind(self, scene: Scene) -> np.ndarray:
        """Return what lies behind a person, (H, W, 3) uint8 of the size that is shown."""
        return self.of_size(*scene.frame.canvas, scene.profile)

    def of_size(self, height: int, width: int, profile: bytes | None = None) -> np.ndarray:
        """Return the background as (height, width, 3) uint8.

        Args:
            profile: of the photograph that comes before it. The background is brought into its colours, and not both
                into sRGB: the person is what counts, and stays as the camera saw it.
        """
        if self.picture is None:
            shown = convert(np.array([[self.colour]], np.uint8), None, profile)
            return np.full((height, width, 3), shown, np.uint8)
        scale = min(self.picture.shape[0] / height, self.picture.shape[1] / width)
        rows, columns = max(int(height * scale), 1), max(int(width * scale), 1)
        top, left = (self.picture.shape[0] - rows) // 2, (self.picture.shape[1] - columns) // 2
        window = self.picture[top : top + rows, left : left + columns]
        return convert(composite.fit_background(window, height, width), self.profile, profile)


@dataclass(frozen=True)
class BackgroundFolder:
    """A folder of pictures, of which each photograph gets one by its name.

    Attributes:
        pictures: the paths; a photograph of the same name gets the same one as long as it is among them.
    """

    pictures: tuple[Path, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        """Return what no result may replace."""
        return self.pictures

    def identity(self) -> Any:
        """Return names, sizes and times of the files: pixels of a folder are too many to be read for this."""
        return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in self.pictures]

    def chosen(self, name: str) -> Path:
        """Return the picture for a photograph's name: that whose name goes best with it, by a digest of both.

        Others that come or go leave the choice as it is, unless it is theirs.
        """
        return max(self.pictures, key=lambda path: hashlib.sha256(f"{name}\0{path.name}".encode()).digest())

    def behind(self, scene: Scene) -> np.ndarray:
        """Return what lies behind a person, (H, W, 3) uint8 of the size that is shown."""
        return _read(self.chosen(scene.name)).behind(scene)


@dataclass(frozen=True)
class Blur:
    """The photograph itself, out of focus, without the person in it.

    Attributes:
        strength: standard deviation of the blur, as a share of the longer side.
    """

    strength: float = 0.02
    files: ClassVar[tuple[Path, ...]] = ()

    def identity(self) -> Any:
        """Return what distinguishes it from others."""
        return {"blur": self.strength}

    def behind(self, scene: Scene) -> np.ndarray:
        """Return what lies behind a person, (H, W, 3) uint8 of the size that is shown."""
        return scene.frame.show_around(self.blurred(scene.image, scene.matte))

    def blurred(self, image: np.ndarray, matte: np.ndarray) -> np.ndarray:
        """Return the background of a photograph out of focus, (H, W, 3) uint8.

        Every pixel is the mean of what is background around it, by a Gaussian's weights; as far as there is none near,
        by those of a wider one. What the person covers has no weight, and neither has a little around it.

        Args:
            image: (H, W, 3) uint8.
            matte: (H, W) float32 in [0, 1].
        """
        height, width = matte.shape
        sigma = max(self.strength * max(height, width), 0.5)
        # A blurred picture has few details; it is made small, and enlarged.
        step = max(sigma / _FINEST, 1)
        size = max(round(width / step), 1), max(round(height / step), 1)
        covered = cv2.resize((matte > _COVERED).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        weight = (cv2.dilate(covered, np.ones((3, 3), np.uint8)) == 0).astype(np.float32)
        if not weight.any():
            weight = 1 - covered if covered.min() < 1 else np.ones_like(covered)  # the person is nearly everywhere
        light = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32) * weight[..., None]
        result = np.full_like(light, light.sum((0, 1)) / weight.sum())
        widths = [sigma / step]
        while widths[-1] < max(size) / 4:
            widths.append(2 * widths[-1])
        for spread in reversed(widths):
            near, mean = (cv2.GaussianBlur(of, (0, 0), spread, borderType=cv2.BORDER_REFLECT) for of in (weight, light))
            result = (mean + _FAR * result) / (near + _FAR)[..., None]
        return cv2.resize(np.rint(result).astype(np.uint8), (width, height), interpolation=cv2.INTER_LINEAR)


AnyBackground = Background | BackgroundFolder | Blur


def parse(value: object) -> AnyBackground:
    """Make a background from what the command line or a program says.

    Args:
        value: as text a colour (a name as `white`, `#rgb`, `#rrggbb`, `r,g,b`, or PaddleSeg's `r`, `g`, `b`, `w`),
            `blur`, or the path of a picture or of a folder of pictures. A file whose name is that of a colour is given
            as `./white`. Else a path, (r, g, b), a picture (H, W, 3) RGB uint8, or what this function returns.

    Raises:
        MattingError: it is none of these.
    """
    if isinstance(value, AnyBackground):
        return value
    if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.shape[2:] == (3,) and value.size:
        return Background(picture=value)
    if not isinstance(value, (str, Path, tuple, list)):
        raise MattingError(
            f"the background is {type(value).__name__}; give a colour as text or (r, g, b), blur, a path, or an array "
            "(H, W, 3) uint8"
        )
    text = str(value) if isinstance(value, (str, Path)) else ",".join(map(str, value))
    if text == "blur":
        return Blur()
    colour = parse_colour(text)
    if colour is not None:
        return Background(colour)
    path = Path(text)
    if text and path.is_dir():
        pictures = tuple(list_images(path))
        if not pictures:
            raise MattingError(f"--background {text} holds no picture; give a folder of pictures")
        return BackgroundFolder(pictures)
    if not path.is_file():
        raise MattingError(
            f"--background {text} is neither a colour (white, #rgb, #rrggbb, or r,g,b of 0 to 255), nor blur, nor the "
            "path of a picture or a folder"
        )
    return Background.read(path)


def parse_colour(text: str) -> tuple[int, int, int] | None:
    """Return red, green and blue of a colour as `parse` takes it; None if the text is none."""
    if text.lower() in _LETTERS:
        return _LETTERS[text.lower()]
    if text.startswith("#") and len(text) == 4:
        text = "#" + "".join(2 * digit for digit in text[1:])
    named = ImageColor.colormap.get(text.lower())
    text = named if isinstance(named, str) else text
    parts = [text[i : i + 2] for i in (1, 3, 5)] if text.startswith("#") and len(text) == 7 else text.split(",")
    try:
        values = [int(part, 16 if text.startswith("#") else 10) for part in parts]
    except ValueError:
        return None
    return (values[0], values[1], values[2]) if len(values) == 3 and all(0 <= v <= 255 for v in values) else None


@functools.lru_cache(maxsize=4)
def _read(path: Path) -> Background:
    """Return a picture of a folder; the last few are kept, for several photographs may get one."""
    return Background.read(path)
