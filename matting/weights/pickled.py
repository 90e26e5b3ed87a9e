"""Pickles of weights, read without running what they hold: arrays and plain containers, and nothing else."""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from matting.errors import MattingError

Globals = dict[tuple[str, str], Any]


class _Ordered(OrderedDict):
    """An ordered mapping that takes no attributes from a file (PyTorch hangs its `_metadata` there)."""

    def __setstate__(self, state: object) -> None:
        pass


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """Stand in for `_codecs.encode`, which Python 2 pickles call for raw bytes; nothing but latin1 is admitted."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"the text encoding {encoding!r} does not belong into a file of weights")
    return text.encode("latin1")


class _Dtype:
    """Stands in for `numpy.dtype`, whose own reading of a state trusts it, and crashes the process if it is wrong."""

    def __init__(self, kind: object, *_: object) -> None:
        if not isinstance(kind, str) or not _NUMBERS.fullmatch(kind):
            raise pickle.UnpicklingError(f"it holds arrays of {kind!r}, which no weights are")
        self.numpy = np.dtype(kind)

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else None
        if order not in ("<", ">", "|", "=") or any(state[2:5]):  # type: ignore[index]
            raise pickle.UnpicklingError("it holds arrays of records, which no weights are")
        self.numpy = self.numpy.newbyteorder(order)


class _Array(np.ndarray):
    """An array that reads its own state from a file with care; `numpy.ndarray` leaves that to whoever wrote it."""

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) == 5):
            raise pickle.UnpicklingError("the state of an array is broken")
        _, shape, dtype, fortran, raw = state
        whole = isinstance(shape, tuple) and all(type(side) is int and side >= 0 for side in shape)
        if not (whole and isinstance(dtype, _Dtype) and isinstance(raw, bytes)):
            raise pickle.UnpicklingError("the state of an array is broken")
        if math.prod(shape) * dtype.numpy.itemsize != len(raw):
            raise pickle.UnpicklingError(f"an array of shape {shape} has {len(raw)} bytes")
        super().__setstate__((1, shape, dtype.numpy, bool(fortran), raw))  # type: ignore[arg-type]


def _reconstruct(kind: object, *_: object) -> _Array:
    if kind is not _ARRAY:
        raise pickle.UnpicklingError("it holds arrays of a kind of their own, which no weights are")
    return _Array((0,), np.uint8)


def _scalar(dtype: object, raw: object) -> np.generic:
    if not isinstance(dtype, _Dtype) or not isinstance(raw, bytes) or len(raw) != dtype.numpy.itemsize:
        raise pickle.UnpicklingError("a number in it is broken")
    return np.frombuffer(raw, dtype.numpy)[0]


_ARRAY = object()
"""What a pickle gets for the class `numpy.ndarray`: something to hand to `_reconstruct`, and nothing to call."""

_NUMBERS = re.compile(r"[<>|=]?[fiub][1248]")


def _plain_array_parts() -> Globals:
    """Return the only globals that a pickle of arrays and plain containers needs, by (module, name)."""
    parts: Globals = {
        ("numpy", "ndarray"): _ARRAY,
        ("numpy", "dtype"): _Dtype,
        ("collections", "OrderedDict"): _Ordered,
        ("builtins", "tuple"): tuple,
        ("__builtin__", "tuple"): tuple,
        ("_codecs", "encode"): _latin1_bytes,
    }
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):  # it moved between NumPy's versions
        parts[module, "_reconstruct"] = _reconstruct
        parts[module, "scalar"] = _scalar
    return parts


class ArraysOnly(pickle.Unpickler):
    """An unpickler that admits arrays and plain containers, and refuses everything else before it runs.

    Args:
        file: read from its position to the end of one pickle.
        further: globals admitted besides.
        persistent: turns the references that a format keeps outside the pickle into objects.
    """

    _plain = _plain_array_parts()

    def __init__(
        self, file: BinaryIO, further: Mapping[tuple[str, str], Any] | None = None,
        persistent: Callable[[Any], Any] | None = None,
    ) -> None:  # fmt: skip
        _check_memory(file)
        super().__init__(file)
        self._admitted = {**self._plain, **(further or {})}
        self._persistent = persistent

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._admitted[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no weights need") from None

    def persistent_load(self, pid: Any) -> Any:
        if self._persistent is None:
            raise pickle.UnpicklingError("it refers to something outside itself, which this format never does")
        return self._persistent(pid)


def _check_memory(file: BinaryIO) -> None:
    """Refuse a pickle whose table of remembered objects would take more memory than the file itself.

    The index in a "remember" opcode sizes that table, so that six bytes can ask for gigabytes.
    """
    start = file.tell()
    length = file.seek(0, io.SEEK_END) - start
    file.seek(start)
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > length:
            raise pickle.UnpicklingError(f"it numbers its {argument}th object in {length} bytes")
    file.seek(start)


def unpickle_arrays(data: bytes, origin: str | Path) -> Any:
    """Return the arrays and plain containers pickled in `data`; `origin` names them in messages.

    Raises:
        MattingError: the pickle is broken, or asks for anything that is no array or plain container.
    """
    try:
        return changed(ArraysOnly(io.BytesIO(data)).load(), lambda array: array.view(np.ndarray))
    except Exception as error:  # a hostile or cut pickle can fail in any way; none may pass as a traceback
        raise unreadable(origin, error) from None


def changed(content: Any, change: Callable[[np.ndarray], np.ndarray], seen: dict[int, Any] | None = None) -> Any:
    """Return plain containers with each array changed; what stands in several places is changed once.

    Otherwise some bytes of lists that hold one list twice, level upon level, would unfold for ever.
    """
    seen = {} if seen is None else seen
    if id(content) not in seen:
        if isinstance(content, np.ndarray):
            made: Any = change(content)
        elif isinstance(content, dict):
            made = {key: changed(value, change, seen) for key, value in content.items()}
        elif isinstance(content, list | tuple):
            made = type(content)(changed(value, change, seen) for value in content)
        else:
            return content
        seen[id(content)] = made
    return seen[id(content)]


def unreadable(origin: str | Path, error: Exception | str) -> MattingError:
    """Return the error that says why a file gives no weights."""
    return MattingError(f"{origin} is no readable file of weights: {error}; fetch or save it again")
