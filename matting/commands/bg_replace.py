"""Put people before another background: python tools/bg_replace.py --config CONFIG --model_path WEIGHTS --image_path
photos/ --background beach.jpg
"""

from __future__ import annotations

import argparse

from matting.commands import cutting, shared


def parse_args() -> argparse.Namespace:
    parser = shared.parser("Put people before another background.", config_required=False)
    cutting.add_flags(parser, "output/replaced")
    parser.add_argument(
        "--background", type=shared.filled, default="g", help="transparent, r, g, b, w, #rrggbb, r,g,b, or a picture"
    )
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    if args.background == "transparent":
        return cutting.run(args, ["rgba"])
    return cutting.run(args, ["composite"], args.background)
