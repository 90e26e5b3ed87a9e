"""From configuration to objects: every key checked against the component that will take it, before any work starts."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import paddle
from paddleseg.cvlibs import manager

from matting.errors import MattingError
from matting.registry import BACKBONES, DATASETS, LOSSES, MODELS, TRANSFORMS, nearest

for _family in ("models", "losses", "datasets", "transforms"):
    importlib.import_module(f"matting.{_family}")  # their components register themselves

_REGISTRIES = {
    "model": MODELS,
    "backbone": BACKBONES,
    "loss": LOSSES,
    "train_dataset": DATASETS,
    "val_dataset": DATASETS,
    "transforms": TRANSFORMS,
}
"""Which registry resolves the `type` of a component, by the key under which it stands."""

_OPTIMIZER_ALIASES = {"sgd": "SGD", "momentum": "Momentum", "adam": "Adam", "adamw": "AdamW"}

_DEFAULT_OPTIMIZER = {"type": "sgd", "momentum": 0.9, "weight_decay": 4e-5}


def check(values: Mapping[str, Any]) -> None:
    """Check every component of a configuration without making any.

    Raises:
        MattingError: a component or one of its keys is unknown; the message names the nearest right one.
    """
    for section in ("model", "loss", "train_dataset", "val_dataset"):
        if values.get(section):
            _check_component(section, values[section], section)
    if values.get("optimizer"):
        _optimizer_class(values["optimizer"])
    if values.get("lr_scheduler"):
        _schedule_class(values["lr_scheduler"])


def model(values: Mapping[str, Any], pretrained: bool = True) -> paddle.nn.Layer:
    """Make the network of a configuration; without `pretrained` its starting weights are left out."""
    spec = dict(_section(values, "model"))
    if not pretrained:
        spec.pop("pretrained", None)
        if isinstance(spec.get("backbone"), Mapping):
            spec["backbone"] = {key: value for key, value in spec["backbone"].items() if key != "pretrained"}
    return _build("model", spec, "model")


def criterion(values: Mapping[str, Any], network: paddle.nn.Layer) -> paddle.nn.Layer:
    """Make the criterion under `loss:`, or the network's default one."""
    return _build("loss", values.get("loss") or {"type": network.default_loss}, "loss")


def dataset(values: Mapping[str, Any], which: str) -> Any:
    """Make the `train_dataset` or `val_dataset`; its samples depend on the configuration's `seed`."""
    spec = dict(_section(values, which))
    spec.setdefault("seed", values.get("seed") or 0)
    return _build(which, spec, which)


def val_transforms(values: Mapping[str, Any]) -> list[Any]:
    """Make the transforms that bring a photograph to the network's input, without needing the validation set itself."""
    specs = _section(values, "val_dataset").get("transforms") or []
    return [_build("transforms", spec, f"val_dataset.transforms.{index}") for index, spec in enumerate(specs)]


def optimizer(values: Mapping[str, Any], network: paddle.nn.Layer) -> paddle.optimizer.Optimizer:
    """Make the optimizer, any that PaddleSeg registers, with its learning rate schedule and warm-up."""
    spec = dict(values.get("optimizer") or _DEFAULT_OPTIMIZER)
    cls = _optimizer_class(spec)
    spec.pop("type")
    try:
        return cls(**spec)(network, _schedule(values))
    except (AssertionError, TypeError, RuntimeError) as error:
        raise MattingError(f"optimizer: {error}; see PaddleSeg's {cls.__name__} for what it takes") from None


