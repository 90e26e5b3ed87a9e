"""See the whole of it in a few minutes: python tools/demo.py cuts out real people, then trains on drawn ones."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import _door
from matting.commands import shared

CONFIGS = Path(__file__).resolve().parents[1] / "configs/quick_start"
FINE_TUNING, FROM_SCRATCH = CONFIGS / "modnet-fine_tuning.yml", CONFIGS / "modnet-mobilenetv2.yml"


def parse_args() -> argparse.Namespace:
    parser = shared.parser(
        "Cut out real people with the MODNet authors' network, then train it on drawn ones; without that network, "
        "train another one from scratch.",
        config_required=False,
    )
    parser.add_argument("--iters", type=shared.positive, help="iterations to train, instead of the configuration's")
    parser.add_argument("--save_dir", type=Path, default=Path("output/demo"), help="where everything is written")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from matting import builder, config
    from matting.system import log

    # Whichever is trained in the end: what is wrong with the flags is told before any work.
    choices = [args.config] if args.config else [FINE_TUNING, FROM_SCRATCH]
    loaded = [config.load(path, args.opts, iters=args.iters) for path in choices]
    for values in loaded:
        builder.check_training(values)
    log.start()
    started = time.perf_counter()
    sheet = act_one(args)
    between = time.perf_counter()

    from demo.story import train_on_drawn_people

    outcome = train_on_drawn_people(loaded[0] if sheet else loaded[-1], args.save_dir, args.device)
    ended = time.perf_counter()
    shared.say("", *outcome.table().split("\n"), "")
    shared.say(f"act one    {between - started:.0f} s: {sheet}" if sheet else "act one    left out")
    shared.say(f"act two    {ended - between:.0f} s: {outcome.contact_sheet}")
    shared.say(f"cutouts    {args.save_dir / 'cutouts'}")
    shared.say(f"scores     {args.save_dir / 'metrics.csv'}, a row an image")
    network = "" if sheet else f" --model_path {outcome.weights}"
    shared.say("your own pictures:", f"  python tools/predict.py{network} --image_path YOUR_FOLDER")


def act_one(args: argparse.Namespace) -> Path | None:
    """Cut out photographs of people; return the sheet, or None where the network cannot be had."""
    from demo.photographs import cut_out_people
    from matting import load
    from matting.weights.published import DEFAULT

    try:
        predictor = load(DEFAULT, device=args.device)
    except shared.MattingError as error:
        shared.say(f"act one is left out, and act two trains from scratch: {error}")
        return None
    sheet = cut_out_people(predictor, args.save_dir)
    shared.say(f"real people, cut out: look at {sheet}")
    return sheet


if __name__ == "__main__":
    _door.run(main)
