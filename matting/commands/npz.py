"""Pictures as .npz inputs for other toolchains, and their results back: python tools/npz.py pack --model_path exported
--image_path photos --save_dir inputs
"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import shared
from matting.system.streams import say


def parse_args() -> argparse.Namespace:
    parser = shared.bare_parser(
        "Photographs to .npz inputs (pack), an export on them (run), results to mattes (unpack)."
    )
    parser.add_argument("action", choices=("pack", "run", "unpack"))
    parser.add_argument("--model_path", type=Path, required=True, help="a folder that matting export made")
    shared.add_engine(parser, "auto")
    parser.add_argument("--image_path", type=Path, help="pack, unpack: an image, a folder, or a .txt list")
    parser.add_argument("--trimap_path", type=Path, help="a trimap, or a folder or list that mirrors the images")
    parser.add_argument("--datalist", type=Path, help="run: the list that pack wrote")
    parser.add_argument("--results", type=Path, help="unpack: the folder of .npz with alpha")
    parser.add_argument("--save_dir", type=Path, required=True, help="where everything is written")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from matting.deployment.description import open_predictor
    from matting.prediction import arrays
    from matting.prediction.jobs import find_jobs

    predictor = open_predictor(args.model_path, args.engine, args.precision, args.threads)
    if args.action == "run":
        datalist = Path(shared.required(args.datalist, "--datalist"))
        say(f"{arrays.run(predictor.network, datalist, args.save_dir)} results in {args.save_dir}")
        return
    jobs = find_jobs(Path(shared.required(args.image_path, "--image_path")), args.trimap_path, args.save_dir)
    if args.action == "pack":
        say(f"{len(jobs)} inputs, listed in {arrays.pack(predictor, jobs, args.save_dir)}")
    else:
        results = Path(shared.required(args.results, "--results"))
        say(f"{arrays.unpack(predictor, jobs, results, args.save_dir)} mattes in {args.save_dir}")
