"""Names for components: one registry a family, with the free names published in PaddleSeg's managers as well."""

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
        paddleseg_manager: the attribute of `paddleseg.cvlibs.manager` in which the components are published too, so
            that PaddleSeg's own builder finds them. None for the families whose names PaddleSeg has taken (backbones,
            transforms): those live here alone, and nothing of PaddleSeg's is replaced.
    """

    def __init__(self, family: str, paddleseg_manager: str | None = None) -> None:
        self.family = family
        self._paddleseg_manager = paddleseg_manager
        self._components: dict[str, Callable[..., Any]] = {}

    def register(self, component: Component) -> Component:
        """Add a class or function under its own name; use as a decorator.

        Raises:
            MattingError: the name is taken, here or in PaddleSeg.
        """
        name = component.__name__
        if name in self._components:
            raise MattingError(f"the name {name} is taken among the {self.family}; names are unique, choose another")
        if self._paddleseg_manager:
            self._publish(name, component)
        self._components[name] = component
        return component

    def _publish(self, name: str, component: Callable[..., Any]) -> None:
        # Imported here because it costs seconds, which the families without a PaddleSeg manager need not pay.
        from paddleseg.cvlibs import manager

        theirs = getattr(manager, self._paddleseg_manager or "")
        if name in theirs.components_dict:
            raise MattingError(f"the name {name} is taken among PaddleSeg's {self.family}; choose another")
        theirs.add_component(component)

    def __getitem__(self, name: str) -> Callable[..., Any]:
        if name not in self._components:
            raise MattingError(f"{name!r} is not one of the {self.family}; {nearest(name, list(self))}")
        return self._components[name]

    def __contains__(self, name: object) -> bool:
        return name in self._components

    def __iter__(self) -> Iterator[str]:
        return iter(self._components)


MODELS = Registry("models", paddleseg_manager="MODELS")
LOSSES = Registry("losses", paddleseg_manager="LOSSES")
DATASETS = Registry("datasets", paddleseg_manager="DATASETS")
BACKBONES = Registry("backbones")
TRANSFORMS = Registry("transforms")
