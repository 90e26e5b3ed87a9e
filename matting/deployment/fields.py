"""What may stand in the `deploy.yml` of an export: one rule a field, asked before anything is done with its value."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

from matting import builder
from matting.errors import MattingError

FORMAT = 2
LARGEST_STEP = 1024
"""Of `stride` and `smallest`: every picture is padded to them, so a mistyped one would take all memory."""

_LARGEST_SIDE = 16384
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_OUTPUTS = (["alpha"], ["alpha", "trimap"], ["alpha", "foreground"])


def _is_step(value: Any) -> bool:
    return type(value) is int and 1 <= value <= LARGEST_STEP


def _is_size(value: Any) -> bool:
    sides = value if isinstance(value, list) and len(value) == 2 else [0]
    return value is None or all(type(side) is int and 1 <= side <= _LARGEST_SIDE for side in sides)


def _are_states(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) and name.isidentifier() for name in value)


def _are_files(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(name, str) and _NAME.fullmatch(name) and isinstance(digest, str) for name, digest in value.items()
    )


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "model": (lambda value: isinstance(value, str), "a text"),
    "outputs": (lambda value: value in _OUTPUTS, "[alpha], [alpha, trimap] or [alpha, foreground]"),
    "states": (_are_states, "names of letters and digits, as in [r1, r2]; leave it out for a network without memory"),
    "inputs": (lambda value: value in (["image"], ["image", "trimap"]), "[image] or [image, trimap]"),
    "stride": (_is_step, f"a whole number from 1 to {LARGEST_STEP}"),
    "smallest": (_is_step, f"a whole number from 1 to {LARGEST_STEP}"),
    "size": (_is_size, f"null, or [height, width] of at most {_LARGEST_SIDE} each"),
    "transforms": (lambda value: isinstance(value, list), "a list, as under val_dataset.transforms"),
    "weights_sha256": (lambda value: isinstance(value, str), "a text of hex digits"),
    "files": (_are_files, "names of files, which must lie in its own folder, with their SHA-256"),
}


def check(content: Mapping[str, Any]) -> None:
    """Refuse a description that `Deployment.write` would not have written.

    Raises:
        MattingError: with the field, its value and the rule.
    """
    if content.get("format") != FORMAT:
        raise MattingError(f"its format is not {FORMAT}")
    for field, (holds, rule) in _RULES.items():
        if field == "states" and field not in content:
            continue
        if field not in content:
            raise MattingError(f"it has no {field}")
        if not holds(content[field]):
            raise MattingError(f"{field} is {reprlib.repr(content[field])}; it must be {rule}")
    try:
        builder.transforms(content["transforms"])
    except MattingError:
        raise
    except (TypeError, ValueError, ArithmeticError) as error:  # of a transform that was given what it cannot take
        raise MattingError(f"transforms cannot be made: {error}") from None
