"""From configuration to objects: every key checked against the component that will take it, before any work starts."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matting.errors import MattingError
from matting.registry import BACKBONES, DATASETS, LOSSES, MODELS, TRANSFORMS, nearest

REGISTRIES = {
    "model": MODELS,
    "backbone": BACKBONES,
    "loss": LOSSES,
    "train_dataset": DATASETS,
    "val_dataset": DATASETS,
    "guard_dataset": DATASETS,
    "transforms": TRANSFORMS,
}
"""Which registry resolves the `type` of a component, by the key under which it stands."""

_ROOMS = {
    "model": "models",
    "backbone": "models",
    "loss": "losses",
    "train_dataset": "datasets",
    "val_dataset": "datasets",
    "guard_dataset": "datasets",
    "transforms": "transforms",
}
"""Where the components of a key register themselves: imported when the first is named, as most cost Paddle's import."""


def check(values: Mapping[str, Any]) -> None:
    """Check every component of a configuration without making any.

    Raises:
        MattingError: a component or one of its keys is unknown; the message names the nearest right one.
    """
    for key in ("model", "loss", "train_dataset", "val_dataset", "guard_dataset"):
        if values.get(key):
            check_component(key, _spec(values, key), key)


def check_training(values: Mapping[str, Any]) -> None:
    """Check what a configuration must hold to be trained; raises MattingError as `check` does."""
    spec = section(values, "model")
    if getattr(check_component("model", spec, "model"), "default_loss", "") is None:
        raise MattingError(
            f"{spec['type']} is here for prediction and export and cannot be trained; use its published weights, or "
            "train another model"
        )
    check(values)
    for key in ("batch_size", "iters", "train_dataset", "model"):
        section(values, key)


def model(values: Mapping[str, Any], pretrained: bool = True) -> Any:
    """Make the network of a configuration; without `pretrained` its starting weights are left out."""
    spec = dict(section(values, "model"))
    if not pretrained:
        spec.pop("pretrained", None)
        if isinstance(spec.get("backbone"), Mapping):
            spec["backbone"] = {key: value for key, value in spec["backbone"].items() if key != "pretrained"}
    return build("model", spec, "model")


def criterion(values: Mapping[str, Any], network: Any) -> Any:
    """Make the criterion under `loss:`, or the network's default one."""
    return build("loss", values.get("loss") or {"type": network.default_loss}, "loss")


def dataset(values: Mapping[str, Any], which: str) -> Any:
    """Make the `train_dataset`, `val_dataset` or `guard_dataset`; its samples depend on the configuration's `seed`."""
    spec = _spec(values, which)
    spec.setdefault("seed", values.get("seed") or 0)
    return build(which, spec, which)


def _spec(values: Mapping[str, Any], which: str) -> dict[str, Any]:
    """Return a copy of a section; what the guard's does not say is as in `val_dataset`."""
    spec, base = section(values, which), values.get("val_dataset") if which == "guard_dataset" else None
    return {**(base or {}), **spec} if isinstance(spec, Mapping) else spec


def section(values: Mapping[str, Any], key: str) -> Any:
    """Return a section of a configuration, or another entry; raises MattingError if it is missing."""
    if not values.get(key):
        raise MattingError(f"the configuration has no {key!r}; add it (configs/ has complete examples)")
    return values[key]


def val_transforms(values: Mapping[str, Any]) -> list[Any]:
    """Make the transforms that bring a photograph to the network's input, without needing the validation set itself."""
    return transforms(section(values, "val_dataset").get("transforms") or [])


def transforms(specs: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Make transforms of their specs, as they stand under `val_dataset.transforms`."""
    return [build("transforms", spec, f"val_dataset.transforms.{index}") for index, spec in enumerate(specs)]


def check_component(family: str, spec: Any, at: str) -> Callable[..., Any]:
    """Check a spec and the specs within it without making anything; return what its `type` names."""
    if not isinstance(spec, Mapping) or not isinstance(spec.get("type"), str):
        raise MattingError(f"{at} is {spec!r}; it must be a mapping with a `type`")
    importlib.import_module(f"matting.{_ROOMS[family]}")
    try:
        component = REGISTRIES[family][spec["type"]]
    except MattingError as error:
        raise MattingError(f"{at}.type: {error}") from None
    check_keys(component, [key for key in spec if key != "type"], at, spec["type"])
    for key, value in spec.items():
        if key in REGISTRIES:
            for index, part in enumerate(value if isinstance(value, list) else [value]):
                check_component(key, part, f"{at}.{key}.{index}" if isinstance(value, list) else f"{at}.{key}")
    return component


def check_keys(component: Callable[..., Any], keys: list[str], at: str, name: str) -> None:
    """Check that a component takes these keys, and that it needs no other."""
    parameters = inspect.signature(component).parameters
    known = [key for key, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for key in keys:
        if key not in known:
            raise MattingError(f"{at}: {name} has no key {key!r}; {nearest(str(key), known)}")
    for key, parameter in parameters.items():
        if key in known and parameter.default is parameter.empty and key not in keys:
            raise MattingError(f"{at}: {name} needs the key {key!r}; add it")


def build(family: str, spec: Mapping[str, Any], at: str) -> Any:
    """Make the component that a spec describes; `at` says where the spec stands, for messages."""
    component = check_component(family, spec, at)
    arguments = {}
    for key, value in spec.items():
        if key == "type":
            continue
        if key in REGISTRIES and isinstance(value, list):
            value = [build(key, part, f"{at}.{key}.{index}") for index, part in enumerate(value)]
        elif key in REGISTRIES:
            value = build(key, value, f"{at}.{key}")
        arguments[key] = value
    return component(**arguments)
