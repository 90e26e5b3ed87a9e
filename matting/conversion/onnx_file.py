"""The weights in an ONNX file, read without the `onnx` package and without believing what the file says of sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from matting.errors import MattingError

_LARGEST = 1 << 30
"""Bytes; protobuf itself ends at 2 GiB, and no network here has a tenth of this."""

_MOST_FIELDS = 200_000
"""Fields of messages that are looked at, so that a file of nothing but tiny ones ends soon."""

_FLOAT = 1


@dataclass(frozen=True)
class Node:
    """One operator: its kind and the names of its inputs."""

    kind: str
    inputs: list[str]


@dataclass(frozen=True)
class Graph:
    """What a graph computes with.

    Attributes:
        nodes: in the file's order, which is an order of computation.
        arrays: the float32 tensors that the file holds, by name.
    """

    nodes: list[Node] = field(default_factory=list)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def read_onnx(path: str | Path) -> Graph:
    """Return the operators and float32 tensors of an ONNX file; nothing in it is run, no other file is opened.

    Memory stays within a small multiple of the file's size, whatever it claims.

    Raises:
        MattingError: the file is missing, too large, broken, or no ONNX file.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST:
            raise MattingError(f"{path} has {path.stat().st_size} bytes; an ONNX file may have {_LARGEST}")
        content = memoryview(path.read_bytes())
    except OSError as error:
        raise MattingError(f"{path} cannot be read ({error.strerror}); give an .onnx file") from None
    graph = Graph()
    try:
        wire = _Wire()
        for number, part in wire.fields(content):
            if number == 7 and isinstance(part, memoryview):  # ModelProto.graph
                _read_graph(wire, part, graph)
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise MattingError(f"{path} is no readable ONNX file ({error}); fetch it again") from None
    if not graph.nodes:
        raise MattingError(f"{path} holds no ONNX graph; give an .onnx file")
    return graph


def _read_graph(wire: _Wire, content: memoryview, graph: Graph) -> None:
    for number, part in wire.fields(content):
        if number == 1 and isinstance(part, memoryview):  # GraphProto.node
            graph.nodes.append(_node(wire, part))
        elif number == 5 and isinstance(part, memoryview):  # GraphProto.initializer
            name, array = _tensor(wire, part)
            if array is not None:
                graph.arrays[name] = array


def _node(wire: _Wire, content: memoryview) -> Node:
    inputs, kind = [], ""
    for number, part in wire.fields(content):
        if number == 1 and isinstance(part, memoryview):
            inputs.append(_text(part))
        elif number == 4 and isinstance(part, memoryview):
            kind = _text(part)
    return Node(kind, inputs)


def _tensor(wire: _Wire, content: memoryview) -> tuple[str, np.ndarray | None]:
    """Return a tensor's name and numbers; None for one of another type than float32."""
    shape: list[int] = []
    name, kind, numbers, elsewhere = "", 0, memoryview(b""), False
    for number, part in wire.fields(content):
        if number == 1:  # dims, one by one or packed
            shape += [part] if isinstance(part, int) else list(wire.packed(part))
        elif number == 2 and isinstance(part, int):
            kind = part
        elif number == 8 and isinstance(part, memoryview):
            name = _text(part)
        elif number in (4, 9) and isinstance(part, memoryview):  # float_data (packed) or raw_data: the same bytes
            numbers = part
        elif number == 13:
            elsewhere = True
    if kind != _FLOAT:
        return name, None
    if elsewhere:
        raise ValueError(f"its tensor {name[:80]} lies in another file")
    array = np.frombuffer(numbers, "<f4")
    if int(np.prod(shape, dtype=object)) != array.size:
        raise ValueError(f"its tensor {name[:80]} of shape {shape[:8]} has {array.size} numbers")
    return name, array.reshape(shape)


def _text(part: memoryview) -> str:
    return bytes(part).decode("utf-8")


class _Wire:
    """Protobuf's wire format: messages of (number, value) fields, counted over the whole file."""

    def __init__(self) -> None:
        self._count = 0

    def fields(self, message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        """Yield the number and the value of each field: an int, or the bytes of whatever else, not copied."""
        at = 0
        while at < len(message):
            self._count += 1
            if self._count > _MOST_FIELDS:
                raise ValueError(f"it has more than {_MOST_FIELDS} fields")
            tag, at = _varint(message, at)
            kind = tag & 7
            if kind == 0:
                value, at = _varint(message, at)
                yield tag >> 3, value
                continue
            length, at = {1: (8, at), 5: (4, at)}[kind] if kind in (1, 5) else _length(message, at, kind)
            if length > len(message) - at:
                raise ValueError("it is cut short")
            yield tag >> 3, message[at : at + length]
            at += length

    def packed(self, numbers: memoryview) -> Iterator[int]:
        """Yield the whole numbers of a packed field."""
        at = 0
        while at < len(numbers):
            self._count += 1
            if self._count > _MOST_FIELDS:
                raise ValueError(f"it has more than {_MOST_FIELDS} fields")
            value, at = _varint(numbers, at)
            yield value


def _length(message: memoryview, at: int, kind: int) -> tuple[int, int]:
    if kind != 2:
        raise ValueError(f"it has a field of kind {kind}, which protobuf has not")
    return _varint(message, at)


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("it has a number of more than ten bytes")
