"""Cut people out of photographs: python tools/predict.py --config CONFIG --model_path WEIGHTS --image_path photos/"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import _cli


def parse_args() -> argparse.Namespace:
    parser = _cli.parser("Cut people out of photographs.")
    _cli.add_weights(parser)
    parser.add_argument("--image_path", type=Path, required=True, help="an image, a folder, or a .txt list of images")
    parser.add_argument("--trimap_path", type=Path, help="a trimap, or a folder or list that mirrors the images")
    parser.add_argument("--trimap_from", metavar="CONFIG:WEIGHTS", help="a network without trimap that draws them")
    parser.add_argument("--tile_size", type=int, default=256, help="with a trimap: bounds memory; 0 is no tiles")
    parser.add_argument("--tile_margin", type=int, default=128, help="pixels that a tile sees around itself")
    parser.add_argument("--save_dir", type=Path, default=Path("output/results"), help="for _alpha.png and _rgba.png")
    parser.add_argument("--num_workers", type=int, default=1, help="threads that read ahead")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from matting import config

    values = config.load(args.config, args.opts)

    from matting.core.jobs import find_jobs
    from matting.core.predict import predict
    from matting.core.workflow import begin, make_predictor, trimap_drawer

    begin(values, args.device)
    jobs = find_jobs(args.image_path, args.trimap_path, args.save_dir)
    drawer = trimap_drawer(args.trimap_from) if args.trimap_from else None
    predictor = make_predictor(values, args.model_path, args.tile_size, args.tile_margin, args.partial)
    if "trimap" in predictor.network.inputs and not (args.trimap_path or drawer):
        raise _cli.MattingError(
            f"{args.config} needs a trimap for every image; give --trimap_path (tools/make_trimap.py makes them from "
            "masks), or let a network draw them: --trimap_from MODNET_CONFIG:WEIGHTS"
        )
    summary = predict(predictor, jobs, args.save_dir, args.num_workers, draw_trimap=drawer)
    print(f"{summary.written} of {len(jobs)} pictures cut out, in {args.save_dir}")
    for failure in summary.failures:
        print(f"skipped: {failure}", file=sys.stderr)
    return 1 if summary.failures else 0


if __name__ == "__main__":
    _cli.run(main)
