"""How a training run goes that its configuration does not say."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
        picture_iters: iterations from one VisualDL picture to the next, besides that of the first iteration.
        num_workers: processes that read batches ahead.
        use_vdl: write VisualDL logs.
        report: write `save_dir/report.html`, anew at every validation.
        precision: fp32, fp16 or bf16; the latter two compute in mixed precision.
        amp_level: Paddle's O1 (operators on a list) or O2 (nearly all).
        seed: of weights, order of samples and every draw.
        overwrite: start afresh in a folder that holds a run, which moves to `save_dir/replaced`.
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
    report: bool = False
    precision: str = "fp32"
    amp_level: str = "O1"
    seed: int = 0
    overwrite: bool = False
