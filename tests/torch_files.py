"""Writing PyTorch's zip checkpoints without PyTorch, sound ones and hostile ones."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_STORAGES = {"float32": "FloatStorage", "float64": "DoubleStorage", "float16": "HalfStorage", "int64": "LongStorage"}


@dataclass
class Global:
    """Anything that a pickle names: written by name, never looked up."""

    module: str
    name: str

    def __call__(self) -> None:
        """Be callable, as the pickler demands of what a reduction calls."""


@dataclass
class Storage:
    """Numbers that tensors are views of."""

    key: str
    numbers: np.ndarray
    kind: str = ""
    claimed: int | None = None


@dataclass
class View:
    """A tensor: a view of a storage, in elements."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


class _Pickler(pickle._Pickler):  # type: ignore[name-defined]
    dispatch = dict(pickle._Pickler.dispatch)  # type: ignore[attr-defined]

    def persistent_id(self, thing: Any) -> Any:
        if isinstance(thing, Storage):
            kind = Global("torch", thing.kind or _STORAGES[str(thing.numbers.dtype)])
            count = thing.numbers.size if thing.claimed is None else thing.claimed
            return "storage", kind, thing.key, "cpu", count
        return None

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, View):
            arguments = (thing.storage, thing.offset, thing.size, thing.stride, False, OrderedDict())
            return Global("torch._utils", "_rebuild_tensor_v2"), arguments
        return NotImplemented

    def _save_global(self, thing: Global) -> None:
        self.write(b"c" + f"{thing.module}\n{thing.name}\n".encode())

    dispatch[Global] = _save_global


def write_zip(path: Path, content: Any, compression: int = zipfile.ZIP_STORED) -> None:
    """Write what `torch.save` would: containers of `View`s."""
    stream = io.BytesIO()
    pickler = _Pickler(stream, 2)
    pickler.dump(content)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", stream.getvalue())
        for storage in _storages(content):
            archive.writestr(f"archive/data/{storage.key}", storage.numbers.tobytes())
        archive.writestr("archive/version", "3\n")


def views(arrays: dict[str, np.ndarray]) -> OrderedDict[str, View]:
    """Return a state_dict with a storage for each array."""
    made = OrderedDict()
    for number, (name, array) in enumerate(arrays.items()):
        strides = tuple(step // array.itemsize for step in np.ascontiguousarray(array).strides)
        made[name] = View(Storage(str(number), array.ravel()), 0, array.shape, strides if array.ndim else ())
    return made


def _storages(content: Any) -> list[Storage]:
    if isinstance(content, View):
        return [content.storage]
    if isinstance(content, dict):
        content = list(content.values())
    if isinstance(content, list | tuple):
        found = {storage.key: storage for part in content for storage in _storages(part)}
        return list(found.values())
    return []
