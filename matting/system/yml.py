"""Reading yml of plain values: counted as it would be with its aliases written out, before they are unfolded."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

LONGEST = 100_000
"""Characters that a text may have, read and with its aliases written out; the longest of ours has 2,000."""

DEEPEST = 40
"""Levels of lists and mappings inside one another."""


class YmlError(ValueError):
    """A text is no yml of plain values.

    Attributes:
        line: where, counted from 1; None if the whole text is meant.
    """

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.line = line


class _UniqueKeyLoader(yaml.SafeLoader):
    """PyYAML's safe loader, which keeps the last of two equal keys silently; this one refuses them."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            keys.add(key)
        return super().construct_mapping(node, deep)


def parse(text: str) -> Any:
    """Return the plain values that a text holds: mappings by text, lists, text, numbers, True, False and None.

    What stands under an alias is copied to each of its places, so that no two places share anything, and nothing that
    walks through the values can take longer than through a text of `LONGEST` characters.

    Raises:
        YmlError: it is no yml, names a key twice, holds anything else, or unfolds to too much.
    """
    if len(text) > LONGEST:
        raise YmlError(f"it has more than {LONGEST} characters")
    try:
        values = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506  (a subclass of SafeLoader)
    except RecursionError:
        raise YmlError(f"it is more than {DEEPEST} levels deep") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise YmlError(error.problem or str(error), mark.line + 1 if mark else None) from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:  # of a character, a date, a key, a number
        raise YmlError(str(error)) from None
    return unfolded(values)


def unfolded(values: Any) -> Any:
    """Return a copy of plain values in which no two places share a list or a mapping.

    Raises:
        YmlError: they hold something else, or are too long or too deep, be it only when their aliases are written out.
    """
    return _Unfolding().copy(values, 0)


class _Unfolding:
    """A copy in the making, which counts what it has copied."""

    def __init__(self) -> None:
        self._left = LONGEST

    def copy(self, value: Any, depth: int) -> Any:
        self._count(1)
        if depth > DEEPEST:
            raise YmlError(f"it is more than {DEEPEST} levels deep, or holds itself by an alias")
        if isinstance(value, dict):
            return {self._key(key): self.copy(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list):
            return [self.copy(item, depth + 1) for item in value]
        if isinstance(value, str):
            self._count(len(value))
        elif isinstance(value, int) and value.bit_length() > 63:
            raise YmlError("it holds a whole number of more than 64 bits")
        elif not isinstance(value, bool | int | float | None):
            raise YmlError(f"it holds a {type(value).__name__}, {value!s:.40}; write it in quotes if it is text")
        return value

    def _key(self, key: Any) -> str:
        if not isinstance(key, str):
            raise YmlError(f"its key {key!s:.40} is no text; write it in quotes")
        self._count(len(key))
        return key

    def _count(self, characters: int) -> None:
        self._left -= characters
        if self._left < 0:
            raise YmlError(f"it has more than {LONGEST} characters when its aliases are written out")
