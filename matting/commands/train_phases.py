"""Train phase after phase with one command: python tools/train_phases.py --phases configs/phases/shm-mobilenetv2.yml"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import shared
from matting.system.streams import say


def parse_args() -> argparse.Namespace:
    parser = shared.bare_parser("Train phase after phase; the same command goes on where a kill stopped it.")
    parser.add_argument("--phases", type=Path, required=True, help="a .yml that lists names and configurations")
    parser.add_argument("--opts", nargs="+", default=[], metavar="KEY=VALUE", help="change every configuration")
    parser.add_argument("--device", default="auto", choices=shared.DEVICES, help="auto takes a GPU if any")
    parser.add_argument("--save_dir", type=Path, default=Path("output/phases"), help="a folder a phase below it")
    shared.add_checkpoints(parser)
    parser.add_argument("--log_iters", type=shared.positive, default=10, help="iterations between reports")
    parser.add_argument("--num_workers", type=shared.workers, default=0, help="processes that read the data")
    parser.add_argument("--use_vdl", action="store_true", help="write VisualDL logs, a folder a phase")
    parser.add_argument("--report", action="store_true", help="write a report.html a phase")
    parser.add_argument("--seed", type=shared.count, default=0, help="of weights, order and draws")
    parser.add_argument("--precision", default="fp32", choices=("fp32", "fp16", "bf16"), help="fp16, bf16: mixed")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from matting.training.options import Options
    from matting.training.stages import read_phases, run_phases

    phases = read_phases(args.phases)
    options = Options(
        save_dir=args.save_dir,
        save_interval=args.save_interval,
        save_epoch=args.save_epoch,
        log_iters=args.log_iters,
        keep_checkpoint_max=args.keep_checkpoint_max,
        num_workers=args.num_workers,
        use_vdl=args.use_vdl,
        report=args.report,
        precision=args.precision,
        seed=args.seed,
    )
    best = run_phases(phases, options, opts=args.opts, device_name=args.device)
    say(f"the last phase's best model: {best}")
