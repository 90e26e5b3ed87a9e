"""PyTorch's checkpoint formats (zip, and the one before version 1.6), read without PyTorch and without running them.

A tensor in such a file is a view (offset, shape, strides) of a storage that several tensors may share; it comes out as
an array of its own.
"""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matting.errors import MattingError
from matting.weights.allowance import Allowance, elements
from matting.weights.bfloat16 import widened
from matting.weights.pickled import ArraysOnly, Globals, changed, small_tuple, unreadable

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."

_STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
}

_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network")
"""Keys under which training scripts put the weights beside their optimizer and counters."""


def is_torch(head: bytes) -> bool:
    """Say whether a file that begins with `head` (at least 16 bytes) is a PyTorch checkpoint of either format."""
    return head[:4] == b"PK\x03\x04" or head.startswith(_LEGACY_START)


def read_torch(path: str | Path) -> dict[str, np.ndarray]:
    """Read the weights of a `.pth` file by state_dict key; wrappers and a common `module.` prefix are taken off.

    bfloat16, which NumPy lacks, comes out as the float32 of the same value.

    Raises:
        MattingError: the file is broken, asks for more than tensors and plain containers, or holds no weights.
    """
    path = Path(path)
    try:
        content = _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path.read_bytes())
    except Exception as error:  # a hostile or cut file can fail in any way; none may pass as a traceback
        raise unreadable(path, error) from None
    return _state_dict(content, path)


def _state_dict(content: Any, path: Path) -> dict[str, np.ndarray]:
    while isinstance(content, Mapping) and (inside := [key for key in _WRAPPERS if isinstance(content.get(key), dict)]):
        content = content[inside[0]]
    arrays = {key: value for key, value in content.items() if isinstance(value, np.ndarray)} if content else {}
    if not arrays or not all(isinstance(key, str) for key in arrays) or len(arrays) < len(content):
        raise MattingError(f"{path} holds no state_dict; save one with torch.save(model.state_dict(), ...)")
    while all(key.startswith("module.") for key in arrays):
        arrays = {key.removeprefix("module."): value for key, value in arrays.items()}
    return arrays


def _read_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        # PyTorch stores without compression; anything else could unpack to any size.
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED:
                raise pickle.UnpicklingError(f"its entry {entry.filename} is compressed, which PyTorch never does")
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1 or any("/code/" in name for name in archive.namelist()):
            raise pickle.UnpicklingError("it is no checkpoint (a TorchScript program, or another zip)")
        root = pickles[0].removesuffix("data.pkl")
        if f"{root}byteorder" in archive.namelist() and archive.read(f"{root}byteorder") != b"little":
            raise pickle.UnpicklingError("its numbers are big-endian")
        allowance = Allowance(path.stat().st_size)
        storages: dict[str, _Storage] = {}

        def read(name: str) -> bytes:
            allowance.take(archive.getinfo(name).file_size)  # entries may lie over one another
            return archive.read(name)

        def storage(pid: Any) -> _Storage:
            _, kind, key, _, count = _reference(pid)
            if key not in storages:
                storages[key] = _Storage(_typed(np.frombuffer(read(f"{root}data/{key}"), np.uint8), kind))
            if storages[key].numbers.size < count:
                raise pickle.UnpicklingError(f"its storage {key} holds {storages[key].numbers.size} of {count} numbers")
            return storages[key]

        return ArraysOnly(io.BytesIO(read(pickles[0])), allowance, _torch_parts(allowance), storage).load()


