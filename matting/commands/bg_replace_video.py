"""Put people of a clip before another background: python tools/bg_replace_video.py --config CONFIG --model_path WEIGHTS
--video_path clip.mp4 --background beach.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import clips, shared


def parse_args() -> argparse.Namespace:
    parser = shared.parser("Put people of a clip before another background.", config_required=False)
    clips.add_flags(parser)
    clips.add_encoding(parser)
    parser.add_argument("--video_path", type=Path, required=True, help="a clip, or a folder of numbered frames")
    parser.add_argument("--save_dir", type=Path, default=Path("output/replaced"), help="where everything is written")
    parser.add_argument(
        "--background", type=shared.filled, default="g",
        help="a colour (r, g, b, w, names, #rrggbb), a picture, a folder of them, a clip, which is looped, or blur",
    )  # fmt: skip
    return parser.parse_args()


def main() -> int:
    args = parse_args()

    def results() -> list:
        from matting.video.formats import Result

        path = args.save_dir / f"{args.video_path.stem}_composite.mp4"
        return [Result.of(path, "composite", args.codec, args.quality)]

    return clips.run(args, results, args.background)
