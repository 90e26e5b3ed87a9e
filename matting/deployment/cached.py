"""Exports in the user's cache: made when weights are first used, checked at each use, made again when not right."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matting import weights
from matting.deployment.description import DESCRIPTION, Deployment
from matting.errors import MattingError, UnwritableError
from matting.system import atomic
from matting.system.digest import sha256
from matting.system.filling import remove_abandoned
from matting.system.locks import locked
from matting.version import __version__
from matting.weights.download import cache_dir

logger = logging.getLogger(__name__)

_EXPORTER = 2
"""Counts the ways in which exports are written, so that those in a cache are made again when there is a better one."""


def cached_export(values: Mapping[str, Any], model_path: str | Path, partial: bool = False) -> Path:
    """Return the export of weights in the user's cache, making it at their first use.

    It is named by the contents of the weights, by what is said beside them of how they were trained (which is checked
    when it is made), and by what of the configuration matters, so a change of any makes another. Two processes that
    start together make it once. The lock notes the description's checksum, so that an export of which all was replaced,
    description included, is made again.
    """
    file = weights.weights_file(weights.located(model_path))
    data = values.get("val_dataset") or {}
    matters = [
        __version__,
        _EXPORTER,
        sha256(file),
        _stated(file),
        values.get("model"),
        data.get("transforms"),
        partial,
    ]
    key = hashlib.sha256(json.dumps(matters, sort_keys=True, default=str).encode()).hexdigest()[:20]
    folder = cache_dir() / "exports" / key
    with locked(folder.with_name(f".{folder.name}.lock")) as lock:
        remove_abandoned(folder.parent)
        if folder.is_dir():
            try:
                Deployment.read(folder)
                if lock.read().decode("ascii", "replace") != sha256(folder / DESCRIPTION):
                    raise MattingError(f"{folder} was changed since the export")
                return folder
            except MattingError as error:
                logger.warning("%s; it is made again", error)
                shutil.rmtree(folder)
        logger.info("exporting the network once for the engines, into %s", folder)
        from matting.deployment.export import export

        try:
            export(values, file, folder, partial=partial)
            with atomic.explained(folder):
                lock.seek(0)
                lock.truncate()
                lock.write(sha256(folder / DESCRIPTION).encode("ascii"))
        except UnwritableError as error:
            raise MattingError(
                f"{error}, or set MATTING_CACHE, or use --engine dynamic, which needs no export"
            ) from None
    return folder


def _stated(file: Path) -> Any:
    """Return what a checkpoint says beside its weights about how they were trained; None without one.

    Only to tell two such statements apart, without Paddle: `weights.trained.load_trained` reads and compares it. What a
    .safetensors file states is part of its contents.
    """
    state = file.with_name("state.json")
    try:
        content = state.read_bytes()
        return json.loads(content)["identity"]
    except OSError:
        return None
    except (ValueError, KeyError, TypeError):
        return hashlib.sha256(content).hexdigest()


def weights_sha256(model_path: str | Path) -> str:
    """Return the SHA-256 of the file of weights that a path, a name or an export stands for."""
    if (Path(model_path) / DESCRIPTION).is_file():
        return Deployment.read(Path(model_path)).weights_sha256
    return sha256(weights.weights_file(weights.located(model_path)))
