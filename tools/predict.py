"""Cut people out of photographs: python tools/predict.py --config CONFIG --model_path WEIGHTS --image_path photos/"""

from __future__ import annotations

import argparse

import _cli
import _cutting


def parse_args() -> argparse.Namespace:
    parser = _cli.parser("Cut people out of photographs.", config_required=False)
    _cutting.add_flags(parser, "output/results")
    parser.add_argument("--save", nargs="+", choices=_cutting.KINDS, default=["alpha", "rgba"], help="what is written")
    parser.add_argument(
        "--background", type=_cli.filled, help="of composites: #rrggbb, r,g,b or a picture; white if not given"
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    return _cutting.run(args, args.save, args.background)


if __name__ == "__main__":
    _cli.run(main)
