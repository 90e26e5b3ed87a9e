"""Make trimaps from masks or mattes: python tools/make_trimap.py --alpha_path masks/ --save_dir trimaps/"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import shared
from matting.system.streams import say


def parse_args() -> argparse.Namespace:
    parser = shared.bare_parser("Make trimaps from masks or mattes, mirroring their folders.")
    parser.add_argument("--alpha_path", type=Path, required=True, help="a mask, a folder, or a .txt list of masks")
    parser.add_argument("--save_dir", type=Path, default=Path("output/trimaps"), help="where they are written")
    parser.add_argument("--kernel", type=shared.positive, default=25, help="diameter of the unknown ellipse in pixels")
    parser.add_argument("--iterations", type=shared.positive, default=1, help="how often the ellipse is applied")
    parser.add_argument(
        "--relative", type=shared.share, default=0.0, help="diameter as a share of the object's size instead"
    )
    parser.add_argument("--tolerance", type=shared.share, default=0.0, help="values so near to 0 and 1 count as known")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from matting.prediction.jobs import find_jobs
    from matting.prediction.trimap_files import make_trimaps
    from matting.system import log

    log.start()
    jobs = find_jobs(args.alpha_path, save_dir=args.save_dir, of_results=True)
    summary = make_trimaps(
        jobs, args.save_dir, args.kernel, args.iterations, args.relative, args.tolerance, shared.say_skipped
    )
    say(f"{summary.written} of {len(jobs)} trimaps made, in {args.save_dir}")
    return 1 if summary.failures else 0
