"""What VisualDL shows of a run: scalars, and pictures of input, trimap, alpha and prediction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from matting.pictures.contact_sheet import contact_sheet
from matting.training.history import Row


class Board:
    """A VisualDL log; every rank but the first, and a run without `--use_vdl`, has None instead."""

    def __init__(self, folder: Path) -> None:
        # Imported here: it costs a second, and brings a web server along.
        from visualdl import LogWriter

        self._writer = LogWriter(str(folder))

    def show(self, row: Row) -> None:
        """Add one point to the curve `Train/name` or `Evaluate/name` of each number of the history's row."""
        group = "Evaluate" if row.metrics else "Train"
        rate = {} if row.lr is None else {"lr": row.lr}
        for name, value in {**row.losses, **row.speed, **rate, **row.metrics}.items():
            self._writer.add_scalar(f"{group}/{name}", value, row.iteration)

    def picture(self, name: str, pixels: np.ndarray, iteration: int) -> None:
        """Add an (H, W, 3) RGB uint8 picture."""
        self._writer.add_image(name, pixels, iteration)

    def close(self) -> None:
        """Write what is still waiting."""
        self._writer.close()


def batch_picture(batch: Mapping[str, Any], alpha: Any, identity: Mapping[str, Any], most: int = 4) -> np.ndarray:
    """Return the first samples of a training batch: image, trimap, true alpha, prediction, as far as there are any.

    Args:
        batch: tensors (N, C, H, W) as the network saw them.
        alpha: the prediction, (N, 1, H, W) in [0, 1].
        identity: of the network (`matting.weights.identity`): its normalisation and channel order bring the image back.
    """
    mean, std = (np.asarray(identity["normalisation"][key], np.float32) for key in ("mean", "std"))
    rows = []
    for index in range(min(most, alpha.shape[0])):
        image = batch["image"][index].numpy().transpose(1, 2, 0) * std + mean
        panels = {"image": _bytes(image if identity["channels"] == "RGB" else image[..., ::-1])}
        if "trimap" in batch:
            panels["trimap"] = batch["trimap"][index, 0].numpy().astype(np.uint8)
        if "alpha" in batch:  # an adaptation has none
            panels["alpha"] = _bytes(batch["alpha"][index, 0].numpy())
        panels["prediction"] = _bytes(alpha[index, 0].astype("float32").numpy())
        rows.append((panels, ""))
    return contact_sheet(rows)


def _bytes(values: np.ndarray) -> np.ndarray:
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)
