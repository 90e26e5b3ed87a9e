"""What reading a file of weights may allocate: counted before it is allocated, and in proportion to the file."""

from __future__ import annotations

import math
from pickle import UnpicklingError

LARGEST = 4 << 30
"""Bytes of the largest file of weights, or of data, that is read or fetched; the largest published one has 100 MB."""

_TIMES = 8
_ANYWAY = 1 << 20
_MOST_DIMENSIONS = 32
_LONGEST_SIDE = 1 << 40


class Allowance:
    """The bytes that may still be allocated for a file; parts that stand once and are used often would take any number.

    Args:
        size: of the file, in bytes. Eight times as much is allowed, for copies, wider numbers and shared weights.
    """

    def __init__(self, size: int) -> None:
        self._left = _TIMES * size + _ANYWAY

    def take(self, size: int) -> None:
        """Count what is about to be allocated.

        Raises:
            UnpicklingError: it is too much.
        """
        self._left -= size
        if self._left < 0:
            raise UnpicklingError(f"what it holds would take more than {_TIMES} times its own size")


def elements(shape: object) -> int:
    """Return how many numbers an array of a shape from a file has.

    Raises:
        UnpicklingError: it is no shape; long ones of huge numbers would take for ever to multiply.
    """
    if not (
        isinstance(shape, tuple)
        and len(shape) <= _MOST_DIMENSIONS
        and all(type(side) is int and 0 <= side <= _LONGEST_SIDE for side in shape)
    ):
        raise UnpicklingError("the shape of an array is broken")
    return math.prod(shape)
