"""An exported network on disk: its folder, the `deploy.yml` that describes it, and the way back to a predictor."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from matting import __version__, atomic, config
from matting.core import components
from matting.core.predictor import Predictor
from matting.core.tiling import MARGIN, tiled
from matting.digest import sha256
from matting.engines import Interface, open_engine
from matting.errors import MattingError

DESCRIPTION = "deploy.yml"
_FORMAT = 1


@dataclass(frozen=True)
class Deployment:
    """What `deploy.yml` says: everything that a program needs besides the network's file.

    Attributes:
        model: the network's type and backbone, for people.
        interface: what the network takes.
        transforms: bring a photograph to its input, as under `val_dataset.transforms`.
        weights_sha256: of the file of weights that it was exported from.
        files: SHA-256 of the files beside, by name.
    """

    model: str
    interface: Interface
    transforms: list[dict[str, Any]]
    weights_sha256: str
    files: dict[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write `deploy.yml` with the checksums of the files that are in the folder now."""
        files = {path.name: sha256(path) for path in sorted(folder.iterdir()) if path.name != DESCRIPTION}
        interface = {key: _plain(value) for key, value in asdict(self.interface).items()}
        content = {
            "format": _FORMAT,
            "version": __version__,
            "model": self.model,
            "output": "alpha",
            **interface,
            "transforms": self.transforms,
            "weights_sha256": self.weights_sha256,
            "files": files,
        }
        atomic.write_text(folder / DESCRIPTION, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))

    @classmethod
    def read(cls, folder: Path) -> Deployment:
        """Read an export and check that its files are the ones that were written.

        Raises:
            MattingError: something is missing, changed, or of another format.
        """
        path = folder / DESCRIPTION
        try:
            content = config.read_mapping(path)
            if content.get("format") != _FORMAT:
                raise ValueError(f"its format is not {_FORMAT}")
            size = content["size"]
            interface = Interface(
                tuple(content["inputs"]),
                int(content["stride"]),
                int(content["smallest"]),
                tuple(size) if size else None,
            )
            read = cls(
                content["model"], interface, content["transforms"], content["weights_sha256"], dict(content["files"])
            )
            if any(not isinstance(name, str) or Path(name).name != name for name in read.files):
                raise ValueError("its files must lie in its own folder")
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise MattingError(f"{folder} is no export ({error}); make one with tools/export.py") from None
        for name, digest in read.files.items():
            if not (folder / name).is_file() or sha256(folder / name) != digest:
                raise MattingError(f"{folder / name} is missing or was changed since the export; export again")
        return read


def open_predictor(
    folder: Path,
    engine: str = "auto",
    precision: str = "fp32",
    threads: int = 0,
    tile_size: int = 0,
    tile_margin: int = MARGIN,
) -> Predictor:
    """Return the predictor of an export, without importing Paddle unless it is the engine.

    Args:
        tile_size: pixels; larger pictures go through a network that takes a trimap tile by tile. 0 takes them whole.

    Raises:
        MattingError: the export is broken, or the engine or precision is not there.
    """
    deployment = Deployment.read(folder)
    network = open_engine(folder, deployment.interface, engine, precision, threads)
    return Predictor(tiled(network, tile_size, tile_margin), components.transforms(deployment.transforms))


def put_into_place(beside: Path, folder: Path) -> None:
    """Rename a finished folder; if another process was first, its folder stays."""
    try:
        os.rename(beside, folder)
    except OSError:
        if not (folder / DESCRIPTION).is_file():
            raise
        shutil.rmtree(beside)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
