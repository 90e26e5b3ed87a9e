"""The jobs of the tools, from a loaded configuration to their end: train, validate, and make a predictor."""

from __future__ import annotations

import contextlib
import logging
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import paddle

from matting import builder, config, devices, metrics
from matting.deployment.loading import Runtime, engine_used, make_predictor, weights_sha256
from matting.engines.dynamic import DynamicNetwork
from matting.errors import MattingError
from matting.evaluation import manifest, trimaps
from matting.evaluation.evaluator import evaluate
from matting.evaluation.publication import publish
from matting.evaluation.scoring import choose
from matting.evaluation.table import Evaluation
from matting.predictor import Predictor
from matting.system import atomic, exchange, log
from matting.training import checkpoint, optimizers, resuming, run_folder
from matting.training.freezing import learn_only
from matting.training.loop import Options, train
from matting.training.needs import check_needs
from matting.training.report import Film, write_run_report
from matting.version import __version__

logger = logging.getLogger(__name__)


def run_training(
    values: Mapping[str, Any],
    options: Options,
    *,
    device_name: str = "auto",
    validate: bool = False,
    metric_names: Sequence[str] = ("SAD", "MSE"),
    resume_from: Path | None = None,
    report: bool = False,
) -> checkpoint.Progress:
    """Train what a configuration describes, logging to `save_dir/train.log`.

    Args:
        values: a loaded configuration.
        validate: score the validation set at every `save_interval` and keep the best model.
        metric_names: what to score, in any case; the first decides which model is the best. ["trimap"] scores the
            trimaps that the network draws inside.
        resume_from: a checkpoint folder to go on from, by its seed.
        report: write `save_dir/report.html`, anew at every validation.

    Raises:
        MattingError: the configuration, the data, the device or a loss is at fault, or `save_dir` holds another run.
    """
    builder.check_training(values)
    optimizers.check(values)
    check_metrics(metric_names)
    run_folder.claim(options.save_dir, resume_from, options.overwrite)
    options = replace(options, seed=resuming.seed_of(resume_from, options.seed))
    values = resuming.with_seed(values, options.seed)
    begin(values, device_name, options.save_dir / "train.log")
    paddle.seed(options.seed)
    network = builder.model(values)
    criterion = builder.criterion(values, network)
    dataset = builder.dataset(values, "train_dataset")
    check_needs(network, criterion, dataset)
    scorer = _scorer(values, network, options, metric_names, report) if validate else None
    learn_only(network, values.get("trainable"))
    optimizer = optimizers.make_optimizer(values, network)
    logger.info("%d training samples, %.2f million parameters", len(dataset), parameters(network) / 1e6)
    state = train(values, network, criterion, optimizer, dataset, options, evaluate=scorer, resume_from=resume_from)
    if report and exchange.rank() == 0:
        logger.info("look at %s", write_run_report(options.save_dir))
    return state


def check_metrics(names: Sequence[str]) -> None:
    """Check what a training run shall be scored by; raises MattingError for what is no metric."""
    if not trimaps.is_asked_for(names):
        choose(metrics.DEFAULT, names)


def _scorer(
    values: Mapping[str, Any], network: paddle.nn.Layer, options: Options, names: Sequence[str], report: bool
) -> Callable[[int], Evaluation]:
    """Return what scores the network in training; with `report`, it keeps samples and writes the page."""
    predictor = Predictor(DynamicNetwork(network), builder.val_transforms(values))
    dataset, workers = builder.dataset(values, "val_dataset"), min(options.num_workers, 2)
    if trimaps.is_asked_for(names):
        return lambda _: trimaps.evaluate_trimaps(predictor, dataset, workers)
    score = partial(evaluate, predictor, dataset, names=names, num_workers=workers)
    if not report or exchange.rank() != 0:
        return lambda _: score()
    film = Film(options.save_dir)

    def score_and_show(iteration: int) -> Evaluation:
        film.begin(iteration)
        result = score(visit=film.visit)
        with contextlib.suppress(MattingError):  # nothing may have been logged yet; the run's end writes it anyway
            write_run_report(options.save_dir)
        return result

    return score_and_show


def run_validation(
    values: Mapping[str, Any],
    model_path: str | Path | None,
    save_dir: Path,
    *,
    partial: bool = False,
    runtime: Runtime | None = None,
    protocol: str = metrics.DEFAULT.name,
    metric_names: Sequence[str] | None = None,
    num_workers: int = 0,
    score_workers: int = 0,
    save_results: bool = False,
    report: bool = False,
) -> Evaluation:
    """Score trained weights on the validation set.

    Writes `metrics.csv` and `manifest.json` below `save_dir`; with `save_results` the mattes too, and with `report` the
    page `report.html`.
    """
    runtime = runtime or Runtime("dynamic")
    used = begin(values, runtime.device)
    choose(protocol, metric_names)
    predictor = make_predictor(values, model_path, runtime, partial)
    dataset = builder.dataset(values, "val_dataset")
    atomic.make_folder(save_dir)
    result = evaluate(
        predictor,
        dataset,
        protocol=protocol,
        names=metric_names,
        num_workers=num_workers,
        score_workers=score_workers,
        save_dir=save_dir if save_results else None,
        with_panels=report,
    )
    if exchange.rank() == 0:
        engine = engine_used(runtime)
        about = _about(values, str(model_path), dataset) | {"engine": engine, "device": used}
        data = values["val_dataset"]
        facts = [("weights", str(model_path)), ("data", str(data["dataset_root"])), ("engine", engine)]
        model = (values.get("model") or {}).get("type", "evaluation")
        title = f"{model} on {Path(data['dataset_root']).name}"
        publish(result, save_dir, title=title, facts=facts, about=about, report=report)
    return result


def _about(values: Mapping[str, Any], model_path: str, dataset: Any) -> dict[str, Any]:
    """Return what the manifest says of weights, data, configuration and engine."""
    spec = values["val_dataset"]
    root = Path(spec["dataset_root"])
    lists = [spec["val_file"]] if isinstance(spec["val_file"], str) else spec["val_file"]
    layers = ("foreground", "alpha", "background", "trimap")
    return {
        "weights": {"path": model_path, "sha256": weights_sha256(model_path)},
        "configuration": dict(values),
        "dataset": {
            "root": str(root),
            "lists": manifest.files({"list": root / name} for name in lists),
            "files": manifest.files({layer: getattr(entry, layer) for layer in layers} for entry in dataset.entries),
        },
        "processes": exchange.ranks(),
    }


def begin(values: Mapping[str, Any], device_name: str, log_file: Path | None = None) -> str:
    """Check the configuration before anything is written, start log and ranks; return the device in use."""
    first_rank = exchange.rank() == 0
    builder.check(values)
    log.start(log_file if first_rank else None, quiet=not first_rank)
    used = devices.use(device_name)
    exchange.start()
    logger.info(
        "matting %s, Paddle %s, Python %s, on %s, %d process(es)",
        __version__, paddle.__version__, platform.python_version(), used, exchange.ranks(),
    )  # fmt: skip
    if log_file is not None:
        logger.info("configuration:\n" + config.dump(dict(values)))
    return used


def parameters(network: paddle.nn.Layer) -> int:
    """Return how many numbers a network learns."""
    return sum(parameter.size for parameter in network.parameters() if not parameter.stop_gradient)
