"""Act one: real people cut out by the authors' network, over transparency and before another background."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from matting import Predictor, cutout
from matting.pictures.contact_sheet import contact_sheet, over_checkerboard
from matting.pictures.files import read_image, write_png

SHEET = "act_one.png"

CREDITS = {
    "astronaut": "Eileen Collins (NASA, public domain)",
    "grace_hopper": "Grace Hopper (U.S. Navy, public domain)",
    "camera": "A man and his camera (Lav Varshney, CC0)",
}

_BACKDROP = "#9cc3d5"


def people() -> dict[str, np.ndarray]:
    """Return photographs of people that installed packages bring, (H, W, 3) RGB uint8, by their names in `CREDITS`."""
    from matplotlib import cbook
    from skimage import data

    hopper = read_image(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    return {"astronaut": data.astronaut(), "grace_hopper": hopper, "camera": np.stack([data.camera()] * 3, axis=-1)}


def cut_out_people(predictor: Predictor, save_dir: Path) -> Path:
    """Cut out the packaged photographs of people by the authors' network; return the sheet that shows all of them.

    Below `save_dir` it leaves the photographs, their cutouts, and composites: the astronaut before galaxies (the Hubble
    deep field, NASA, public domain), the others before a colour.
    """
    from skimage import data

    galaxies = save_dir / "photographs" / "background" / "galaxies.png"
    write_png(galaxies, data.hubble_deep_field())
    rows = []
    for name, photograph in people().items():
        rgba = cutout(photograph, predictor)
        composite = cutout(photograph, predictor, background=galaxies if name == "astronaut" else _BACKDROP)
        write_png(save_dir / "photographs" / f"{name}.png", photograph)
        write_png(save_dir / "cutouts" / f"{name}_rgba.png", rgba)
        write_png(save_dir / "cutouts" / f"{name}_composite.png", composite)
        transparent = over_checkerboard(rgba[..., :3], rgba[..., 3] / np.float32(255))
        panels = {"photograph": photograph, "matte": rgba[..., 3], "cutout": transparent, "composite": composite}
        rows.append((panels, CREDITS[name]))
    write_png(save_dir / SHEET, contact_sheet(rows))
    return save_dir / SHEET
