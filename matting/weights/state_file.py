"""The file `state.json` of a checkpoint: read, and every entry checked for its type before anybody relies on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from matting.errors import MattingError


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _is_best(value: Any) -> bool:
    return value == {} or (
        isinstance(value, dict)
        and _is_count(value.get("iteration"))
        and all(isinstance(score, (int, float)) for score in value.values())
    )


_NEEDED: dict[str, tuple[Callable[[Any], bool], str]] = {
    "seed": (_is_count, "a whole number of at least 0"),
    "iteration": (_is_count, "a whole number of at least 0"),
    "best": (_is_best, "a mapping of scores and their iteration"),
}
_OPTIONAL: dict[str, tuple[Callable[[Any], bool], str]] = {
    "validated": (_is_count, "a whole number of at least 0"),
    "run": (lambda value: isinstance(value, str), "a text"),
    "settings": (_is_mapping, "a mapping"),
    "identity": (_is_mapping, "a mapping"),
    "scaler": (_is_mapping, "a mapping"),
}


def read_state(path: Path) -> dict[str, Any]:
    """Return what the file says.

    Raises:
        MattingError: it cannot be read, or an entry that is needed is missing or of another type.
    """
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        _check(state)
    except (ValueError, OSError, RecursionError) as error:
        raise MattingError(f"{path} cannot be read ({error}); use another checkpoint") from None
    return state


def _check(state: Any) -> None:
    if not isinstance(state, dict):
        raise ValueError(f"it holds {type(state).__name__}; it must be a mapping")
    for name, (is_right, rule) in {**_NEEDED, **_OPTIONAL}.items():
        if name not in state and name in _NEEDED:
            raise ValueError(f"{name} is missing")
        if name in state and not is_right(state[name]):
            raise ValueError(f"{name} is {state[name]!r}; it must be {rule}")
