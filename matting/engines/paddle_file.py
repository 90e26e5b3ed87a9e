"""Whether the two files of a static Paddle program are whole, which Paddle itself does not ask."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from matting.errors import MattingError

_ITEM_SIZES = {0: 1, 1: 2, 2: 4, 3: 8, 4: 2, 5: 4, 6: 8, 20: 1, 21: 1, 22: 2, 23: 8, 24: 16}
"""Bytes of a number by Paddle's `VarType.Type` (framework.proto)."""

_LARGEST_DESCRIPTION = 4096


def check(program: Path, parameters: Path) -> None:
    """Refuse files that were cut: Paddle would leave what is missing of the weights to chance, without a word.

    Raises:
        MattingError: which of them is broken.
    """
    try:
        wanted = _parameters(json.loads(program.read_bytes()))
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise MattingError(f"{program} is no program of Paddle's ({error!r}); export again") from None
    try:
        with open(parameters, "rb") as file:
            size, end, count = os.fstat(file.fileno()).st_size, 0, 0
            while end < size:
                end = _skip_tensor(file)
                count += 1
        if end != size or count < wanted:
            raise ValueError(f"it was cut short: {size} bytes, {count} of {wanted} tensors")
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise MattingError(f"{parameters} does not hold Paddle's weights ({error}); export again") from None


def _parameters(content: Any) -> int:
    """Return how many parameters a program reads from the file beside it."""
    (block,) = content["program"]["regions"][0]["blocks"]
    return sum(operation["#"] == "p" for operation in block["ops"])


def _skip_tensor(file: BinaryIO) -> int:
    """Read what stands before a tensor's numbers, and return where they end (`phi::SerializeToStream`)."""
    version, levels = struct.unpack("<IQ", file.read(12))
    tensor_version, length = struct.unpack("<Ii", file.read(8))
    if version or levels or tensor_version or not 0 < length <= _LARGEST_DESCRIPTION:
        raise ValueError("a tensor begins otherwise")
    fields = list(_fields(file.read(length)))
    kind = dict(fields)[1]
    count = math.prod(value for field, value in fields if field == 2)
    return file.seek(count * _ITEM_SIZES[kind], os.SEEK_CUR)


def _fields(description: bytes) -> Iterator[tuple[int, int]]:
    """Yield (number, value) of a protobuf message that holds varints only: the type (1) and each dimension (2)."""
    values, value, shift = [], 0, 0
    for byte in description:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            values.append(value)
            value = shift = 0
    for tag, number in zip(values[::2], values[1::2], strict=True):
        if tag & 7:
            raise ValueError("a tensor is described otherwise")
        yield tag >> 3, number
