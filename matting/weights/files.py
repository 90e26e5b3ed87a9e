"""Files of weights: every format people have is read by state_dict key, ours are written whole or not at all."""

from __future__ import annotations

import difflib
import json
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from matting.choices import CLASSIC
from matting.errors import MattingError
from matting.system import atomic
from matting.weights.allowance import LARGEST
from matting.weights.archive import is_archive, read_member
from matting.weights.pickled import unpickle_arrays, unreadable
from matting.weights.published import PUBLISHED
from matting.weights.safetensors_format import IDENTITY, is_safetensors, read_safetensors
from matting.weights.torch_format import is_torch, read_torch


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Read `.pdparams` (plain or in PaddleSeg's `.tar.gz`), `.safetensors`, or PyTorch's `.pth`, by state_dict key.

    A checkpoint folder stands for the `model.pdparams` in it. What a file is is told by its content, not its name.

    Raises:
        MattingError: the file is missing, broken, or holds something else.
    """
    path = weights_file(path)
    try:
        with open(path, "rb") as file:
            head = file.read(512)
        if (size := path.stat().st_size) > LARGEST:
            raise ValueError(f"it has {size >> 20} MB, and no more than {LARGEST >> 20} are read")
        if is_safetensors(path):
            return read_safetensors(path)
        if is_torch(head):
            return read_torch(path)
        content = read_member(path) if is_archive(head, path.name) else path.read_bytes()
    except MattingError:
        raise
    except (OSError, ValueError, MemoryError) as error:
        raise unreadable(path, error) from None
    return _arrays(unpickle_arrays(content, path), path)


def weights_file(path: str | Path) -> Path:
    """Return the file that a path means: itself, or the one in a checkpoint folder.

    Raises:
        MattingError: there is none.
    """
    path = Path(path)
    if os.path.isdir(path):  # which, unlike pathlib, takes names that are too long for names of nothing
        path = path / "model.pdparams"
    if not os.path.isfile(path):
        if str(path) in CLASSIC:
            raise MattingError(
                f"{path} is a method without a network: it cuts out and is scored, but has no weights to be trained, "
                "exported or converted"
            )
        close = difflib.get_close_matches(str(path), [*PUBLISHED, *CLASSIC], n=1)
        meant = f"; did you mean {close[0]}?" if close else ""
        raise MattingError(
            f"the weights {path} do not exist{meant}; give a .pdparams, .safetensors or .pth file, the folder that "
            "holds one, or a name that matting weights list shows"
        )
    refuse_onnx(path)
    return path


def refuse_onnx(path: str | Path) -> None:
    """Raise MattingError, with the ways that there are, for the name of an ONNX file: it is a network, not weights."""
    path = Path(path)
    if path.suffix.lower() == ".onnx":
        raise MattingError(
            f"{path} is an ONNX network, no file of weights; of an export give the folder {path.parent}, of the MODNet "
            f"authors' file make weights (matting convert_weights modnet-onnx {path} {path.stem}.safetensors), or give "
            "the published name modnet-photographic"
        )


def write_weights(path: str | Path, arrays: Mapping[str, Any], identity: Mapping[str, Any] | None = None) -> None:
    """Write arrays by the file's suffix: `.safetensors`, or the `.pdparams` that Paddle reads; whole or not at all.

    Args:
        identity: what the network is; kept in a `.safetensors` file, as `.pdparams` has no room for it.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        from safetensors.numpy import save

        metadata = {IDENTITY: json.dumps(identity)} if identity else None
        # Its writer takes the memory as it lies, whatever the strides say.
        content = save({key: np.ascontiguousarray(value) for key, value in arrays.items()}, metadata)
    else:
        content = pickle.dumps(dict(arrays), protocol=4)
    atomic.write_bytes(path, content)


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
