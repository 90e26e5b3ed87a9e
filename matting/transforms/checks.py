"""Checks of the values that a configuration gives to transforms: each names the transform, the key, the rule."""

from __future__ import annotations

from typing import Any

from matting.errors import MattingError


def positive_int(transform: Any, key: str, value: Any) -> int:
    """Return a whole number above 0, or raise `MattingError`."""
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        raise _refusal(transform, key, value, "a whole number above 0")
    return value


def probability(transform: Any, key: str, value: Any) -> float:
    """Return a number from 0 to 1, or raise `MattingError`."""
    return number(transform, key, value, 0, 1)


def number(transform: Any, key: str, value: Any, low: float, high: float) -> float:
    """Return a number from `low` to `high`, or raise `MattingError`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise _refusal(transform, key, value, f"a number from {low:g} to {high:g}")
    return float(value)


def size_pair(transform: Any, key: str, value: Any) -> tuple[int, int]:
    """Return [width, height] in pixels, or raise `MattingError`."""
    if not _is_size(value):
        raise _refusal(transform, key, value, "[width, height], two whole numbers above 0")
    return value[0], value[1]


def size_pairs(transform: Any, key: str, value: Any) -> list[tuple[int, int]]:
    """Return one [width, height] or several, as a list, or raise `MattingError`."""
    several = [value] if _is_size(value) else value
    if not isinstance(several, (list, tuple)) or not several or not all(map(_is_size, several)):
        raise _refusal(transform, key, value, "[width, height] or a list of them, whole numbers above 0")
    return [(size[0], size[1]) for size in several]


def triple(transform: Any, key: str, value: Any, low: float, high: float) -> tuple[float, float, float]:
    """Return three numbers from `low` to `high`, one a channel, or raise `MattingError`."""
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise _refusal(transform, key, value, "three numbers, for red, green and blue")
    red, green, blue = (number(transform, key, one, low, high) for one in value)
    return red, green, blue


def limits(transform: Any, low_key: str, low: Any, high_key: str, high: Any) -> tuple[int | None, int | None]:
    """Return a smallest and a largest size, either of them possibly None, or raise `MattingError`."""
    low = None if low is None else positive_int(transform, low_key, low)
    high = None if high is None else positive_int(transform, high_key, high)
    if low is not None and high is not None and low > high:
        raise _refusal(transform, low_key, low, f"at most {high_key}, which is {high}")
    return low, high


def _is_size(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in value)
    )


def _refusal(transform: Any, key: str, value: Any, rule: str) -> MattingError:
    return MattingError(f"{type(transform).__name__}: {key} is {value!r}; it must be {rule}")
