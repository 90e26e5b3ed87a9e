"""Put people before another background: python tools/bg_replace.py --config CONFIG --model_path WEIGHTS --image_path
photos/ --background beach.jpg
"""

from __future__ import annotations

import argparse

import _cli
import _cutting


def parse_args() -> argparse.Namespace:
    parser = _cli.parser("Put people before another background.", config_required=False)
    _cutting.add_flags(parser, "output/replaced")
    parser.add_argument(
        "--background", type=_cli.filled, required=True, help="transparent, #rrggbb, r,g,b, or a picture"
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    if args.background == "transparent":
        return _cutting.run(args, ["rgba"])
    return _cutting.run(args, ["composite"], args.background)


if __name__ == "__main__":
    _cli.run(main)
