"""Reading a yml configuration: inheritance by `_base_`, overrides from the command line, and clear errors."""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from matting.errors import MattingError
from matting.registry import nearest
from matting.system import yml

KEYS = (
    "batch_size",
    "iters",
    "seed",
    "train_dataset",
    "val_dataset",
    "guard_dataset",
    "model",
    "trainable",
    "norms",
    "loss",
    "optimizer",
    "lr_scheduler",
    "learning_rate",
)
"""What may stand at the top of a configuration."""

_HERE = Path(__file__).resolve().parent

SHIPPED = next((folder for folder in (_HERE / "configs", _HERE.parent / "configs") if folder.is_dir()), _HERE)
"""The folder of the configurations that come along: inside an installed package, or beside it in a clone."""

_BASE = "_base_"
_INHERITED = "_inherited_"
_MOST_FILES = 50
"""Files that one configuration may inherit from, the first included."""


def load(
    path: str | Path,
    opts: Sequence[str] = (),
    *,
    iters: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
) -> dict[str, Any]:
    """Read a configuration with everything that it inherits, and apply overrides.

    Args:
        path: a .yml or .yaml file.
        opts: `key=value` overrides; keys are dotted and reach into lists by index
            (`train_dataset.transforms.1.crop_size=[256,256]`), values are yml.
        iters, batch_size: replace the values of that name.
        learning_rate: replaces the schedule's; a schedule of several values is scaled so that it starts there.

    Raises:
        MattingError: a file is missing or no yml, a key is unknown, `_base_` runs in a circle or through too many
            files, or all together is too long.
    """
    values = _read(find(path), (), {})
    for name, value in (("iters", iters), ("batch_size", batch_size)):
        if value is not None:
            values[name] = value
    for item in opts:
        _override(values, item)
    _check(values, path)
    if learning_rate is not None:
        _set_learning_rate(values, learning_rate)
    try:
        return yml.unfolded(values)
    except yml.YmlError as error:
        raise MattingError(f"{path}: with what it inherits and --opts, {error}") from None


def find(name: str | Path) -> Path:
    """Return the file of a configuration: a path as it is, or one that comes along by its name.

    Args:
        name: a path; or below `SHIPPED`, with or without `configs/` in front and `.yml` behind, as
            `modnet/modnet-mobilenetv2` or `modnet-mobilenetv2`.
    """
    path = Path(name)
    if path.is_file() or path.is_absolute() or not path.name:
        return path
    below = Path(*path.parts[1:]) if path.parts[:1] == ("configs",) else path
    below = below if below.suffix in (".yml", ".yaml") else below.with_name(f"{below.name}.yml")
    candidates = [SHIPPED / below, *(folder / below for folder in sorted(SHIPPED.iterdir()))]
    return next((candidate for candidate in candidates if candidate.is_file()), path)


def dump(values: dict[str, Any]) -> str:
    """Return the configuration as yml text, in its own order."""
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _read(path: Path, readers: tuple[Path, ...], known: dict[Path, dict[str, Any]]) -> dict[str, Any]:
    """Return a configuration with what it inherits.

    Args:
        readers: the files whose bases are being read, from the first on.
        known: the files that are read already, with what they inherit: several may have one base.
    """
    try:
        path = Path(os.path.realpath(path))
    except ValueError as error:
        raise MattingError(f"{str(path)!r} is no path of a configuration: {error}") from None
    if path in known:
        return known[path]
    if path in readers:
        circle = " -> ".join(p.name for p in (*readers, path))
        raise MattingError(f"{path}: its `_base_` runs in a circle ({circle}); remove one of these references")
    if len(readers) + len(known) >= _MOST_FILES:
        raise MattingError(f"{path} is one `_base_` too many: a configuration may be made of {_MOST_FILES} files")
    if not os.path.isfile(path):
        asked_by = f" (the `_base_` of {readers[-1]})" if readers else ""
        raise MattingError(
            f"the configuration {path}{asked_by} does not exist; give a path, or a name such as "
            "modnet/modnet-mobilenetv2"
        )
    if path.suffix not in (".yml", ".yaml"):
        raise MattingError(f"{path} is no configuration: its name must end in .yml or .yaml")
    values = read_mapping(path)
    bases = values.pop(_BASE, [])
    bases = [bases] if isinstance(bases, str) else bases
    if not isinstance(bases, list) or not all(isinstance(base, str) for base in bases):
        raise MattingError(f"{path}: {_BASE} is {bases!r}; it must name a configuration, or a list of them")
    for base in bases:
        values = _merge(values, _read(path.parent / base, (*readers, path), known))
    known[path] = values
    return values


