"""Write a network for other programs: python tools/export.py --config CONFIG --model_path WEIGHTS --save_dir folder"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import shared
from matting.system.streams import say


def parse_args() -> argparse.Namespace:
    parser = shared.parser(
        "Write a network as ONNX and as Paddle's static program, verified, with deploy.yml.", config_required=False
    )
    shared.add_weights(parser)
    parser.add_argument("--save_dir", type=Path, default=Path("output/export"), help="a folder that is new or empty")
    parser.add_argument(
        "--input_size",
        type=shared.positive,
        nargs=2,
        metavar=("WIDTH", "HEIGHT"),
        help="the only size; default: any",
    )
    parser.add_argument("--calibrate", type=Path, metavar="IMAGES", help="add an int8 version, tuned on these pictures")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.model_path is None:
        raise shared.MattingError("--model_path is missing: name the weights to export")
    from matting.system import log

    log.start()
    values = shared.configuration(args)
    from matting.deployment.export import export
    from matting.prediction.jobs import find_jobs

    images = [job.image for job in find_jobs(args.calibrate)] if args.calibrate else []
    size = (args.input_size[1], args.input_size[0]) if args.input_size else None
    exported = export(values, args.model_path, args.save_dir, size, args.partial)
    how = "on average" if exported.average else "at most"
    for engine, difference in exported.differences.items():
        say(f"{engine}: alpha is {how} {difference:.1e} off, compared with the network in float64")
    if images:
        from matting.deployment.quantisation import calibrate

        say(calibrate(exported.folder, images))
    say(f"written to {exported.folder}")
