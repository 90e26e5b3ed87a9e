"""Score trained weights: python tools/val.py --config CONFIG --model_path output/best_model --save_results --report"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import shared
from matting.system.streams import say


def parse_args() -> argparse.Namespace:
    parser = shared.parser(
        "Score trained weights on the validation set of a configuration, or compare two results.", config_required=False
    )
    shared.add_weights(parser)
    shared.add_engine(parser, "dynamic")
    shared.add_refine(parser)
    parser.add_argument("--save_dir", type=Path, default=Path("output/results"), help="where everything is written")
    parser.add_argument("--num_workers", type=shared.workers, default=0, help="threads that read the data")
    parser.add_argument("--score_workers", type=shared.workers, default=1, help="processes that score meanwhile")
    parser.add_argument("--save_results", action="store_true", help="write the mattes as PNG too")
    parser.add_argument("--report", action="store_true", help="write report.html: plots, the worst and the best images")
    shared.add_scoring(parser)
    parser.add_argument(
        "--compare", nargs=2, type=Path, metavar=("A.csv", "B.csv"), help="differences of two metrics.csv, B minus A"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.compare:
        from matting.evaluation.comparison import compare

        say(*compare(*args.compare).table().split("\n"))
        return
    values = shared.configuration(args)

    from matting.deployment.loading import Runtime
    from matting.evaluation.validation import run_validation
    from matting.system import exchange

    result = run_validation(
        values,
        args.model_path,
        args.save_dir,
        partial=args.partial,
        runtime=Runtime(args.engine, args.precision, args.device, args.threads, refine=args.refine),
        protocol=args.protocol,
        metric_names=args.metrics,
        num_workers=args.num_workers,
        score_workers=args.score_workers,
        save_results=args.save_results,
        report=args.report,
    )
    if exchange.rank() == 0:
        say(*result.table().split("\n"))
        say(f"one row an image: {args.save_dir / 'metrics.csv'}; all about it: {args.save_dir / 'manifest.json'}")
        if args.report:
            say(f"look at {args.save_dir / 'report.html'}")
