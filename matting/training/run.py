"""Training a configuration from its beginning to its end: network, loss, data, what scores it, and the loop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import paddle

from matting import builder, devices, metrics
from matting.engines.dynamic import DynamicNetwork
from matting.evaluation import trimaps
from matting.evaluation.evaluator import evaluate
from matting.evaluation.scoring import choose
from matting.evaluation.table import Evaluation
from matting.predictor import Predictor
from matting.system import exchange
from matting.training import checkpoint, guard, optimizers, resuming, run_folder
from matting.training.freezing import learn_only
from matting.training.loop import train
from matting.training.needs import check_needs
from matting.training.norms import hold_norms
from matting.training.options import Options
from matting.training.profiling import profiler
from matting.training.report import Film, write_run_report
from matting.training.teaching import taught

logger = logging.getLogger(__name__)


def run_training(
    values: Mapping[str, Any],
    options: Options,
    *,
    device_name: str = "auto",
    validate: bool = False,
    metric_names: Sequence[str] = ("SAD", "MSE"),
    resume_from: Path | None = None,
    teacher: str | None = None,
    profile: str | None = None,
) -> checkpoint.Progress:
    """Train what a configuration describes, logging to `save_dir/train.log`.

    Args:
        values: a loaded configuration.
        validate: score the validation set at every `save_interval` and keep the best model.
        metric_names: what to score, in any case; the first decides which model is the best. ["trimap"] scores the
            trimaps that the network draws inside.
        resume_from: a checkpoint folder to go on from, by its seed.
        teacher: a trained network whose mattes are the truth of the training photographs; see `teaching.taught`.
        profile: which iterations to time; see `profiling.profiler`.

    Raises:
        MattingError: the configuration, the data, the device or a loss is at fault, or `save_dir` holds another run.
    """
    builder.check_training(values)
    optimizers.check(values)
    check_metrics(metric_names)
    before_step = profiler(profile, options.save_dir) if profile else lambda _: None
    if values.get(guard.KEY):
        guard.check_metrics(metric_names)
    values, options = _begin(values, options, device_name, resume_from)
    if teacher:
        values = taught(values, teacher, options.save_dir, device_name)
    network = builder.model(values)
    criterion = builder.criterion(values, network)
    dataset = builder.dataset(values, "train_dataset")
    check_needs(network, criterion, dataset)
    scorer = _scorer(values, network, options, metric_names) if validate else None
    learn_only(network, values.get("trainable"))
    hold_norms(network, values.get("norms"))
    optimizer = optimizers.make_optimizer(values, network)
    logger.info("%d training samples, %.2f million parameters", len(dataset), parameters(network) / 1e6)
    state = train(
        values, network, criterion, optimizer, dataset, options,
        evaluate=scorer, before_step=before_step, resume_from=resume_from,
    )  # fmt: skip
    if options.report and exchange.rank() == 0:
        logger.info("look at %s", write_run_report(options.save_dir))
    return state


def _begin(
    values: Mapping[str, Any], options: Options, device_name: str, resume_from: Path | None
) -> tuple[Mapping[str, Any], Options]:
    """Claim the run's folder and start its log; return configuration and options with the seed that the run has."""
    run_folder.claim(options.save_dir, resume_from, options.overwrite)
    options = replace(options, seed=resuming.seed_of(resume_from, options.seed))
    values = resuming.with_seed(values, options.seed)
    devices.begin(values, device_name, options.save_dir / "train.log")
    paddle.seed(options.seed)
    return values, options


def check_metrics(names: Sequence[str]) -> None:
    """Check what a training run shall be scored by; raises MattingError for what is no metric."""
    if not trimaps.is_asked_for(names):
        choose(metrics.DEFAULT, names)


def _scorer(
    values: Mapping[str, Any], network: paddle.nn.Layer, options: Options, names: Sequence[str]
) -> Callable[[int], Evaluation]:
    """Return what scores the network in training; for a report the first rank keeps samples."""
    predictor = Predictor(DynamicNetwork(network), builder.val_transforms(values))
    dataset, workers = builder.dataset(values, "val_dataset"), min(options.num_workers, 2)
    if trimaps.is_asked_for(names):
        return lambda _: trimaps.evaluate_trimaps(predictor, dataset, workers)
    score = partial(evaluate, predictor, dataset, names=names, num_workers=workers)
    films = options.report and exchange.rank() == 0

    def first(iteration: int) -> Evaluation:
        return score(visit=Film(options.save_dir, iteration).visit) if films else score()

    if not values.get(guard.KEY):
        return first
    others = builder.dataset(values, guard.KEY)
    return guard.guarded(first, partial(evaluate, predictor, others, names=names, num_workers=workers))


def parameters(network: paddle.nn.Layer) -> int:
    """Return how many numbers a network learns."""
    return sum(parameter.size for parameter in network.parameters() if not parameter.stop_gradient)