def _section(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    if not values.get(key):
        raise MattingError(f"the configuration has no {key!r}; add it (configs/ has complete examples)")
    return values[key]


def _check_component(family: str, spec: Any, at: str) -> Callable[..., Any]:
    if not isinstance(spec, Mapping) or not isinstance(spec.get("type"), str):
        raise MattingError(f"{at} is {spec!r}; it must be a mapping with a `type`")
    try:
        component = _REGISTRIES[family][spec["type"]]
    except MattingError as error:
        raise MattingError(f"{at}.type: {error}") from None
    _check_keys(component, [key for key in spec if key != "type"], at, spec["type"])
    for key, value in spec.items():
        if key in _REGISTRIES:
            for index, part in enumerate(value if isinstance(value, list) else [value]):
                _check_component(key, part, f"{at}.{key}.{index}" if isinstance(value, list) else f"{at}.{key}")
    return component


def _check_keys(component: Callable[..., Any], keys: list[str], at: str, name: str) -> None:
    parameters = inspect.signature(component).parameters
    known = [key for key, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for key in keys:
        if key not in known:
            raise MattingError(f"{at}: {name} has no key {key!r}; {nearest(str(key), known)}")
    for key, parameter in parameters.items():
        if key in known and parameter.default is parameter.empty and key not in keys:
            raise MattingError(f"{at}: {name} needs the key {key!r}; add it")


def _build(family: str, spec: Mapping[str, Any], at: str) -> Any:
    component = _check_component(family, spec, at)
    arguments = {}
    for key, value in spec.items():
        if key == "type":
            continue
        if key in _REGISTRIES and isinstance(value, list):
            value = [_build(key, part, f"{at}.{key}.{index}") for index, part in enumerate(value)]
        elif key in _REGISTRIES:
            value = _build(key, value, f"{at}.{key}")
        arguments[key] = value
    return component(**arguments)


def _optimizer_class(spec: Mapping[str, Any]) -> Callable[..., Any]:
    name = _OPTIMIZER_ALIASES.get(spec.get("type", ""), spec.get("type", ""))
    known = manager.OPTIMIZERS.components_dict
    if name not in known:
        raise MattingError(f"optimizer.type: {name!r} is not one of PaddleSeg's; {nearest(str(name), list(known))}")
    keys = [key for key in spec if key != "type"]
    # As in PaddleSeg, whose configurations write momentum under sgd.
    _check_keys(known["Momentum" if name == "SGD" else name], keys, "optimizer", name)
    return known["Momentum" if name == "SGD" and {"momentum", "use_nesterov"} & set(keys) else name]


def _schedule_class(spec: Mapping[str, Any]) -> Callable[..., Any]:
    schedules = paddle.optimizer.lr
    known = [name for name in schedules.__all__ if name != "LRScheduler"]
    name = str(spec.get("type"))
    if name not in known:
        raise MattingError(f"lr_scheduler.type: {name!r} is no schedule of Paddle's; {nearest(name, known)}")
    cls = getattr(schedules, name)
    given = [key for key in spec if key not in ("type", "warmup_iters", "warmup_start_lr")]
    implied = ["decay_steps"] if name == "PolynomialDecay" else []
    _check_keys(cls, list(dict.fromkeys(given + implied)), "lr_scheduler", name)
    return cls


def _schedule(values: Mapping[str, Any]) -> Any:
    """Return the learning rate schedule, counted in iterations, with linear warm-up in front when it is asked for."""
    spec = dict(values.get("lr_scheduler") or {})
    if not spec:
        rate = (values.get("learning_rate") or {}).get("value")
        if not isinstance(rate, float):
            raise MattingError(
                "the configuration has no learning rate; add `lr_scheduler:` or `learning_rate: {value: 0.01}`"
            )
        return rate
    cls = _schedule_class(spec)
    spec.pop("type")
    warmup, start = spec.pop("warmup_iters", 0), spec.pop("warmup_start_lr", 0.0)
    if cls is paddle.optimizer.lr.PolynomialDecay:
        spec.setdefault("decay_steps", max(values["iters"] - warmup, 1))
    try:
        schedule = cls(**spec)
        if warmup:
            schedule = paddle.optimizer.lr.LinearWarmup(schedule, warmup, start_lr=start, end_lr=schedule.last_lr)
    except (AssertionError, TypeError, ValueError) as error:
        raise MattingError(f"lr_scheduler: {error}; see Paddle's {cls.__name__} for what it takes") from None
    return schedule
