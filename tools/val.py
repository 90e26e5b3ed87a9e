"""Score trained weights: python tools/val.py --config CONFIG --model_path output/best_model --save_results"""

from __future__ import annotations

import argparse
from pathlib import Path

import _cli


def parse_args() -> argparse.Namespace:
    parser = _cli.parser("Score trained weights on the validation set of a configuration.")
    _cli.add_weights(parser)
    _cli.add_engine(parser, "dynamic")
    parser.add_argument("--save_dir", type=Path, default=Path("output/results"), help="for metrics.csv and the mattes")
    parser.add_argument("--num_workers", type=int, default=0, help="threads that read the data")
    parser.add_argument("--save_results", action="store_true", help="write the mattes as PNG too")
    parser.add_argument("--metrics", nargs="+", help="SAD MSE MAD Grad Conn IoU, or some of them; default: all")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from matting import config, metrics

    values = config.load(args.config, args.opts)

    from matting.core import distributed
    from matting.core.prediction import Runtime
    from matting.core.workflow import run_validation

    result = run_validation(
        values,
        args.model_path,
        args.save_dir,
        partial=args.partial,
        runtime=Runtime(args.engine, args.precision, args.device, args.threads),
        metric_names=args.metrics or metrics.METRICS,
        num_workers=args.num_workers,
        save_results=args.save_results,
    )
    if distributed.rank() == 0:
        print(result.table())
        print(f"one row an image: {args.save_dir / 'metrics.csv'}")


if __name__ == "__main__":
    _cli.run(main)
