"""Train a matting network: python tools/train.py --config configs/modnet/modnet-mobilenetv2.yml --do_eval"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import shared


def parse_args() -> argparse.Namespace:
    """Return the flags; names and defaults are those of PaddleSeg's own training tool."""
    parser = shared.parser("Train a matting network.")
    parser.add_argument("--iters", type=shared.positive, help="iterations to train, instead of the configuration's")
    parser.add_argument("--batch_size", type=shared.positive, help="samples an iteration on each device")
    parser.add_argument("--learning_rate", type=shared.rate, help="the schedule's (first) rate, instead of its own")
    shared.add_checkpoints(parser)
    parser.add_argument("--resume_model", type=Path, help="go on from this checkpoint folder (iter_N)")
    shared.add_overwrite(parser)
    parser.add_argument(
        "--teacher", type=shared.filled, help="a trained network whose mattes are learnt: photographs need no labels"
    )
    parser.add_argument("--save_dir", type=Path, default=Path("output"), help="where everything is written")
    parser.add_argument("--num_workers", type=shared.workers, default=0, help="processes that read the data")
    parser.add_argument("--do_eval", action="store_true", help="validate every checkpoint, keep the best model")
    parser.add_argument("--metrics", nargs="+", default=["SAD", "MSE"], help="for --do_eval; the first picks the best")
    parser.add_argument("--log_iters", type=shared.positive, default=10, help="iterations between reports")
    parser.add_argument("--use_vdl", action="store_true", help="write VisualDL logs to save_dir/vdl")
    parser.add_argument("--report", action="store_true", help="write report.html: curves, and samples with --do_eval")
    parser.add_argument(
        "--eval_begin_iters", type=shared.count, default=0, help="do not validate before this iteration"
    )
    parser.add_argument("--seed", type=shared.count, help="of weights, order and draws; default: the configuration's")
    parser.add_argument("--repeats", type=shared.positive, help="times that an epoch goes through every sample")
    parser.add_argument(
        "--profiler_options", type=shared.filled, help="time operators, e.g. 'batch_range=[10,20];profile_path=profile'"
    )
    parser.add_argument("--precision", default="fp32", choices=("fp32", "fp16", "bf16"), help="fp16, bf16: mixed")
    parser.add_argument("--amp_level", default="O1", choices=("O1", "O2"), help="of mixed precision")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from matting import config

    values = config.load(
        args.config, args.opts, iters=args.iters, batch_size=args.batch_size, learning_rate=args.learning_rate
    )
    if args.repeats is not None and values.get("train_dataset"):
        values["train_dataset"]["repeats"] = args.repeats
    values["seed"] = args.seed if args.seed is not None else values.get("seed", 0)

    from matting.training.options import Options
    from matting.training.run import run_training

    options = Options(
        save_dir=args.save_dir,
        save_interval=args.save_interval,
        save_epoch=args.save_epoch,
        log_iters=args.log_iters,
        keep_checkpoint_max=args.keep_checkpoint_max,
        eval_begin_iters=args.eval_begin_iters,
        num_workers=args.num_workers,
        use_vdl=args.use_vdl,
        report=args.report,
        precision=args.precision,
        amp_level=args.amp_level,
        seed=values["seed"],
        overwrite=args.overwrite,
    )
    run_training(
        values,
        options,
        device_name=args.device,
        validate=args.do_eval,
        metric_names=args.metrics,
        resume_from=args.resume_model,
        teacher=args.teacher,
        profile=args.profiler_options,
    )
