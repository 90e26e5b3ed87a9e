"""The training loop: one plain loop from batch to step, with reports, checkpoints and validation on the way."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import paddle

from matting.datasets.loader import train_batches
from matting.datasets.sampler import BatchSampler
from matting.errors import MattingError, Stopped
from matting.evaluation.table import Evaluation
from matting.system import exchange, stopping
from matting.training import checkpoint, guard, history, progress, resuming, run_folder
from matting.training.board import Board, batch_picture
from matting.training.finite import check_finite
from matting.training.freezing import set_training
from matting.training.history import Row
from matting.training.options import Options
from matting.training.precision import Precision
from matting.training.report import write_run_report
from matting.weights.identity import identity

logger = logging.getLogger(__name__)


def train(
    values: Mapping[str, Any],
    network: paddle.nn.Layer,
    criterion: paddle.nn.Layer,
    optimizer: paddle.optimizer.Optimizer,
    dataset: Any,
    options: Options,
    *,
    evaluate: Callable[[int], Evaluation] | None = None,
    before_step: Callable[[int], object] = lambda _: None,
    is_enough: Callable[[], bool] = lambda: False,
    resume_from: Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> checkpoint.Progress:
    """Train a network to the configuration's last iteration.

    An iteration's batch and draws depend on the seed and its number alone, so a resumed run goes on exactly as the
    unbroken one would have. A checkpoint that a kill left unscored is scored before that, even the last one. Ctrl-C
    or SIGTERM saves a checkpoint after the running iteration; with several ranks it ends the run at once.

    Args:
        values: the configuration; `iters` and `batch_size` (a rank) are read from it, and it is saved with checkpoints.
        dataset: a `MattingDataset` in mode train.
        evaluate: scores the network as it is, at the iteration that it is given; the first metric of its means decides
            which model is the best. Called on every rank.
        before_step: called before each iteration with how many are done.
        is_enough: whether the run shall end here; asked at the start, and when a validation is in the history.
        resume_from: a checkpoint folder to go on from; what differs from how it was trained is named.
        settings: what else decides the run; noted in its checkpoints.

    Raises:
        MattingError: a sample cannot be used, or a loss is not finite.
        Stopped: it was asked to.
    """
    state = resuming.beginning(values, options, {"samples": len(dataset), **(settings or {})})
    run = _Run(values, network, criterion, optimizer, options, evaluate, state)
    if resume_from is not None:
        run.resume(resume_from)
    run.begin()
    state, ranks = run.state, exchange.ranks()
    sampler = BatchSampler(
        len(dataset), values["batch_size"], state.iteration, values["iters"], state.seed, exchange.rank(), ranks
    )
    if options.save_epoch:
        run.interval = options.save_epoch * sampler.batches_per_epoch
    set_training(network, values.get("trainable"))
    if resume_from is not None:
        run.catch_up(resume_from)
    if values.get(guard.KEY) and state.iteration == 0:
        run.begin_guard()

    # Several ranks would stop at different iterations, each waiting for the others for ever.
    with stopping.on_request(waits=ranks == 1) as stop:
        for batch in () if is_enough() else train_batches(dataset, sampler, options.num_workers):
            before_step(state.iteration)
            run.step(batch)
            # Asked once: a request that comes between saving and stopping waits for the next iteration.
            asked, due = bool(stop), run.is_due()
            if asked or due:
                stop.message = f"stopped after iteration {state.iteration}; go on with --resume_model {run.save()}"
            if asked:
                raise Stopped(stop.message, stop.signal)
            if due:
                with stop.at_once():
                    run.score()
                if is_enough():
                    break
    run.close()
    return state


class _Run:
    """A training run under way: `state` is how far it has come, `interval` the iterations between checkpoints."""

    def __init__(
        self,
        values: Mapping[str, Any],
        network: paddle.nn.Layer,
        criterion: paddle.nn.Layer,
        optimizer: paddle.optimizer.Optimizer,
        options: Options,
        evaluate: Callable[[int], Evaluation] | None,
        state: checkpoint.Progress,
    ) -> None:
        self._values, self._network, self._criterion, self._optimizer = values, network, criterion, optimizer
        self._options, self._evaluate = options, evaluate
        self._precision, self._parallel = Precision(options), network
        self._scaler, self._is_first = self._precision.scaler, exchange.rank() == 0
        self._board = Board(options.save_dir / "vdl") if options.use_vdl and self._is_first else None
        self._meter = progress.Meter(values["batch_size"] * exchange.ranks(), values["iters"])
        self.state, self.interval = state, options.save_interval

    def resume(self, folder: Path) -> None:
        """Restore what a checkpoint holds."""
        state = checkpoint.resume(folder, self._network, self._values, self._optimizer, self._scaler)
        self.state = replace(state, settings=self.state.settings)
        logger.info("resumed from %s at iteration %d", folder, self.state.iteration)
        if self._is_first:
            resuming.name_differences(folder, self._values, self.state.settings)
            run_folder.bring_best(folder, self._options.save_dir, self.state)
            history.go_on(folder, self._options.save_dir, self.state.iteration, self.state.validated)

    def begin(self) -> None:
        """Make the network ready to learn, now that its weights are what they begin with."""
        self._precision.prepare(self._network, self._optimizer)
        if exchange.ranks() > 1:
            self._parallel = paddle.DataParallel(self._network, find_unused_parameters=True)

    def catch_up(self, folder: Path) -> None:
        """Score the checkpoint it resumed from, if a kill came between saving and scoring: it may be the best.

        Raises:
            MattingError: there is nothing to score and nothing left to train.
        """
        # What a request to stop saved in between is none of the best's candidates.
        unscored = self._is_scored_here() and self.state.iteration > self.state.validated and self.is_due()
        iters = self._values["iters"]
        if self.state.iteration >= iters and not unscored:
            raise MattingError(f"{folder} is at iteration {self.state.iteration} of {iters}; raise --iters to go on")
        if unscored:
            self._validate()
            if self._is_first and folder.resolve().parent == self._options.save_dir.resolve():
                checkpoint.write_state(folder, self._values, self.state, self._scaler)
            self._meter.skip()

    def begin_guard(self) -> None:
        """Save and score what it begins with: nothing that is worse on the guard's pictures becomes the best model."""
        if self._evaluate is not None:
            self.save()
            self.score()

    def is_due(self) -> bool:
        """Return whether a checkpoint is to be saved, and scored, after this iteration."""
        return self.state.iteration % self.interval == 0 or self.state.iteration == self._values["iters"]

    def step(self, batch: Mapping[str, Any]) -> None:
        """Learn from a batch, and tell about it when it is time to."""
        self._meter.batch_came()
        paddle.seed(resuming.seed_of_draws(self.state.seed, self.state.iteration, exchange.rank()))
        self.state.iteration += 1
        with self._precision.learning():
            output = self._parallel(*(batch[name] for name in self._network.inputs))
            terms = self._criterion(output, batch)
            loss = sum(terms.values())
        numbers = {name: float(term) for name, term in terms.items()}
        check_finite(numbers, self.state, self._options.save_dir)
        self._scaler.scale(loss).backward()
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.clear_grad()
        rate = self._optimizer.get_lr()
        if isinstance(self._optimizer._learning_rate, paddle.optimizer.lr.LRScheduler):
            self._optimizer._learning_rate.step()
        self._meter.step_done(numbers)
        self._tell(rate)
        if self._board and (self.state.iteration == 1 or self.state.iteration % self._options.picture_iters == 0):
            picture = batch_picture(batch, output["alpha"], identity(self._values))
            self._board.picture("Train/samples", picture, self.state.iteration)

    def _tell(self, rate: float) -> None:
        iteration, iters = self.state.iteration, self._values["iters"]
        if iteration % self._options.log_iters == 0 or iteration == iters:
            losses, speed = self._meter.report(iteration)
            self._note(Row(iteration, iters, losses=exchange.mean(losses), lr=rate, speed=speed))

    def _note(self, row: Row) -> None:
        """Have a report or validation in the log, the history and VisualDL."""
        if not self._is_first:
            return
        logger.info(progress.line(row))
        history.append(self._options.save_dir, row)
        if self._board:
            self._board.show(row)

    def save(self) -> Path:
        """Save a checkpoint; before it is scored, so that a failure there costs nothing."""
        folder = self._options.save_dir / f"iter_{self.state.iteration}"
        exchange.share_statistics(self._network)  # else the ranks would score networks that nobody saves
        if self._is_first:
            checkpoint.save(folder, self._network, self._values, self.state, self._optimizer, self._scaler)
            checkpoint.drop_old(self._options.save_dir, self._options.keep_checkpoint_max, self.state)
        return folder

    def score(self) -> None:
        """Validate, where that is asked for, and note it in the checkpoint of this iteration."""
        if self._is_scored_here():
            self._validate()
            if self._is_first:
                folder = self._options.save_dir / f"iter_{self.state.iteration}"
                checkpoint.write_state(folder, self._values, self.state, self._scaler)
        exchange.wait_for_all()
        self._meter.skip()

    def _is_scored_here(self) -> bool:
        return self._evaluate is not None and self.state.iteration >= self._options.eval_begin_iters

    def _validate(self) -> None:
        """Score the network; keep it as `best_model` when its first metric is the best so far."""
        assert self._evaluate is not None
        state, iteration = self.state, self.state.iteration
        self._network.eval()
        with self._precision.scoring():
            means = self._evaluate(iteration).means
        state.validated = iteration
        set_training(self._network, self._values.get("trainable"))
        if self._is_first:
            self._note(Row(iteration, self._values["iters"], metrics=means))
            run_folder.keep_best(self._options.save_dir, self._network, self._values, state, means)
            if self._options.report:
                write_run_report(self._options.save_dir)

    def close(self) -> None:
        """Finish what is written as it goes."""
        if self._board:
            self._board.close()