def _read_legacy(data: bytes) -> Any:
    """Read magic number, protocol, system, object, storage keys, storages: six parts one after another."""
    file, allowance = io.BytesIO(data), Allowance(len(data))
    if ArraysOnly(file, allowance).load() != _LEGACY_MAGIC or ArraysOnly(file, allowance).load() != 1001:
        raise pickle.UnpicklingError("it is of an unknown PyTorch version")
    if not ArraysOnly(file, allowance).load().get("little_endian"):
        raise pickle.UnpicklingError("its numbers are big-endian")
    storages: dict[str, tuple[np.ndarray, str]] = {}

    def storage(pid: Any) -> _Storage:
        _, kind, key, _, count, *view = _reference(pid)
        if key not in storages:
            if count * _width(kind) > len(data):
                raise pickle.UnpicklingError(f"its storage {key} of {count} numbers is larger than the file")
            allowance.take(count * _width(kind))
            storages[key] = np.zeros(count * _width(kind), np.uint8), kind
        numbers = _typed(storages[key][0], storages[key][1])
        if view and view[0] is not None:
            _, first, length = view[0]
            return _Storage(numbers[first : first + length])
        return _Storage(numbers)

    # The tensors are views of buffers that the rest of the file then fills.
    content = ArraysOnly(file, allowance, _torch_parts(allowance, copy=False), storage).load()
    for key in ArraysOnly(file, allowance).load():
        buffer, kind = storages[key]
        count = int.from_bytes(file.read(8), "little")
        raw = file.read(len(buffer))
        if count * _width(kind) != len(buffer) or len(raw) != len(buffer):
            raise pickle.UnpicklingError(f"its storage {key} is cut short")
        buffer[:] = np.frombuffer(raw, np.uint8)
    return changed(content, _owned)


def _reference(pid: Any) -> tuple:
    """Return ("storage", dtype, key, device, count, ...), which is all that a PyTorch pickle may refer to."""
    if not (
        isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage"
        and isinstance(pid[1], str) and isinstance(pid[2], str) and isinstance(pid[4], int) and pid[4] >= 0
    ):  # fmt: skip
        raise pickle.UnpicklingError(f"it refers to {pid!r}, which is no storage of numbers")
    return pid


def _torch_parts(allowance: Allowance, copy: bool = True) -> Globals:
    """Return the globals of a state_dict; a storage's class stands for its number type."""

    def rebuild(storage: object, offset: int, size: tuple, stride: tuple, *_: Any) -> np.ndarray:
        # Nothing but a storage: an array's own memory may be shorter than its shape and strides make believe.
        if not isinstance(storage, _Storage) or type(offset) is not int:
            raise pickle.UnpicklingError("a tensor in it is no view of a storage")
        numbers, count = storage.numbers, elements(size)
        elements(stride)  # which checks them
        last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True)) if count else 0
        # A count beyond the storage's is a repeated (expanded) tensor, of which a few bytes can claim terabytes.
        if offset < 0 or (count and last >= numbers.size) or count > numbers.size:
            raise pickle.UnpicklingError(f"a tensor of shape {tuple(size)} lies outside its {numbers.size} numbers")
        allowance.take(count * max(numbers.itemsize, 4))  # as many tensors may share a storage as the file says
        steps = tuple(step * numbers.itemsize for step in stride)
        view = np.lib.stride_tricks.as_strided(numbers[offset:], size, steps)
        return _owned(view) if copy else view

    parts: Globals = {
        ("torch._utils", "_rebuild_tensor_v2"): rebuild,
        ("torch._utils", "_rebuild_tensor"): rebuild,
        ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
        ("torch", "Size"): small_tuple,
    }
    return parts | {("torch", name): kind for name, kind in _STORAGES.items()}


@dataclass(frozen=True)
class _Storage:
    """A row of numbers that tensors are views of."""

    numbers: np.ndarray


def _typed(raw: np.ndarray, kind: str) -> np.ndarray:
    return raw.view(_BFLOAT16 if kind == "bfloat16" else kind)


def _width(kind: str) -> int:
    return 2 if kind == "bfloat16" else np.dtype(kind).itemsize


_BFLOAT16 = np.dtype([("bfloat16", "<u2")])
"""Marks the upper halves of float32 numbers until they are widened."""


def _owned(array: np.ndarray) -> np.ndarray:
    """Return a contiguous copy, bfloat16 widened."""
    if array.dtype == _BFLOAT16:
        return widened(np.ascontiguousarray(array).view("<u2"))
    return np.array(array, order="C")
