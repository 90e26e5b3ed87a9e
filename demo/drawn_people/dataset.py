"""A data set of drawn people on disk, in the layout of PPM-100."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from demo.drawn_people.backgrounds import draw_background
from demo.drawn_people.portrait import draw_portrait
from matting.composite import composite
from matting.pictures.files import quantise, write_png
from matting.system import atomic
from matting.system.progress_meter import progress

_MARKER = "drawn.json"
_VERSION = 1
"""To be raised when the same seed draws other pictures."""


def write_dataset(
    root: Path, *, train: int = 100, val: int = 12, height: int = 320, width: int = 256, seed: int = 0
) -> None:
    """Draw pairs of photograph and matte: `train/fg/NAME.png` and `train/alpha/NAME.png`, likewise under `val`.

    `train.txt` and `val.txt` name one photograph a line. A picture depends on the seed and its number alone. A set that
    was completed before with the same arguments is left as it is.

    Args:
        root: the set's folder.
        train, val: how many pairs to draw.
        height, width: of each picture in pixels.
    """
    arguments = {"version": _VERSION, "train": train, "val": val, "height": height, "width": width, "seed": seed}
    marker = root / _MARKER
    if marker.is_file() and json.loads(marker.read_text(encoding="utf-8")) == arguments:
        return
    marker.unlink(missing_ok=True)
    names = [("train", number) for number in range(train)] + [("val", number) for number in range(val)]
    for part, number in progress(names, len(names), "picture", "drawing"):
        rng = np.random.default_rng((seed, part == "val", number))
        foreground, alpha = draw_portrait(rng, height, width)
        picture = composite(foreground, alpha, draw_background(rng, height, width))
        write_png(root / part / "fg" / f"{number:04d}.png", picture)
        write_png(root / part / "alpha" / f"{number:04d}.png", quantise(alpha))
    for part, count in (("train", train), ("val", val)):
        lines = "".join(f"{part}/fg/{number:04d}.png\n" for number in range(count))
        atomic.write_text(root / f"{part}.txt", lines)
    atomic.write_text(marker, json.dumps(arguments))  # last: it says that all the rest is there
