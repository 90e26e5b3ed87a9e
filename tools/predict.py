"""Cut people out of photographs: python tools/predict.py --config CONFIG --model_path WEIGHTS --image_path photos/"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import _cli


def parse_args() -> argparse.Namespace:
    parser = _cli.parser("Cut people out of photographs.")
    parser.add_argument("--model_path", help="a checkpoint folder, or a .pdparams file")
    parser.add_argument("--image_path", type=Path, required=True, help="an image, a folder, or a .txt list of images")
    parser.add_argument("--trimap_path", type=Path, help="a trimap, or a folder of them that mirrors the images")
    parser.add_argument("--save_dir", type=Path, default=Path("output/results"), help="for _alpha.png and _rgba.png")
    parser.add_argument("--num_workers", type=int, default=1, help="threads that read ahead")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from matting import config

    values = config.load(args.config, args.opts)

    from matting.core.predict import find_jobs, predict
    from matting.core.workflow import begin, make_predictor

    jobs = find_jobs(args.image_path, args.trimap_path)
    begin(values, args.device)
    summary = predict(make_predictor(values, args.model_path), jobs, args.save_dir, args.num_workers)
    print(f"{summary.written} of {len(jobs)} pictures cut out, in {args.save_dir}")
    for failure in summary.failures:
        print(f"skipped: {failure}", file=sys.stderr)
    return 1 if summary.failures else 0


if __name__ == "__main__":
    _cli.run(main)
