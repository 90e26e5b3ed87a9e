"""What a cutout is written as: matte, cutout, composite on another background, or everything side by side."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from matting import composite
from matting.errors import MattingError
from matting.foreground import ESTIMATES, estimate_foreground
from matting.pictures.colour import convert
from matting.pictures.contact_sheet import checkerboard
from matting.pictures.files import quantise, read_photograph, write_png
from matting.pictures.metadata import Metadata

KINDS = ("alpha", "rgba", "composite", "side_by_side", "trimap")
"""`trimap` is the one that a network draws inside (SHM)."""

_CHECKER = 16
"""Side of a square of the pattern that stands for transparency, in pixels."""


@dataclass(frozen=True)
class Background:
    """What goes behind a person: a colour, or a picture whose middle is scaled to cover.

    Attributes:
        colour: red, green and blue.
        picture: (H, W, 3) uint8, or None for the colour.
        profile: of the picture; the colour, and a picture without one, are sRGB.
    """

    colour: tuple[int, int, int] = (255, 255, 255)
    picture: np.ndarray | None = None
    profile: bytes | None = None

    @classmethod
    def parse(cls, text: str) -> Background:
        """Make one from `#rrggbb`, `r,g,b`, or the path of a picture.

        Raises:
            MattingError: it is none of these.
        """
        parts = [text[i : i + 2] for i in (1, 3, 5)] if text.startswith("#") and len(text) == 7 else text.split(",")
        try:
            values = [int(part, 16 if text.startswith("#") else 10) for part in parts]
            if len(values) == 3 and all(0 <= value <= 255 for value in values):
                return cls(colour=(values[0], values[1], values[2]))
        except ValueError:
            pass
        if not Path(text).is_file():
            raise MattingError(f"--background {text} is neither #rrggbb, nor r,g,b of 0 to 255, nor a picture's path")
        photograph = read_photograph(Path(text))
        return cls(picture=photograph.own, profile=photograph.metadata.profile)

    def identity(self) -> list[int] | str:
        """Return what distinguishes it from others: the colour, or the SHA-256 of the picture's pixels and profile."""
        if self.picture is None:
            return list(self.colour)
        content = repr(self.picture.shape).encode() + self.picture.tobytes() + (self.profile or b"")
        return hashlib.sha256(content).hexdigest()

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
class Outputs:
    """Which files are written for a photograph, and how.

    Attributes:
        kinds: of `KINDS`.
        fg_estimate: how the foreground's own colours are found; one of `foreground.ESTIMATES`.
        background: behind composites.
        keep_hidden_colours: leave in a cutout the colours that show nowhere, so that the photograph can be had back
            from it. Otherwise they are black where alpha is 0: what was cut away is gone, and the file is smaller.

    Raises:
        MattingError: a kind or an estimate is unknown, or there is none.
    """

    kinds: Sequence[str] = ("alpha", "rgba")
    fg_estimate: str = ESTIMATES[0]
    background: Background = Background()
    keep_hidden_colours: bool = False

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise MattingError(f"--save {kind}: it must be one of {', '.join(KINDS)}")
        if not self.kinds:
            raise MattingError(f"--save names nothing; give one or more of {', '.join(KINDS)}")
        if self.fg_estimate not in ESTIMATES:
            raise MattingError(f"--fg_estimate {self.fg_estimate}: it must be one of {', '.join(ESTIMATES)}")

    @classmethod
    def parse(
        cls, kinds: Sequence[str], fg_estimate: str, background: str | None, keep_hidden_colours: bool = False
    ) -> Outputs:
        """Make one from what the command line says; no background is white.

        Raises:
            MattingError: as by the constructor and `Background.parse`, or no kind shows the background.
        """
        if background is None:
            return cls(kinds, fg_estimate, keep_hidden_colours=keep_hidden_colours)
        if "composite" not in kinds:
            raise MattingError(
                f"--background {background} is shown by composites alone, and --save names {', '.join(kinds)}; add "
                "composite to --save, or leave --background out"
            )
        return cls(kinds, fg_estimate, Background.parse(background), keep_hidden_colours)

    def paths(self, stem: Path) -> dict[str, Path]:
        """Return the file of every kind for a photograph whose results begin with `stem`."""
        return {kind: stem.with_name(f"{stem.name}_{kind}.png") for kind in self.kinds}

    def settings(self, kind: str) -> dict[str, Any]:
        """Return what a kind depends on besides the matte and the photograph, as plain values."""
        if kind in ("alpha", "trimap"):
            return {}
        own = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "kinds"}
        background = own.pop("background")
        return own | ({"background": background.identity()} if kind == "composite" else {})

    def write(
        self,
        stem: Path,
        image: np.ndarray,
        alpha: np.ndarray,
        trimap: np.ndarray | None = None,
        metadata: Metadata | None = None,
    ) -> None:
        """Write all files of a photograph, each whole or not at all.

        Args:
            image: (H, W, 3) uint8, in the colours of the photograph's own profile.
            alpha: (H, W) float32 in [0, 1].
            trimap: (H, W) uint8, which the kind of that name needs.
            metadata: of the photograph, carried on in its results.
        """
        profile = metadata.profile if metadata else None
        matte = quantise(alpha)
        height, width = matte.shape
        rounded = matte.astype(np.float32) / 255
        paths = self.paths(stem)
        cutout = None
        if set(self.kinds) - {"alpha", "trimap"}:
            cutout = self.foreground(image, matte)
        for kind, path in paths.items():
            if kind == "trimap" and trimap is not None:
                write_png(path, trimap, metadata)
            elif kind == "alpha" or cutout is None:
                write_png(path, matte, metadata)
            elif kind == "rgba":
                write_png(path, self.rgba(cutout, matte), metadata)
            elif kind == "composite":
                behind = self.background.of_size(height, width, profile)
                write_png(path, composite.composite(cutout, rounded, behind), metadata)
            else:
                shown = composite.composite(cutout, rounded, checkerboard(height, width, _CHECKER))
                write_png(path, np.hstack((image, np.dstack([matte] * 3), shown)), metadata)

    def foreground(self, image: np.ndarray, matte: np.ndarray) -> np.ndarray:
        """Return the foreground's own colours, (H, W, 3) uint8, for the 8 bits of alpha that a file holds."""
        return estimate_foreground(image, matte.astype(np.float32) / 255, self.fg_estimate)

    def rgba(self, foreground: np.ndarray, matte: np.ndarray) -> np.ndarray:
        """Return the cutout, (H, W, 4) uint8."""
        pixels = np.dstack((foreground, matte))
        if not self.keep_hidden_colours:
            pixels[matte == 0] = 0
        return pixels
