"""The optimizer of a configuration and its learning rate schedule, both PaddleSeg's or Paddle's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import paddle
from paddleseg.cvlibs import manager

from matting.builder import check_keys
from matting.errors import MattingError
from matting.registry import nearest

_ALIASES = {"sgd": "SGD", "momentum": "Momentum", "adam": "Adam", "adamw": "AdamW"}

_DEFAULT = {"type": "sgd", "momentum": 0.9, "weight_decay": 4e-5}


def check(values: Mapping[str, Any]) -> None:
    """Check optimizer and schedule of a configuration without making them.

    Raises:
        MattingError: one of them or of their keys is unknown; the message names the nearest right one.
    """
    if values.get("optimizer"):
        _optimizer_class(values["optimizer"])
    if values.get("lr_scheduler"):
        _schedule_class(values["lr_scheduler"])


def make_optimizer(values: Mapping[str, Any], network: paddle.nn.Layer) -> paddle.optimizer.Optimizer:
    """Make the optimizer, any that PaddleSeg registers, with its learning rate schedule and warm-up."""
    spec = dict(values.get("optimizer") or _DEFAULT)
    cls = _optimizer_class(spec)
    spec.pop("type")
    try:
        return cls(**spec)(network, _schedule(values))
    except (AssertionError, TypeError, RuntimeError) as error:
        raise MattingError(f"optimizer: {error}; see PaddleSeg's {cls.__name__} for what it takes") from None


def _optimizer_class(spec: Mapping[str, Any]) -> Callable[..., Any]:
    name = _ALIASES.get(spec.get("type", ""), spec.get("type", ""))
    known = manager.OPTIMIZERS.components_dict
    if name not in known:
        raise MattingError(f"optimizer.type: {name!r} is not one of PaddleSeg's; {nearest(str(name), list(known))}")
    keys = [key for key in spec if key != "type"]
    # As in PaddleSeg, whose configurations write momentum under sgd.
    check_keys(known["Momentum" if name == "SGD" else name], keys, "optimizer", name)
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
    check_keys(cls, list(dict.fromkeys(given + implied)), "lr_scheduler", name)
    return cls


def _schedule(values: Mapping[str, Any]) -> Any:
    """Return the learning rate schedule, counted in iterations, with linear warm-up in front when it is asked for."""
    spec = dict(values.get("lr_scheduler") or {})
    if not spec:
        rate = (values.get("learning_rate") or {}).get("value")
        if not isinstance(rate, float) or not 0 <= rate < float("inf"):
            raise MattingError(
                f"the learning rate is {rate!r}; add `lr_scheduler:` or `learning_rate: {{value: 0.01}}`"
            )
        return rate
    cls = _schedule_class(spec)
    spec.pop("type")
    warmup, start = spec.pop("warmup_iters", 0), spec.pop("warmup_start_lr", 0.0)
    for key in ("learning_rate", "warmup_start_lr", "end_lr"):
        rate = {**spec, "warmup_start_lr": start}.get(key, 0)
        if not isinstance(rate, (int, float)) or not 0 <= rate < float("inf"):
            raise MattingError(f"lr_scheduler: {key} is {rate!r}; it must be a number of at least 0")
    if cls is paddle.optimizer.lr.PolynomialDecay:
        spec.setdefault("decay_steps", max(values["iters"] - warmup, 1))
    try:
        schedule = cls(**spec)
        if warmup:
            schedule = paddle.optimizer.lr.LinearWarmup(schedule, warmup, start_lr=start, end_lr=schedule.last_lr)
    except (AssertionError, TypeError, ValueError) as error:
        raise MattingError(f"lr_scheduler: {error}; see Paddle's {cls.__name__} for what it takes") from None
    return schedule
