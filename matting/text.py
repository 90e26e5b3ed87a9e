"""How texts are put together: sizes, long lists, and names that others chose, which forge no line and are not computed.

What is not to be shown as it is stands as JSON writes it: a newline as `\\n`, the escape character as `\\u001b`, a byte
0xff of a name that is not UTF-8 as `\\udcff`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

Value = TypeVar("Value")

# Control characters, line and paragraph separators, what turns the direction of writing, and bytes that are not UTF-8.
_HOSTILE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_ESCAPED = re.compile(r"\\(?:([nrt])|u([0-9a-f]{4}))")
_COMPUTED = re.compile(r"'*[=+\-@＝＋－＠]")
"""How a cell begins that a spreadsheet would compute, quoted already or not."""


def visible(text: object) -> str:
    """Return text for a person, on one line; what is visible already stays, so it may go through here twice.

    >>> print(visible("a\\nerror: forged \\x1b[31m"))
    a\\nerror: forged \\u001b[31m
    """
    return _HOSTILE.sub(lambda match: _SHORT.get(match[0]) or f"\\u{ord(match[0]):04x}", str(text))


def shortened(texts: Sequence[str], most: int = 10) -> str:
    """Return the first of many texts for a message, and a sign that there are more.

    >>> shortened(["a.png", "b.png", "c.png"], most=2)
    'a.png, b.png, ...'
    """
    return ", ".join(texts[:most]) + (", ..." if len(texts) > most else "")


def dimensions(shape: Sequence[int]) -> str:
    """Return the size of an array with this shape as people write it, width first.

    >>> dimensions((300, 400, 3))
    '400x300'
    """
    return f"{shape[1]}x{shape[0]}"


def sizes_differ(one: object, shape: Sequence[int], other: object, other_shape: Sequence[int]) -> str:
    """Return what is wrong with two pictures that should be of one size; the caller adds the rule."""
    return f"{one} is {dimensions(shape)} but {other} is {dimensions(other_shape)}"


def natural(name: str) -> list[tuple[int, str]]:
    """Return what names are sorted by so that numbers count as such: frame9 before frame10."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def visible_lines(lines: Iterable[object]) -> str:
    """Return lines as one text in which every line break is between two of them."""
    return "\n".join(map(visible, lines))


def written(name: object) -> str:
    """Return a name for a file of text, always UTF-8 on one line, of which `restored` gives the name back."""
    return visible(_ESCAPED.sub(lambda match: r"\u005c" + match[0][1:], str(name)))


def restored(text: str) -> str:
    """Return the name that `written` wrote."""
    short = {letter[1]: char for char, letter in _SHORT.items()}
    return _ESCAPED.sub(lambda match: short.get(match[1]) or chr(int(match[2], 16)), text)


def is_utf8(name: object) -> bool:
    """Return whether a name can be handed to a library that takes UTF-8 only."""
    return not any("\ud800" <= letter <= "\udfff" for letter in str(name))


def cell(value: Value) -> Value | str:
    """Return a value for a CSV: text that a spreadsheet would compute (`=1+1`) after an apostrophe, numbers as such."""
    if not isinstance(value, str):
        return value
    text = written(value)
    return f"'{text}" if _COMPUTED.match(text) else text


def from_cell(text: str) -> str:
    """Return the text that `cell` was given."""
    return restored(text[1:] if text.startswith("'") and _COMPUTED.match(text) else text)
