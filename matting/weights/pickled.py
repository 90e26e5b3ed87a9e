"""Pickles of weights, read without running what they hold: arrays and plain containers, and nothing else."""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np

from matting.errors import MattingError
from matting.weights.allowance import Allowance, elements

Globals = dict[tuple[str, str], Any]


class _Ordered(OrderedDict):
    """An ordered mapping that takes no attributes from a file (PyTorch hangs its `_metadata` there)."""

    def __setstate__(self, state: object) -> None:
        pass


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

    allowance: Allowance

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) == 5):
            raise pickle.UnpicklingError("the state of an array is broken")
        _, shape, dtype, fortran, raw = state
        if not (isinstance(dtype, _Dtype) and isinstance(raw, bytes)):
            raise pickle.UnpicklingError("the state of an array is broken")
        if elements(shape) * dtype.numpy.itemsize != len(raw):
            raise pickle.UnpicklingError(f"an array of shape {shape} has {len(raw)} bytes")
        self.allowance.take(len(raw))
        super().__setstate__((1, shape, dtype.numpy, bool(fortran), raw))  # type: ignore[arg-type]


def _scalar(dtype: object, raw: object) -> np.generic:
    if not isinstance(dtype, _Dtype) or not isinstance(raw, bytes) or len(raw) != dtype.numpy.itemsize:
        raise pickle.UnpicklingError("a number in it is broken")
    return np.frombuffer(raw, dtype.numpy)[0]


def _key(key: object) -> Any:
    """Return a key that is quick to look up; tuples in tuples, a few bytes in a file, can take for ever."""
    if not isinstance(key, str | int | float | bytes | None):
        raise pickle.UnpicklingError(f"it holds {type(key).__name__} as a key, which no weights need")
    return key


def small_tuple(items: Any = ()) -> tuple:
    """Stand in for `tuple` and `torch.Size`, which make pairs and shapes."""
    if len(items) > _LONGEST_TUPLE:
        raise pickle.UnpicklingError(f"it makes a tuple of {len(items)}, which no weights need")
    return tuple(items)


_ARRAY = object()
"""What a pickle gets for the class `numpy.ndarray`: something to hand to `_reconstruct`, and nothing to call."""

_NUMBERS = re.compile(r"[<>|=]?[fiub][1248]")
_LONGEST_TUPLE = 64
_MOST_OPCODES = 1_000_000  # thirty thousand tensors
_NEVER = {
    "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "EMPTY_SET", "ADDITEMS", "FROZENSET", "BYTEARRAY8",
    "NEXT_BUFFER", "READONLY_BUFFER", "PERSID",
}  # fmt: skip
"""What no file of weights does in a pickle; arrays and plain containers need none of it."""


def _plain_array_parts(allowance: Allowance) -> Globals:
    """Return the only globals that a pickle of arrays and plain containers needs, by (module, name)."""

    def reconstruct(kind: object, *_: object) -> _Array:
        if kind is not _ARRAY:
            raise pickle.UnpicklingError("it holds arrays of a kind of their own, which no weights are")
        array = _Array((0,), np.uint8)
        array.allowance = allowance
        return array

    def latin1_bytes(text: str, encoding: str) -> bytes:
        """Stand in for `_codecs.encode`, which Python 2 pickles call for raw bytes; nothing but latin1 is admitted."""
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"the text encoding {encoding!r} does not belong into a file of weights")
        allowance.take(len(text))
        return text.encode("latin1")

    def ordered(items: Any = ()) -> _Ordered:
        allowance.take(100 * len(items))
        return _Ordered((_key(key), value) for key, value in (items.items() if isinstance(items, dict) else items))

    parts: Globals = {
        ("numpy", "ndarray"): _ARRAY,
        ("numpy", "dtype"): _Dtype,
        ("collections", "OrderedDict"): ordered,
        ("builtins", "tuple"): small_tuple,
        ("__builtin__", "tuple"): small_tuple,
        ("_codecs", "encode"): latin1_bytes,
    }
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):  # it moved between NumPy's versions
        parts[module, "_reconstruct"] = reconstruct
        parts[module, "scalar"] = _scalar
    return parts


class ArraysOnly(pickle._Unpickler):
    """An unpickler that admits arrays and plain containers, and refuses everything else before it runs.

    It is the one in Python's library that is written in Python, as the one in C hashes keys and sets states unasked.

    Args:
        file: read from its position to the end of one pickle.
        allowance: what may be allocated.
        further: globals admitted besides.
        persistent: turns the references that a format keeps outside the pickle into objects.
    """

    dispatch: ClassVar[dict[int, Callable[..., None]]] = dict(pickle._Unpickler.dispatch)
    stack: list[Any]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]

    def __init__(
        self, file: BinaryIO, allowance: Allowance, further: Mapping[tuple[str, str], Any] | None = None,
        persistent: Callable[[Any], Any] | None = None,
    ) -> None:  # fmt: skip
        _check_program(file)
        super().__init__(file)
        self._admitted = {**_plain_array_parts(allowance), **(further or {})}
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

    def _set(self, items: list) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict):
            raise pickle.UnpicklingError(f"it puts keys into {type(target).__name__}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_key(key)] = value

    def _load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def _load_setitems(self) -> None:
        self._set(self.pop_mark())

    def _load_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._set(items)

    def _load_build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, _Array | _Dtype | _Ordered):
            raise pickle.UnpicklingError(f"it sets the state of {type(target).__name__}, which no weights need")
        target.__setstate__(state)

    dispatch[pickle.SETITEM[0]] = _load_setitem
    dispatch[pickle.SETITEMS[0]] = _load_setitems
    dispatch[pickle.DICT[0]] = _load_dict
    dispatch[pickle.BUILD[0]] = _load_build


def _check_program(file: BinaryIO) -> None:
    """Refuse a pickle that is no file of weights before any of it runs: too long, or with what none needs.

    The index in a "remember" opcode sizes a table, so that six bytes can ask for gigabytes.
    """
    start = file.tell()
    length = file.seek(0, io.SEEK_END) - start
    file.seek(start)
    for number, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > length:
            raise pickle.UnpicklingError(f"it numbers its {argument}th object in {length} bytes")
        if opcode.name in _NEVER:
            raise pickle.UnpicklingError(f"it uses {opcode.name}, which no weights need")
        if number >= _MOST_OPCODES:
            raise pickle.UnpicklingError(f"it takes more than {_MOST_OPCODES} steps to read")
    file.seek(start)


def unpickle_arrays(data: bytes, origin: str | Path) -> Any:
    """Return the arrays and plain containers pickled in `data`; `origin` names them in messages.

    Raises:
        MattingError: the pickle is broken, or asks for anything that is no array or plain container.
    """
    try:
        return changed(ArraysOnly(io.BytesIO(data), Allowance(len(data))).load(), lambda array: array.view(np.ndarray))
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
