"""Files of safetensors: names and arrays, with bfloat16 widened, and the words about them that a file of ours holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from matting.weights.bfloat16 import widened
from matting.weights.pickled import unreadable

IDENTITY = "matting"
"""The metadata key of a file of ours that says what its network is."""

_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "|u1", "BOOL": "|b1",
}  # fmt: skip

_LONGEST_HEADER = 100_000_000  # which the format itself states
_LONGEST_IDENTITY = 100_000


def is_safetensors(path: Path) -> bool:
    """Say whether a file is one: by its name, or as it begins with a header's length and a JSON object."""
    try:
        with open(path, "rb") as file:
            head = file.read(9)
    except OSError:  # whoever reads it will say so
        head = b""
    begins = head[8:] == b"{" and int.from_bytes(head[:8], "little") <= _LONGEST_HEADER
    return path.suffix == ".safetensors" or begins


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of a file by name; bfloat16, which NumPy lacks, comes out as the float32 of the same value.

    Raises:
        MattingError: the file is broken, or holds numbers of another kind.
    """
    from safetensors import SafetensorError, deserialize

    arrays = {}
    try:
        # The format has no room for two arrays in one place, so what it unfolds to is no larger than the file.
        for name, stored in deserialize(path.read_bytes()):
            kind = stored["dtype"]
            if kind not in _TYPES:
                raise ValueError(f"{name} is of {kind}, which is not read; save it as F32")
            array = np.frombuffer(stored["data"], _TYPES[kind]).reshape(stored["shape"])
            arrays[name] = widened(array) if kind == "BF16" else array
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, MemoryError) as error:
        raise unreadable(path, error) from None
    return arrays


def read_identity(path: str | Path) -> dict[str, Any]:
    """Return what a file of ours says its network is; an empty mapping if it says nothing.

    Raises:
        MattingError: the file is broken.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(IDENTITY, "{}")
        if len(text) > _LONGEST_IDENTITY:
            raise ValueError(f"what it says of its network has more than {_LONGEST_IDENTITY} characters")
        said = json.loads(text)
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise unreadable(path, error) from None
    return said if isinstance(said, dict) else {}
