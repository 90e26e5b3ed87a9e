"""An exported network on disk: its folder, the `deploy.yml` that describes it, and the way back to a predictor."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from matting import builder, config
from matting.deployment import fields
from matting.engines import FILES, PARAMETERS, Interface, open_engine
from matting.engines.tiles import MARGIN, tiled
from matting.errors import MattingError
from matting.predictor import Predictor
from matting.system import atomic
from matting.system.digest import sha256
from matting.version import __version__
from matting.weights.download import cache_dir

DESCRIPTION = "deploy.yml"


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
        names = [name for name in sorted((*FILES.values(), PARAMETERS)) if (folder / name).is_file()]
        interface = {key: _plain(value) for key, value in asdict(self.interface).items()}
        if not self.interface.states:
            del interface["states"]
        content = {
            "format": fields.FORMAT,
            "version": __version__,
            "model": self.model,
            **interface,
            "transforms": self.transforms,
            "weights_sha256": self.weights_sha256,
            "files": {name: sha256(folder / name) for name in names},
        }
        atomic.write_text(folder / DESCRIPTION, yaml.safe_dump(content, sort_keys=False, allow_unicode=True))

    @classmethod
    def read(cls, folder: Path) -> Deployment:
        """Read an export and check that its files are the ones that were written.

        Raises:
            MattingError: something is missing, changed, or of another format.
        """
        try:
            content = config.read_mapping(folder / DESCRIPTION)
            fields.check(content)
        except (MattingError, ValueError) as error:
            raise MattingError(f"{folder} is no export ({error}); make one with matting export") from None
        size = content["size"]
        interface = Interface(
            tuple(content["inputs"]),
            content["stride"],
            content["smallest"],
            tuple(size) if size else None,
            tuple(content["outputs"]),
            tuple(content.get("states", ())),
        )
        read = cls(content["model"], interface, content["transforms"], content["weights_sha256"], content["files"])
        read._check_files(folder)
        return read

    def _check_files(self, folder: Path) -> None:
        for name, digest in self.files.items():
            if not (folder / name).is_file() or sha256(folder / name) != digest:
                raise MattingError(f"{folder / name} is missing or was changed since the export; export again")
        for name in (*FILES.values(), PARAMETERS):
            # An engine would run it, and nobody knows where it is from.
            if name not in self.files and (folder / name).is_file():
                raise MattingError(f"{folder / name} is not listed in {DESCRIPTION}; remove it, or export again")


def open_predictor(
    folder: Path,
    engine: str = "auto",
    precision: str = "fp32",
    threads: int = 0,
    tile_size: int = 0,
    tile_margin: int = MARGIN,
    refinement: str = "none",
) -> Predictor:
    """Return the predictor of an export, without importing Paddle unless it is the engine.

    Args:
        tile_size: pixels; larger pictures go through a network that takes a trimap tile by tile. 0 takes them whole.
        refinement: how edges are found at the photograph's size, one of `matting.choices.REFINEMENTS`.

    Raises:
        MattingError: the export is broken, or the engine or precision is not there.
    """
    deployment = Deployment.read(folder)
    network = open_engine(folder, deployment.interface, engine, precision, threads, cache_dir() / "programs")
    return Predictor(tiled(network, tile_size, tile_margin), builder.transforms(deployment.transforms), refinement)


def put_into_place(beside: Path, folder: Path) -> None:
    """Rename a finished folder; if another process was first, its folder stays.

    Where the folder is there and empty (it may be a mount point, or where the user's shell stands) the files are moved
    into it, the description last: without it nothing is an export.
    """
    if beside.parent == folder:
        for path in sorted(beside.iterdir(), key=lambda path: path.name == DESCRIPTION):
            os.replace(path, folder / path.name)
        return
    try:
        os.rename(beside, folder)
    except OSError:
        if not (folder / DESCRIPTION).is_file():
            raise


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
