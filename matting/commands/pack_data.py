"""Make a training copy that reads fast: python tools/pack_data.py train.txt --dataset_root DIR --target DIR-packed"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import shared
from matting.system import cpu
from matting.system.streams import say


def parse_args() -> argparse.Namespace:
    parser = shared.bare_parser(
        "Decode and shrink a data set once; train on the copy by setting dataset_root to --target."
    )
    parser.add_argument("lists", type=Path, nargs="+", metavar="LIST", help="the lists, relative to --dataset_root")
    parser.add_argument("--dataset_root", type=Path, required=True, help="what the lists' paths start from")
    parser.add_argument("--target", type=Path, required=True, help="a new folder, or one to go on with")
    parser.add_argument("--short_side", type=shared.positive, default=800, help="in pixels; smaller pictures stay")
    parser.add_argument("--separator", default=" ", help="what stands between the columns of the lists")
    parser.add_argument("--dry_run", action="store_true", help="say how much would be written, and stop")
    parser.add_argument("--num_workers", type=shared.workers, default=cpu.cores(), help="pictures worked on at a time")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    import cv2

    from matting.curation.packing import pack, plan_packing
    from matting.system import log

    log.start()
    cv2.setNumThreads(1)  # pictures go side by side; threads within each would only be in the way
    packing = plan_packing(args.lists, args.dataset_root, args.short_side, args.separator)
    if not args.dry_run:
        pack(packing, args.target, args.short_side, args.dataset_root, args.num_workers)
    for name, lines in packing.lists.items():
        say(f"{name}: {len(lines)} lines, the first: {lines[0]}")
    say(f"{sum(packing.sizes) / 1e9:.2f} GB {'would be written to' if args.dry_run else 'in'} {args.target}")
    return 0