def read_mapping(path: Path) -> dict[str, Any]:
    """Return what a yml file of plain values holds, without regard to `_base_`; see `yml.parse`.

    Raises:
        MattingError: it cannot be read, is no yml or no mapping, names a key twice, or unfolds to too much.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            values = yml.parse(file.read(yml.LONGEST + 1))
    except OSError as error:
        raise MattingError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:  # of the text's encoding as well
        line = getattr(error, "line", None)
        where = f"{path}:{line}" if line else str(path)
        raise MattingError(f"{where}: this is no valid yml: {error}") from None
    if not isinstance(values, dict):
        raise MattingError(f"{path} holds {type(values).__name__}; it must be a mapping (`key: value` lines)")
    return values


def _merge(values: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """Return `base` with `values` written over it; `_inherited_: False` in a mapping drops what it would inherit."""
    values = dict(values)
    if not values.pop(_INHERITED, True):
        return values
    merged = dict(base)
    for key, value in values.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict)
        merged[key] = _merge(value, base[key]) if both else copy.deepcopy(value)
    return merged


def _override(values: dict[str, Any], item: str) -> None:
    dotted, equals, text = item.partition("=")
    if not equals or not dotted:
        raise MattingError(f"--opts {item}: expected key=value, for example batch_size=4 or model.hr_channels=32")
    try:
        value = yml.parse(text)
    except yml.YmlError as error:
        raise MattingError(f"--opts {item}: {text!r} is no yml value ({error}); quote it if it is text") from None
    *parents, last = dotted.split(".")
    node: Any = values
    for depth, key in enumerate(parents):
        node = _child(node, key, ".".join(parents[:depth]), item)
    if isinstance(node, list):
        _child(node, last, ".".join(parents), item)
        node[int(last)] = value
    elif isinstance(node, dict):
        # A new key is admitted here: whether a component takes it is decided where the component is known.
        node[last] = value
    else:
        raise MattingError(f"--opts {item}: {'.'.join(parents)} is {node!r}, which has no part {last!r}")


def _child(node: Any, key: str, at: str, item: str) -> Any:
    if isinstance(node, list):
        if key.isdecimal() and len(key) < 10 and int(key) < len(node):
            return node[int(key)]
        raise MattingError(f"--opts {item}: {at} is a list of {len(node)}; name one by 0 to {len(node) - 1}")
    if isinstance(node, dict):
        if key in node:
            return node[key]
        raise MattingError(f"--opts {item}: {at or 'the configuration'} has no {key!r}; {nearest(key, list(node))}")
    raise MattingError(f"--opts {item}: {at} is {node!r}, which has no part {key!r}")


def _set_learning_rate(values: dict[str, Any], rate: float) -> None:
    if not rate > 0:
        raise MattingError(f"the learning rate is {rate}; it must be above 0")
    schedule = values.get("lr_scheduler")
    if not schedule:
        values["learning_rate"] = {"value": rate}
    elif "values" in schedule:
        try:
            first = schedule["values"][0]
            schedule["values"] = [rate * value / first for value in schedule["values"]]
        except (TypeError, LookupError, ZeroDivisionError):
            raise MattingError(
                f"lr_scheduler.values is {schedule['values']!r}; it must be a list of numbers above 0"
            ) from None
    else:
        schedule["learning_rate"] = rate


def _check(values: dict[str, Any], path: str | Path) -> None:
    for key in values:
        if key not in KEYS:
            raise MattingError(f"{path}: unknown key {key!r}; {nearest(str(key), list(KEYS))}")
    for key in ("batch_size", "iters"):
        value = values.get(key, 1)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise MattingError(f"{path}: {key} is {value!r}; it must be a whole number of at least 1")
    prefixes = values.get("trainable") or []
    if not isinstance(prefixes, list) or not all(isinstance(prefix, str) for prefix in prefixes):
        raise MattingError(f"{path}: trainable is {prefixes!r}; it must be a list of prefixes of parameter names")
    sections = ("train_dataset", "val_dataset", "guard_dataset", "model", "loss", "optimizer", "lr_scheduler")
    for key in (*sections, "learning_rate"):
        if not isinstance(values.get(key, {}), dict):
            raise MattingError(f"{path}: {key} is {values[key]!r}; it must be a mapping")
