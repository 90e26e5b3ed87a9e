"""Cut people out of photographs: python tools/predict.py --config CONFIG --model_path WEIGHTS --image_path photos/"""

from __future__ import annotations

import argparse

from matting.choices import KINDS
from matting.commands import cutting, shared


def parse_args() -> argparse.Namespace:
    parser = shared.parser("Cut people out of photographs.", config_required=False)
    cutting.add_flags(parser, "output/results")
    parser.add_argument("--save", nargs="+", choices=KINDS, default=["alpha", "rgba"], help="what is written")
    parser.add_argument(
        "--background", type=shared.filled, help="of composites: #rrggbb, r,g,b or a picture; white if not given"
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    return cutting.run(args, args.save, args.background)
