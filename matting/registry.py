"""Names for components: one registry a family; `matting.plugin` publishes them in PaddleSeg's managers."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from matting.errors import MattingError

Component = TypeVar("Component", bound=Callable[..., Any])


def nearest(name: str, known: list[str]) -> str:
    """Return the end of an error message: what `name` may have meant, or else everything that is known."""
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    if close:
        return "did you mean " + " or ".join(close) + "?"
    return "known are: " + ", ".join(sorted(known))


class Registry:
    """The components of one family by name.

    Args:
        family: what the components are, in the plural, for messages.
    """

    def __init__(self, family: str) -> None:
        self.family = family
        self._components: dict[str, Callable[..., Any]] = {}

    def register(self, component: Component) -> Component:
        """Add a class or function under its own name; use as a decorator.

        Raises:
            MattingError: the name is taken.
        """
        name = component.__name__
        if name in self._components:
            raise MattingError(f"the name {name} is taken among the {self.family}; names are unique, choose another")
        self._components[name] = component
        return component

    def __getitem__(self, name: str) -> Callable[..., Any]:
        if name not in self._components:
            raise MattingError(f"{name!r} is not one of the {self.family}; {nearest(name, list(self))}")
        return self._components[name]

    def __contains__(self, name: object) -> bool:
        return name in self._components

    def __iter__(self) -> Iterator[str]:
        return iter(self._components)


MODELS = Registry("models")
LOSSES = Registry("losses")
DATASETS = Registry("datasets")
BACKBONES = Registry("backbones")
TRANSFORMS = Registry("transforms")
