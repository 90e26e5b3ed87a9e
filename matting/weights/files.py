"""Files of weights: every format people have is read by state_dict key, ours are written whole or not at all."""

from __future__ import annotations

import json
import pickle
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from matting import atomic
from matting.errors import MattingError
from matting.weights.pickled import unpickle_arrays, unreadable
from matting.weights.torch_format import is_torch, read_torch

_IDENTITY = "matting"
"""The metadata key of a `.safetensors` file of ours that says what its network is."""


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Read `.pdparams` (plain or in PaddleSeg's `.tar.gz`), `.safetensors`, or PyTorch's `.pth`, by state_dict key.

    A checkpoint folder stands for the `model.pdparams` in it. What a file is is told by its content, not its name.

    Raises:
        MattingError: the file is missing, broken, or holds something else.
    """
    path = weights_file(path)
    with open(path, "rb") as file:
        head = file.read(64)
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.name.endswith((".tar.gz", ".tgz", ".tar")):
        return _arrays(unpickle_arrays(_member(path), path), path)
    if is_torch(head):
        return read_torch(path)
    return _arrays(unpickle_arrays(path.read_bytes(), path), path)


def weights_file(path: str | Path) -> Path:
    """Return the file that a path means: itself, or the one in a checkpoint folder.

    Raises:
        MattingError: there is none.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "model.pdparams"
    if not path.is_file():
        raise MattingError(
            f"the weights {path} do not exist; give a .pdparams, .safetensors or .pth file, the folder that holds one, "
            "or a name that tools/download.py lists"
        )
    return path


def write_weights(path: str | Path, arrays: Mapping[str, Any], identity: Mapping[str, Any] | None = None) -> None:
    """Write arrays by the file's suffix: `.safetensors`, or the `.pdparams` that Paddle reads; whole or not at all.

    Args:
        identity: what the network is; kept in a `.safetensors` file, as `.pdparams` has no room for it.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        from safetensors.numpy import save

        metadata = {_IDENTITY: json.dumps(identity)} if identity else None
        # Its writer takes the memory as it lies, whatever the strides say.
        content = save({key: np.ascontiguousarray(value) for key, value in arrays.items()}, metadata)
    else:
        content = pickle.dumps(dict(arrays), protocol=4)
    atomic.write_bytes(path, content)


def read_identity(path: str | Path) -> dict[str, Any]:
    """Return what a `.safetensors` file of ours says its network is; an empty mapping if it says nothing."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            said = json.loads((file.metadata() or {}).get(_IDENTITY, "{}"))
    except (SafetensorError, OSError, ValueError) as error:
        raise unreadable(path, error) from None
    return said if isinstance(said, dict) else {}


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise unreadable(path, error) from None


def _arrays(content: Any, path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a Paddle pickle, which holds for a key an array or, by version, a (name, array) pair."""
    if not isinstance(content, Mapping):
        raise MattingError(f"{path} holds {type(content).__name__}; weights are a mapping from names to arrays")
    arrays = {}
    for key, value in content.items():
        if key == "StructuredToParameterName@@":
            continue
        if isinstance(value, tuple) and len(value) == 2:
            value = value[1]
        if not isinstance(key, str) or not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
            raise MattingError(
                f"{path}: {key!r} is {type(value).__name__}, no array of numbers; this is no file of weights"
            )
        arrays[key] = value
    return arrays


def _member(path: Path) -> bytes:
    """Return the one `.pdparams` member of a tar archive, which is never unpacked to disk."""
    try:
        with tarfile.open(path) as archive:
            members = [member for member in archive if member.isfile() and member.name.endswith(".pdparams")]
            if len(members) != 1:
                raise MattingError(f"the archive {path} holds {len(members)} .pdparams files; it must hold exactly one")
            return archive.extractfile(members[0]).read()  # type: ignore[union-attr]
    except (tarfile.TarError, EOFError, OSError) as error:
        raise MattingError(f"the archive {path} cannot be read ({error}); fetch it again") from None
