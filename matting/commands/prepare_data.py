"""Prepare a data set for training: python tools/prepare_data.py ppm100 --source PPM-100 --target data/PPM-100"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from matting.commands import shared
from matting.system import cpu
from matting.system.streams import say

SETS = ("ppm100", "p3m10k", "composition1k", "distinctions646", "aim500", "aisegment", "folders")


def parse_args() -> argparse.Namespace:
    parser = shared.bare_parser(
        "Bring a data set into the folders and lists that the other tools read; see docs/data.md."
    )
    parser.add_argument("set", choices=SETS, help="which set; folders is for anybody's images and mattes, or cutouts")
    parser.add_argument("--source", type=Path, required=True, help="where the set was unpacked; it is not changed")
    parser.add_argument("--target", type=Path, required=True, help="a new folder, or one to go on with")
    parser.add_argument("--dry_run", action="store_true", help="say what would be made, and stop")
    parser.add_argument(
        "--split", type=shared.filled, help="shares of train, val and test, as 6:2:2; published parts stay as they are"
    )
    parser.add_argument("--seed", type=shared.count, default=0, help="of the split and every other draw")
    parser.add_argument("--backgrounds", type=Path, help="pictures to composite over, in training")
    parser.add_argument("--test_backgrounds", type=Path, help="pictures to composite over, in testing")
    parser.add_argument("--extend", action="store_true", help="continue foreground colours under alpha 0, into PNGs")
    parser.add_argument("--trimap", choices=("none", "fixed", "random"), help="trimaps to make where the set has none")
    parser.add_argument("--kernel", type=shared.positive, help="diameter of a fixed trimap's ellipse in pixels")
    parser.add_argument(
        "--tolerance", type=shared.share, help="alpha this near to 0 or 1 is known, in trimaps that are made"
    )
    parser.add_argument("--debug", type=shared.count, default=0, help="also lists of so many pictures, PART_debug.txt")
    parser.add_argument("--mean_std", action="store_true", help="measure the pixels of train and val, mean_std.json")
    parser.add_argument("--images", type=shared.filled, help="folders: the photographs' folder below --source")
    parser.add_argument("--alphas", type=shared.filled, help="folders: the mattes'")
    parser.add_argument("--trimaps", type=shared.filled, help="folders: the trimaps'")
    parser.add_argument("--alpha_suffix", default="", help="folders: what the mattes' names end in, as _matte")
    parser.add_argument("--num_workers", type=shared.workers, default=cpu.cores(), help="pictures worked on at a time")
    parser.add_argument("--strict", action="store_true", help="exit with status 1 if a file was dropped")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    import cv2

    from matting.curation.preparation import SETS as RECIPES
    from matting.curation.preparation.execution import dry_run, make_plan, prepare
    from matting.curation.preparation.plan import Choices
    from matting.curation.preparation.splitting import parse_shares
    from matting.system import log

    log.start()
    cv2.setNumThreads(1)  # pictures go side by side; threads within each would only be in the way
    recipe = RECIPES[args.set]
    choices = Choices(
        split=parse_shares(args.split) if args.split else None,
        seed=args.seed,
        backgrounds=args.backgrounds,
        test_backgrounds=args.test_backgrounds,
        images=args.images,
        alphas=args.alphas,
        trimaps=args.trimaps,
        alpha_suffix=args.alpha_suffix,
        trimap=args.trimap or recipe.trimap,
        kernel=args.kernel or recipe.kernel,
        tolerance=recipe.tolerance if args.tolerance is None else args.tolerance,
        masks=recipe.masks,
        extend=args.extend,
    )
    plan = make_plan(recipe, args.source, choices)
    if args.dry_run:
        outcome = dry_run(plan)
    else:
        outcome = prepare(
            args.set, plan, args.source, args.target, choices,
            debug=args.debug, mean_std=args.mean_std, num_workers=args.num_workers,
        )  # fmt: skip
    for line in outcome.dropped:
        say(f"dropped: {line}", stream=sys.stderr)
    for line in outcome.notes:
        say(f"note: {line}", stream=sys.stderr)
    for part, count in outcome.pictures.items():
        say(f"{part}: {count} pictures")
    for name, lines in outcome.lists.items():
        say(f"{name}.txt: {len(lines)} lines, the first: {lines[0] if lines else '(none)'}")
    for layer, value in outcome.statistics.items():
        levels = [round(255 * mean) for mean in value.mean], [round(255 * std) for std in value.std]
        say(f"{layer}: mean {value.mean} {levels[0]}, std {value.std} {levels[1]}, of {value.pictures} pictures")
    say(f"{len(outcome.dropped)} files dropped; {'nothing was written' if args.dry_run else f'in {args.target}'}")
    return 1 if args.strict and outcome.dropped else 0
