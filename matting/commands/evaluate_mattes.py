"""Score mattes: python tools/evaluate_mattes.py --alpha true_mattes --pred mattes --report report.html"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from matting.commands import shared
from matting.system.streams import say

if TYPE_CHECKING:
    import numpy as np

    from matting.evaluation.table import Evaluation


def parse_args() -> argparse.Namespace:
    parser = shared.bare_parser("Score mattes, whatever made them, against the true ones: folders of them, or clips.")
    parser.add_argument("--alpha", type=Path, required=True, help="the folder of true mattes, or a clip of them")
    parser.add_argument(
        "--pred", type=Path, required=True, help="the folder of mattes, paired by relative path; or a clip"
    )
    parser.add_argument("--trimap", type=Path, help="the folder of trimaps; default: made from the true mattes")
    parser.add_argument("--image", type=Path, help="the folder of photographs, or the clip, for the report")
    parser.add_argument("--score_workers", type=shared.workers, help="processes; default: one a core")
    parser.add_argument("--csv", type=Path, help="write one row an image here")
    parser.add_argument("--report", type=Path, help="write plots, the worst and the best images here, as .html")
    shared.add_scoring(parser)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from matting.evaluation.publication import write_evaluation
    from matting.system import atomic

    for flag, file, ending in (("--csv", args.csv, ".csv"), ("--report", args.report, ".html")):
        # Else a matte or a list that was named by mistake would be written over.
        if file is not None and file.suffix.lower() != ending:
            raise shared.MattingError(f"{flag} {file} does not end in {ending}; give it that ending")
    for file in filter(None, (args.csv, args.report)):
        atomic.make_folder(file.parent)
    result, players = _of_clips(args) if args.alpha.is_file() or args.pred.is_file() else (_of_folders(args), {})
    say(*result.table().split("\n"))
    if args.csv:
        result.write_csv(args.csv)
        say(f"one row an image: {args.csv}")
    if args.report:
        facts = [("mattes", str(args.pred)), ("truth", str(args.alpha))]
        write_evaluation(result, args.report, title=f"Mattes of {args.pred.name}", facts=facts, players=players)
        say(f"look at {args.report}")


def _of_folders(args: argparse.Namespace) -> Evaluation:
    from matting.evaluation.folders import find_pairs, score_folder

    pairs = find_pairs(args.alpha, args.pred, args.trimap, args.image)
    return score_folder(
        pairs,
        protocol=args.protocol,
        names=args.metrics,
        workers=_workers(args, len(pairs)),
        with_panels=args.report is not None,
    )


def _of_clips(args: argparse.Namespace) -> tuple[Evaluation, dict[str, list[Path]]]:
    """Return the scores of a clip of mattes, and its files that browsers play."""
    from matting.evaluation.clips import Footage, score_clips
    from matting.pictures.files import read_alpha, read_image
    from matting.video.clip import Clip
    from matting.video.frame_folder import in_order

    if args.trimap is not None:
        raise shared.MattingError(f"--trimap {args.trimap}: clips are scored over the whole frame; leave it out")
    clips = {path: Clip(path) for path in (args.image, args.alpha, args.pred) if path is not None and not path.is_dir()}

    def mattes(path: Path) -> Iterable[np.ndarray]:
        return clips[path].mattes() if path in clips else map(read_alpha, in_order(path))

    images: Iterable[np.ndarray] | None = None
    if args.image is not None:
        shown = clips.get(args.image)
        images = (frame.image for frame in shown.frames()) if shown else map(read_image, in_order(args.image))
    expected = max(round((clip.seconds or 0) * clip.rate) for clip in clips.values())
    footage = Footage(args.pred.name, mattes(args.alpha), mattes(args.pred), images, expected)
    result = score_clips(
        [footage],
        protocol=args.protocol,
        names=args.metrics,
        workers=_workers(args, expected),
        with_panels=args.report is not None,
    )
    for clip in clips.values():
        for found in clip.findings.told(clip.path, clip.rate):
            shared.say_notice(found)
    return result, {args.pred.name: [path for path, clip in clips.items() if clip.plays_in_browsers()]}


def _workers(args: argparse.Namespace, most: int) -> int:
    from matting.system import cpu

    return min(cpu.threads(), most) if args.score_workers is None else args.score_workers
