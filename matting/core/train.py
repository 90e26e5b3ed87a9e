"""The training loop: one plain loop from batch to step, with reports, checkpoints and validation on the way."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paddle

from matting import metrics
from matting.core import checkpoint, distributed, progress, stopping
from matting.core.freeze import set_training
from matting.core.results import Evaluation
from matting.core.visual import Board, batch_picture
from matting.datasets.loader import train_batches
from matting.datasets.sampler import BatchSampler
from matting.errors import MattingError, Stopped

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """How a run goes that its configuration does not say; the names and defaults are PaddleSeg's.

    Attributes:
        save_dir: where checkpoints, logs and the best model go; nothing is written elsewhere.
        save_interval: iterations from one checkpoint, and one validation, to the next.
        save_epoch: the same in epochs, by which `save_interval` is then replaced.
        log_iters: iterations from one report to the next.
        keep_checkpoint_max: how many `iter_N` are kept; 0 keeps all.
        eval_begin_iters: no validation before this iteration.
        picture_iters: iterations from one VisualDL picture to the next.
        num_workers: processes that read batches ahead.
        use_vdl: write VisualDL logs.
        precision: fp32, fp16 or bf16; the latter two compute in mixed precision.
        amp_level: Paddle's O1 (operators on a list) or O2 (nearly all).
        seed: of weights, order of samples and every draw.
    """

    save_dir: Path
    save_interval: int = 1000
    save_epoch: int | None = None
    log_iters: int = 10
    keep_checkpoint_max: int = 5
    eval_begin_iters: int = 0
    picture_iters: int = 500
    num_workers: int = 0
    use_vdl: bool = False
    precision: str = "fp32"
    amp_level: str = "O1"
    seed: int = 0


def train(
    values: Mapping[str, Any],
    network: paddle.nn.Layer,
    criterion: paddle.nn.Layer,
    optimizer: paddle.optimizer.Optimizer,
    dataset: Any,
    options: Options,
    *,
    evaluate: Callable[[], Evaluation] | None = None,
    resume_from: Path | None = None,
) -> checkpoint.Progress:
    """Train a network to the configuration's last iteration.

    An iteration's batch and draws depend on the seed and its number alone, so a resumed run goes on exactly as the
    unbroken one would have. A checkpoint that a kill left unscored is scored before that, even the last one. Ctrl-C
    or SIGTERM saves a checkpoint after the running iteration; with several ranks it ends the run at once.

    Args:
        values: the configuration; `iters` and `batch_size` (a rank) are read from it, and it is saved with checkpoints.
        dataset: a `MattingDataset` in mode train.
        evaluate: scores the network as it is; the first metric of its means decides which model is the best. Called
            on every rank.
        resume_from: a checkpoint folder to go on from.

    Raises:
        MattingError: a sample cannot be used, or a loss is not finite.
        Stopped: it was asked to.
    """
    ranks, first_rank = distributed.ranks(), distributed.rank() == 0
    iters, batch_size = values["iters"], values["batch_size"]
    cast, scaler = _mixed_precision(options, network, optimizer)
    state, unscored = checkpoint.Progress(seed=options.seed), False
    if resume_from is not None:
        state = checkpoint.resume(resume_from, network, values, optimizer, scaler)
        logger.info("resumed from %s at iteration %d", resume_from, state.iteration)
    checkpoint.recover(options.save_dir)
    sampler = BatchSampler(len(dataset), batch_size, state.iteration, iters, state.seed, distributed.rank(), ranks)
    interval = options.save_epoch * sampler.batches_per_epoch if options.save_epoch else options.save_interval

    def is_due(iteration: int) -> bool:
        return iteration % interval == 0 or iteration == iters

    if resume_from is not None:
        unscored = evaluate is not None and options.eval_begin_iters <= state.iteration > state.validated
        unscored &= is_due(state.iteration)  # what a request to stop saved in between is none of the best's candidates
        if state.iteration >= iters and not unscored:
            raise MattingError(f"{resume_from} is at iteration {state.iteration} of {iters}; raise --iters to go on")
    parallel = paddle.DataParallel(network, find_unused_parameters=True) if ranks > 1 else network
    board = Board(options.save_dir / "vdl") if options.use_vdl and first_rank else None
    meter = progress.Meter(batch_size * ranks, iters)
    set_training(network, values.get("trainable"))
    if resume_from is not None and evaluate is not None and unscored:
        # A kill between saving and scoring must not keep a checkpoint from becoming the best.
        _validate(evaluate, network, values, state, options, board)
        if first_rank and resume_from.resolve().parent == options.save_dir.resolve():
            checkpoint.write_state(resume_from, values, state, scaler)
        meter.skip()

    # Several ranks would stop at different iterations, each waiting for the others for ever.
    with stopping.on_request(waits=ranks == 1) as stop:
        for batch in train_batches(dataset, sampler, options.num_workers):
            meter.batch_came()
            paddle.seed(_draw(state.seed, state.iteration, distributed.rank()))
            state.iteration += 1

            with cast():
                output = parallel(*(batch[name] for name in network.inputs))
                terms = criterion(output, batch)
                loss = sum(terms.values())
            numbers = {name: float(term) for name, term in terms.items()}
            _check_finite(numbers, state.iteration, options.save_dir)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            optimizer.clear_grad()
            rate = optimizer.get_lr()
            if isinstance(optimizer._learning_rate, paddle.optimizer.lr.LRScheduler):
                optimizer._learning_rate.step()
            meter.step_done(numbers)

            if state.iteration % options.log_iters == 0 or state.iteration == iters:
                report = meter.report(state.iteration)
                report |= distributed.mean({name: report[name] for name in (*numbers, "loss")})
                logger.info(progress.line(state.iteration, iters, rate, report, numbers))
                if board:
                    board.scalars("Train", {**report, "lr": rate}, state.iteration)
            if board and state.iteration % options.picture_iters in (0, 1):
                normalisation = checkpoint.identity(values)["normalisation"]
                board.picture("Train/samples", batch_picture(batch, output["alpha"], normalisation), state.iteration)
            asked, due = bool(stop), is_due(state.iteration)
            if due or asked:
                folder = options.save_dir / f"iter_{state.iteration}"
                if first_rank:  # before validation, whose failure then costs nothing
                    checkpoint.save(folder, network, values, state, optimizer, scaler)
                    checkpoint.drop_old(options.save_dir, options.keep_checkpoint_max)
                    stop.message = f"stopped after iteration {state.iteration}; go on with --resume_model {folder}"
            if asked:
                raise Stopped(stop.message, stop.signal)
            if due:
                if evaluate is not None and state.iteration >= options.eval_begin_iters:
                    with stop.at_once():
                        _validate(evaluate, network, values, state, options, board)
                    if first_rank:
                        checkpoint.write_state(folder, values, state, scaler)
                distributed.wait_for_all()
                meter.skip()
    if board:
        board.close()
    return state


def _validate(
    evaluate: Callable[[], Evaluation],
    network: paddle.nn.Layer,
    values: Mapping[str, Any],
    state: checkpoint.Progress,
    options: Options,
    board: Board | None,
) -> None:
    """Score the network; keep it as `best_model` when its first metric is the best so far."""
    network.eval()
    means = evaluate().means
    state.validated = state.iteration
    set_training(network, values.get("trainable"))
    if distributed.rank() != 0:
        return
    logger.info("[EVAL] iter=%d %s", state.iteration, " ".join(f"{name}={value:.4f}" for name, value in means.items()))
    if board:
        board.scalars("Evaluate", means, state.iteration)
    name = next(iter(means))
    sign = -1 if name.startswith("trimap") else 1 if metrics.LOWER_IS_BETTER.get(name, True) else -1
    if name not in state.best or sign * means[name] < sign * state.best[name]:
        state.best = {**means, "iteration": state.iteration}
        checkpoint.save(options.save_dir / "best_model", network, values, state)
    logger.info("[EVAL] best %s=%.4f at iteration %d", name, state.best[name], state.best["iteration"])


def _mixed_precision(
    options: Options, network: paddle.nn.Layer, optimizer: paddle.optimizer.Optimizer
) -> tuple[Callable[[], Any], paddle.amp.GradScaler]:
    """Return the context in which forward and loss run, and the scaler, which does nothing unless it is fp16."""
    scaler = paddle.amp.GradScaler(enable=options.precision == "fp16", init_loss_scaling=1024.0)
    if options.precision == "fp32":
        return contextlib.nullcontext, scaler
    if paddle.get_device() == "cpu":
        raise MattingError(
            f"--precision {options.precision} needs a GPU: on the CPU Paddle would compute in float32 without a word; "
            "leave it out"
        )
    dtype = {"fp16": "float16", "bf16": "bfloat16"}[options.precision]
    if options.amp_level == "O2":
        paddle.amp.decorate(network, optimizer, level="O2", dtype=dtype, save_dtype="float32")
    return lambda: paddle.amp.auto_cast(level=options.amp_level, dtype=dtype), scaler


def _check_finite(terms: Mapping[str, float], iteration: int, save_dir: Path) -> None:
    wrong = ", ".join(f"{name}={value}" for name, value in terms.items() if not math.isfinite(value))
    if not wrong:
        return
    last = checkpoint.latest(save_dir)
    kept = f"the last good checkpoint is {last}" if last else "no checkpoint had been saved yet"
    raise MattingError(
        f"iteration {iteration}: the loss is not finite ({wrong}); {kept}. Lower --learning_rate, add warmup_iters to "
        "lr_scheduler, or check the data"
    )


def _draw(seed: int, iteration: int, rank: int) -> int:
    """Return the seed of Paddle's generator for one iteration: a resumed run draws what the unbroken one did."""
    return (seed * 1_000_003 + iteration * 1_009 + rank) % (2**31)
