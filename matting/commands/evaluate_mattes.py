"""Score a folder of mattes: python tools/evaluate_mattes.py --alpha true_mattes --pred mattes --report report.html"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import shared
from matting.system.streams import say


def parse_args() -> argparse.Namespace:
    parser = shared.bare_parser("Score a folder of mattes, whatever made them, against the true ones.")
    parser.add_argument("--alpha", type=Path, required=True, help="the folder of true mattes")
    parser.add_argument("--pred", type=Path, required=True, help="the folder of mattes, paired by relative path")
    parser.add_argument("--trimap", type=Path, help="the folder of trimaps; default: made from the true mattes")
    parser.add_argument("--image", type=Path, help="the folder of photographs, to be shown in the report")
    parser.add_argument("--score_workers", type=shared.workers, help="processes; default: one a core")
    parser.add_argument("--csv", type=Path, help="write one row an image here")
    parser.add_argument("--report", type=Path, help="write plots, the worst and the best images here, as .html")
    shared.add_scoring(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from matting.evaluation.folders import find_pairs, score_folder
    from matting.evaluation.publication import write_evaluation
    from matting.system import atomic, cpu

    for flag, file, ending in (("--csv", args.csv, ".csv"), ("--report", args.report, ".html")):
        # Else a matte or a list that was named by mistake would be written over.
        if file is not None and file.suffix.lower() != ending:
            raise shared.MattingError(f"{flag} {file} does not end in {ending}; give it that ending")
    pairs = find_pairs(args.alpha, args.pred, args.trimap, args.image)
    for file in filter(None, (args.csv, args.report)):
        atomic.make_folder(file.parent)
    result = score_folder(
        pairs,
        protocol=args.protocol,
        names=args.metrics,
        workers=min(cpu.threads(), len(pairs)) if args.score_workers is None else args.score_workers,
        with_panels=args.report is not None,
    )
    say(*result.table().split("\n"))
    if args.csv:
        result.write_csv(args.csv)
        say(f"one row an image: {args.csv}")
    if args.report:
        facts = [("mattes", str(args.pred)), ("truth", str(args.alpha))]
        write_evaluation(result, args.report, title=f"Mattes of {args.pred.name}", facts=facts)
        say(f"look at {args.report}")
