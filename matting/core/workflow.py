"""The jobs of the tools, from a loaded configuration to their end: train, validate, and make a predictor."""

from __future__ import annotations

import logging
import platform
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import paddle

from matting import __version__, config, log, metrics
from matting.core import builder, checkpoint, device, distributed
from matting.core.evaluate import Evaluation, check_names, evaluate
from matting.core.freeze import learn_only
from matting.core.prediction import Runtime, make_predictor
from matting.core.predictor import PaddleNetwork, Predictor
from matting.core.train import Options, train

logger = logging.getLogger(__name__)


def run_training(
    values: Mapping[str, Any],
    options: Options,
    *,
    device_name: str = "auto",
    validate: bool = False,
    metric_names: Sequence[str] = ("SAD", "MSE"),
    resume_from: Path | None = None,
) -> checkpoint.Progress:
    """Train what a configuration describes, logging to `save_dir/train.log`.

    Args:
        values: a loaded configuration.
        validate: score the validation set at every `save_interval` and keep the best model.
        metric_names: what to score; the first decides which model is the best.
        resume_from: a checkpoint folder to go on from.

    Raises:
        MattingError: the configuration, the data, the device or a loss is at fault.
    """
    begin(values, device_name, options.save_dir / "train.log")
    check_names(metric_names)
    paddle.seed(options.seed)
    network = builder.model(values)
    criterion = builder.criterion(values, network)
    dataset = builder.dataset(values, "train_dataset")
    scorer = None
    if validate:
        scorer = partial(
            evaluate,
            Predictor(PaddleNetwork(network), builder.val_transforms(values)),
            builder.dataset(values, "val_dataset"),
            names=metric_names,
            num_workers=min(options.num_workers, 2),
        )
    learn_only(network, values.get("trainable"))
    optimizer = builder.optimizer(values, network)
    logger.info("%d training samples, %.2f million parameters", len(dataset), parameters(network) / 1e6)
    return train(values, network, criterion, optimizer, dataset, options, evaluate=scorer, resume_from=resume_from)


def run_validation(
    values: Mapping[str, Any],
    model_path: str | Path | None,
    save_dir: Path,
    *,
    partial: bool = False,
    runtime: Runtime | None = None,
    metric_names: Sequence[str] = metrics.METRICS,
    num_workers: int = 0,
    save_results: bool = False,
) -> Evaluation:
    """Score trained weights on the validation set; writes `metrics.csv`, and with `save_results` the mattes."""
    runtime = runtime or Runtime("dynamic")
    begin(values, runtime.device)
    check_names(metric_names)
    predictor = make_predictor(values, model_path, runtime, partial)
    result = evaluate(
        predictor,
        builder.dataset(values, "val_dataset"),
        names=metric_names,
        num_workers=num_workers,
        save_dir=save_dir if save_results else None,
    )
    if distributed.rank() == 0:
        result.write_csv(save_dir / "metrics.csv")
    return result


def begin(values: Mapping[str, Any], device_name: str, log_file: Path | None = None) -> None:
    """Start the log, connect the ranks, choose the device, and check the configuration before any work."""
    first_rank = distributed.rank() == 0
    log.start(log_file if first_rank else None, quiet=not first_rank)
    builder.check(values)
    used = device.use(device_name)
    distributed.start()
    logger.info(
        "matting %s, Paddle %s, Python %s, on %s, %d process(es)",
        __version__, paddle.__version__, platform.python_version(), used, distributed.ranks(),
    )  # fmt: skip
    if log_file is not None:
        logger.info("configuration:\n%s", config.dump(dict(values)))


def parameters(network: paddle.nn.Layer) -> int:
    """Return how many numbers a network learns."""
    return sum(parameter.size for parameter in network.parameters() if not parameter.stop_gradient)
