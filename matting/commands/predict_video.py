"""Cut people out of a clip: python tools/predict_video.py --config CONFIG --model_path WEIGHTS --video_path clip.mp4"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import clips, shared
from matting.errors import MattingError

_ENDINGS = {"alpha": ".mp4", "rgba": ".mov", "composite": ".mp4"}


def parse_args() -> argparse.Namespace:
    parser = shared.parser("Cut people out of a clip.", config_required=False)
    clips.add_flags(parser)
    parser.add_argument("--video_path", type=Path, required=True, help="a clip, or a folder of numbered frames")
    parser.add_argument("--save_dir", type=Path, default=Path("output/results"), help="where everything is written")
    parser.add_argument(
        "--save", nargs="+", type=shared.filled, default=["alpha", "rgba"], metavar="KIND[.ENDING]",
        help="alpha, rgba and composite, each with an ending: alpha.mp4 rgba.mov; .png is a folder of frames",
    )  # fmt: skip
    parser.add_argument("--background", type=shared.filled, help="of composites: a colour, a picture, a clip, or blur")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    wanted = [word.partition(".")[::2] for word in args.save]
    kinds = [kind for kind, _ in wanted]
    if len(set(kinds)) < len(kinds):
        raise MattingError(f"--save {' '.join(args.save)} names a kind twice; give each once")
    if bool(args.background) != ("composite" in kinds):
        raise MattingError("--background is shown by composite alone, and composite needs one; give both or neither")

    def results() -> list:
        from matting.video.formats import FRAMES, KINDS, Result

        found = []
        for kind, ending in wanted:
            if kind not in KINDS:
                raise MattingError(f"--save {kind}: it must be one of {', '.join(KINDS)}")
            ending = f".{ending}" if ending else _ENDINGS[kind]
            name = f"{args.video_path.stem}_{kind}{'' if ending == FRAMES else ending}"
            found.append(Result.of(args.save_dir / name, kind))
        return found

    return clips.run(args, results, args.background)
