"""Cut people out of a clip or a camera: matting video clip.mp4 cutout.mov, matting video clip.mp4 out.mp4 --background
lime, matting video --camera 0 out.mp4 --background beach.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import clips, shared
from matting.errors import MattingError

_SAVED = ("alpha", "rgba", "composite")


def parse_args() -> argparse.Namespace:
    parser = shared.parser("Cut people out of a clip or a camera.", config_required=False)
    parser.add_argument("input", type=Path, nargs="?", help="a clip, or a folder of numbered frames")
    parser.add_argument(
        "output", type=Path, nargs="?", help="what is written: .mp4, .mov, .mkv, .webm, or a folder for PNG frames"
    )
    clips.add_flags(parser)
    clips.add_encoding(parser)
    parser.add_argument("--save", choices=_SAVED, help="what is written; composite with --background, else rgba")
    parser.add_argument(
        "--background", type=shared.filled, help="a colour (lime is a green screen), a picture, a clip, or blur"
    )
    parser.add_argument("--camera", type=shared.count, help="the number of a camera, instead of a clip")
    parser.add_argument("--show", action="store_true", help="show the result in a window as well")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    places = [path for path in (args.input, args.output) if path is not None]
    wanted = 2 if args.camera is None else 1
    if len(places) != wanted:
        what = "an input and an output" if wanted == 2 else "an output alone, beside --camera"
        raise MattingError(f"{len(places)} paths are given; matting video takes {what}")
    kind = args.save or ("composite" if args.background else "rgba")
    if (kind == "composite") != bool(args.background):
        raise MattingError(f"--save {kind} {'needs a' if kind == 'composite' else 'shows no'} --background")
    args.video_path = places[0]

    def results() -> list:
        from matting.video.formats import Result

        return [Result.of(places[-1], kind, args.codec, args.quality)]

    return clips.run(args, results, args.background, args.camera, args.show)
