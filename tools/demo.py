"""See the whole of it in a few minutes: python tools/demo.py draws people, trains on them, cuts them out."""

from __future__ import annotations

import argparse
from pathlib import Path

import _door
from matting.commands import shared

CONFIG = Path(__file__).resolve().parents[1] / "configs/quick_start/modnet-mobilenetv2.yml"


def parse_args() -> argparse.Namespace:
    parser = shared.parser("Draw people, train on them, score the network and cut them out.", config=CONFIG)
    parser.add_argument("--iters", type=shared.positive, help="iterations to train, instead of the configuration's")
    parser.add_argument("--save_dir", type=Path, default=Path("output/demo"), help="where everything is written")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from matting import config

    values = config.load(args.config, args.opts, iters=args.iters)

    from demo.story import run_demo

    outcome = run_demo(values, args.save_dir, args.device)
    weights = args.save_dir / "training" / f"iter_{values['iters']}"
    shared.say("", *outcome.table().split("\n"), "")
    shared.say(f"look at         {outcome.contact_sheet}")
    shared.say(f"cutouts         {args.save_dir / 'cutouts'}")
    shared.say(f"a row an image  {args.save_dir / 'metrics.csv'}")
    shared.say("your own pictures:")
    shared.say(f"  python tools/predict.py --config {args.config} --model_path {weights} --image_path YOUR_FOLDER")


if __name__ == "__main__":
    _door.run(main)
