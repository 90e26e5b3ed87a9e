"""Adapting a trained MODNet to photographs without labels: sub-objectives consistency under a teacher."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from matting import builder, devices
from matting.builder import transforms
from matting.datasets.photographs import Photographs
from matting.deployment import completion
from matting.errors import MattingError
from matting.system.ranks import ranks
from matting.training import resuming, run_folder
from matting.training.loop import train
from matting.training.options import Options
from matting.training.student import TEACHERS, Adaptation, Adapting
from matting.training.watcher import ADAPTED, Watcher
from matting.weights.identity import identity
from matting.weights.trained import load_trained

logger = logging.getLogger(__name__)

_HELD_OUT = 0.1
"""The share of the photographs that is not learnt from, but watched."""

_BETAS = (0.9, 0.99)
"""Of Adam, in the authors' example."""

_FLIP = "RandomHorizontalFlip"

_SHEET = "before_and_after.png"


def adapt(
    values: Mapping[str, Any],
    model_path: str | Path,
    photographs: Sequence[Path],
    save_dir: Path,
    how: Adaptation | None = None,
    *,
    device_name: str = "auto",
    loss: Mapping[str, Any] | None = None,
    seed: int = 0,
    use_vdl: bool = False,
    resume_from: Path | None = None,
    overwrite: bool = False,
) -> Path:
    """Adapt trained weights to photographs; return the folder of the adapted network, which predict and val take.

    Differs: the authors train for ten epochs and take the last network; here a part of the photographs is held out, by
    which the best network is kept and the run is stopped, and pictures are mirrored at random.

    Args:
        values: the configuration that the weights were trained with; a MODNet's.
        loss: another criterion than `SOCLoss` with its defaults.
        resume_from: a checkpoint folder `iter_N` of this adaptation.
        overwrite: start afresh in a folder that holds an adaptation, which moves to `save_dir/replaced`.

    Raises:
        MattingError: the network is no MODNet, the weights do not fit, or there are too few photographs.
    """
    how = how or Adaptation()
    _check(values, how, photographs)
    builder.check(values)
    run_folder.claim(save_dir, resume_from, overwrite)
    seed = resuming.seed_of(resume_from, seed)
    devices.begin(values, device_name, save_dir / "adapt.log")
    paddle.seed(seed)
    order = np.random.default_rng(seed).permutation(len(photographs))
    held = max(1, round(_HELD_OUT * len(photographs)))
    watched, learnt = ([photographs[index] for index in part] for part in (order[:held], order[held:]))
    pair = [builder.model(values, pretrained=False) for _ in range(2)]
    for network in pair:
        load_trained(network, model_path, values)
    if resume_from is None and completion.lacks_heads(pair[1]):
        logger.info("these weights lack the semantic and detail heads; they are fitted to the network's own mattes")
        # The teacher's, as Paddle numbers the state of a second optimizer of the same parameters otherwise.
        completion.fit_heads(pair[1], completion.read_pictures(learnt), completion.STEPS, seed)
        pair[0].set_state_dict(pair[1].state_dict())
    steps = len(learnt) // how.batch_size
    adapting = Adapting(pair[0], pair[1], how, steps)
    adapting.train()
    run = _learning(values, how, loss or {"type": "SOCLoss"}, seed, how.epochs * steps)
    specs = _transforms(values, how.size)
    optimizer = paddle.optimizer.Adam(
        how.learning_rate, beta1=_BETAS[0], beta2=_BETAS[1], parameters=pair[0].parameters()
    )
    as_they_are = transforms([spec for spec in specs if spec["type"] != _FLIP])
    watcher = Watcher(adapting, Photographs(watched, as_they_are), values, how, save_dir)
    watcher.start(run["iters"], resume_from)
    logger.info("%d photographs to learn from, %d to watch, %d steps an epoch", len(learnt), held, steps)
    options = Options(save_dir, save_interval=steps, log_iters=max(1, steps // 5), seed=seed, use_vdl=use_vdl)
    criterion = builder.criterion(run, pair[0])
    dataset = Photographs(learnt, transforms(specs), seed)
    train(
        run, adapting, criterion, optimizer, dataset, options, evaluate=watcher, before_step=adapting.follow,
        is_enough=watcher.is_enough, resume_from=resume_from,
        settings={"teacher": how.teacher, "momentum": how.momentum, "size": list(how.size)},
    )  # fmt: skip
    if reason := watcher.reason():
        logger.warning("stopped: %s", reason)
    watcher.show(save_dir / _SHEET)
    return save_dir / ADAPTED


def _check(values: Mapping[str, Any], how: Adaptation, photographs: Sequence[Path]) -> None:
    if ranks() > 1:
        raise MattingError(f"adapting works in one process, not in {ranks()}; start it without the launcher")
    kind = (values.get("model") or {}).get("type")
    if kind != "MODNet":
        raise MattingError(f"adapting works by MODNet's three branches; the configuration has {kind}")
    if how.teacher not in TEACHERS:
        raise MattingError(f"--teacher {how.teacher}: it must be one of {', '.join(TEACHERS)}")
    if any(side % 32 or side < 32 for side in how.size):
        raise MattingError(f"--input_size {how.size[0]} {how.size[1]}: both must be multiples of 32")
    if len(photographs) < how.batch_size + 1:
        raise MattingError(
            f"{len(photographs)} photographs are too few for batches of {how.batch_size} and one to watch; add some"
        )


def _learning(
    values: Mapping[str, Any], how: Adaptation, loss: Mapping[str, Any], seed: int, iters: int
) -> dict[str, Any]:
    """Return the configuration with what an adaptation learns by instead of what the weights were trained by."""
    kept = {key: value for key, value in values.items() if key not in ("lr_scheduler", "trainable")}
    own = {"seed": seed, "batch_size": how.batch_size, "iters": iters, "loss": dict(loss)}
    return (
        kept
        | own
        | {
            "optimizer": {"type": "Adam", "beta1": _BETAS[0], "beta2": _BETAS[1]},
            "learning_rate": {"value": how.learning_rate},
        }
    )


def _transforms(values: Mapping[str, Any], size: tuple[int, int]) -> list[dict[str, Any]]:
    """Return resize, flip, and the channel order and normalisation that the weights were trained with."""
    known = identity(values)
    return [
        {"type": "LoadImages", "to_rgb": known["channels"] == "RGB"},
        {"type": "Resize", "target_size": list(size)},
        {"type": _FLIP},
        {"type": "Normalize", **known["normalisation"]},
    ]
