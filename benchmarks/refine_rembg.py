"""Mattes by pymatting and by rembg, from an environment of their own, for the benchmark of refinement."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import cv2
import numpy as np
from refine_tried import Way

CLOSED_FORM = """
import sys, numpy as np
from pymatting import estimate_alpha_cf
with np.load(sys.argv[1], allow_pickle=False) as given:
    alpha = estimate_alpha_cf(given["image"] / 255.0, given["trimap"] / 255.0)
np.save(sys.argv[2], np.clip(alpha, 0, 1).astype(np.float32))
"""

REMBG = """
import sys, numpy as np
from PIL import Image
from rembg import new_session, remove
with np.load(sys.argv[1], allow_pickle=False) as given:
    image = Image.fromarray(given["image"])
cutout = remove(image, session=new_session("u2netp"), alpha_matting=sys.argv[3] == "-a")
np.save(sys.argv[2], np.asarray(cutout)[..., 3].astype(np.float32) / 255)
"""


def ways(python: Path, model: Path | None) -> dict[str, Way]:
    """Return the ways, by name; their seconds are those of whole processes, as a command line's."""

    def closed_form(image: np.ndarray, alpha: np.ndarray, small: np.ndarray) -> np.ndarray:
        return _run(python, CLOSED_FORM, {"image": image, "trimap": _trimap(alpha)})

    def rembg(*flags: str) -> Way:
        return lambda image, alpha, small: _run(python, REMBG, {"image": image}, *(flags or ("plain",)), model=model)

    return {"pymatting's closed form": closed_form, "rembg, u2netp": rembg(), "rembg, u2netp, -a": rembg("-a")}


def _trimap(alpha: np.ndarray) -> np.ndarray:
    """Return the trimap that `rembg -a` makes of a matte."""
    square = np.ones((10, 10), np.uint8)
    solid, empty = (cv2.erode(part.astype(np.uint8), square) for part in (alpha >= 240 / 255, alpha <= 10 / 255))
    return np.where(solid, 255, np.where(empty, 0, 128)).astype(np.uint8)


def _run(
    python: Path, program: str, given: dict[str, np.ndarray], *flags: str, model: Path | None = None
) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        environment = dict(os.environ)
        environment.pop("PYTHONPATH", None)
        if model:
            shutil.copy(model, Path(folder) / "u2netp.onnx")
            environment |= {"U2NET_HOME": folder, "REMBG_HOME": folder}
        there, back = Path(folder) / "given.npz", Path(folder) / "alpha.npy"
        np.savez(there, **given)
        subprocess.run([python, "-c", program, there, back, *flags], check=True, capture_output=True, env=environment)
        return np.load(back, allow_pickle=False)
