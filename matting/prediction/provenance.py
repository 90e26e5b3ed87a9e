"""What a matte depends on besides its photograph: so that results of other weights or settings are recognised."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matting import config
from matting.deployment.cached import weights_sha256
from matting.deployment.description import DESCRIPTION, Deployment
from matting.deployment.loading import Runtime
from matting.engines import classic


def made_with(
    values: Mapping[str, Any] | None, model_path: str | Path, runtime: Runtime, trimap_from: str | None = None
) -> dict[str, Any]:
    """Return weights, network, transforms and what else changes a matte, as plain values.

    The engine, the device and the number of threads are left out: they change the last bits, and a run may go on with
    others.

    Args:
        values: the configuration; not needed for an export.
        model_path: trained weights, an export or a method without a network, as for `prediction.make_predictor`.
        trimap_from: `CONFIG:WEIGHTS` of the network that draws the trimaps.
    """
    if (Path(model_path) / DESCRIPTION).is_file():
        export = Deployment.read(Path(model_path))
        network: dict[str, Any] = {"weights": export.weights_sha256, "transforms": export.transforms}
    elif classic.is_classic(model_path):
        network = {"weights": f"{model_path} of {classic.version(str(model_path))}"}
    else:
        values = values or {}
        transforms = (values.get("val_dataset") or {}).get("transforms")
        network = {"weights": weights_sha256(model_path), "transforms": transforms, "model": values.get("model")}
    tiles = [runtime.tile_size, runtime.tile_margin]
    settings = {**network, "precision": runtime.precision, "tiles": tiles}
    if runtime.refine != "none":
        settings["refine"] = runtime.refine
    if trimap_from:
        path, _, drawer = trimap_from.partition(":")
        settings["trimap_from"] = made_with(config.load(path), drawer, runtime)
    return settings
