"""What a run begins with, takes from its checkpoint when it goes on, and where its settings then differ."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from matting import config
from matting.system.ranks import ranks
from matting.training import checkpoint
from matting.training.options import Options
from matting.training.run_folder import run_name
from matting.weights.trained import CONFIG

logger = logging.getLogger(__name__)

_CHANGES_NOTHING = ("seed", "val_dataset", "guard_dataset", "model.pretrained", "model.backbone.pretrained")
"""Keys that may differ: the seed comes from the checkpoint, as do the weights; validation teaches nothing."""

_ABSENT = "not given"


def seed_of(resume_from: Path | None, asked: int) -> int:
    """Return the one seed of a run: that of the checkpoint where it goes on, else the one asked for.

    Raises:
        MattingError: the checkpoint's state cannot be read.
    """
    if resume_from is None:
        return asked
    seed = checkpoint.progress_of(resume_from).seed
    if seed != asked:
        logger.warning("the seed is %d, as in %s, not %d: a run has one seed to its end", seed, resume_from, asked)
    return seed


def seed_of_draws(seed: int, iteration: int, rank: int) -> int:
    """Return the seed of Paddle's generator for one iteration: a resumed run draws what the unbroken one did."""
    return (seed * 1_000_003 + iteration * 1_009 + rank) % (2**31)


def with_seed(values: Mapping[str, Any], seed: int) -> Mapping[str, Any]:
    """Return a configuration whose data sets draw by this seed."""
    return values if (values.get("seed") or 0) == seed else {**values, "seed": seed}


def beginning(values: Mapping[str, Any], options: Options, settings: Mapping[str, Any]) -> checkpoint.Progress:
    """Return the progress of a run that has done nothing yet, with its name.

    Args:
        settings: what decides it besides configuration and options.
    """
    own = {"processes": ranks(), "precision": options.precision, "amp_level": options.amp_level, **settings}
    return checkpoint.Progress(seed=options.seed, run=run_name(values, seed=options.seed, **own), settings=own)


def name_differences(folder: Path, values: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Warn of each setting of a run that goes on which is not the checkpoint's; arguments as for `differences`."""
    for sentence in differences(folder, values, settings):
        logger.warning("resumed with another setting: %s", sentence)


def differences(folder: Path, values: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each setting that changes what is learned and is not the checkpoint's.

    Args:
        folder: of the checkpoint; its `config.yml` and the settings in its state are compared.
        values, settings: the configuration of the run that goes on, and what else decides it.

    Raises:
        MattingError: the checkpoint's configuration cannot be read.
    """
    saved = config.read_mapping(folder / CONFIG)
    before = dict(_leaves(saved)) | dict(checkpoint.progress_of(folder).settings)
    now = dict(_leaves(values)) | dict(settings)
    ignored = _CHANGES_NOTHING if values.get("lr_scheduler") else (*_CHANGES_NOTHING, "iters")
    return [
        f"{key} is {now.get(key, _ABSENT)!r}, the checkpoint was trained with {before.get(key, _ABSENT)!r}"
        for key in dict.fromkeys((*now, *before))
        if now.get(key, _ABSENT) != before.get(key, _ABSENT)
        and not any(key == name or key.startswith(f"{name}.") for name in ignored)
    ]


def _leaves(node: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values; a list of plain values is one value, absent and null are the same."""
    if isinstance(node, Mapping):
        parts = list(node.items())
    elif isinstance(node, (list, tuple)) and any(isinstance(part, Mapping) for part in node):
        parts = list(enumerate(node))
    else:
        if node is not None:
            yield at, list(node) if isinstance(node, tuple) else node
        return
    for key, value in parts:
        yield from _leaves(value, f"{at}.{key}" if at else str(key))
