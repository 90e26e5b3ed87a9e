"""Pickles of weights, read without running what they hold: arrays and plain containers, and nothing else."""

from __future__ import annotations

import io
import pickle
import pickletools
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


def _plain_array_parts() -> Globals:
    """Return the only globals that a pickle of arrays and plain containers needs, by (module, name)."""
    # Taken from what NumPy itself puts into pickles, because their module moved between its versions.
    reconstruct, scalar = np.zeros(0).__reduce__()[0], np.float32(0).__reduce__()[0]
    parts: Globals = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("collections", "OrderedDict"): _Ordered,
        ("builtins", "tuple"): tuple,
        ("__builtin__", "tuple"): tuple,
        ("_codecs", "encode"): _latin1_bytes,
    }
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        parts[module, "_reconstruct"] = reconstruct
        parts[module, "scalar"] = scalar
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
        return ArraysOnly(io.BytesIO(data)).load()
    except Exception as error:  # a hostile or cut pickle can fail in any way; none may pass as a traceback
        raise unreadable(origin, error) from None


def unreadable(origin: str | Path, error: Exception | str) -> MattingError:
    """Return the error that says why a file gives no weights."""
    return MattingError(f"{origin} is no readable file of weights: {error}; fetch or save it again")
