"""Adapt a MODNet to your own photographs without labels: python tools/adapt.py --config CONFIG --model_path WEIGHTS
--image_path photos
"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import shared
from matting.system.streams import say


def parse_args() -> argparse.Namespace:
    parser = shared.parser("Adapt a trained MODNet to photographs without labels (SOC).", config_required=False)
    parser.add_argument(
        "--model_path", type=shared.filled, help="the trained weights: a folder, a file, a URL, or a published name"
    )
    parser.add_argument("--image_path", type=Path, required=True, help="a folder, or a .txt list of photographs")
    parser.add_argument("--save_dir", type=Path, default=Path("output/adapted"), help="where everything is written")
    parser.add_argument("--epochs", type=shared.positive, default=10, help="times through the photographs")
    parser.add_argument("--batch_size", type=shared.positive, default=1, help="photographs a step")
    parser.add_argument("--learning_rate", type=shared.rate, default=1e-5, help="of Adam")
    parser.add_argument("--input_size", type=shared.positive, nargs=2, default=[512, 512], metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--teacher", choices=("epoch", "average"), default="epoch", help="how the teacher follows")
    parser.add_argument("--formula", choices=("authors", "paper"), default="authors", help="see docs/adapt.md")
    parser.add_argument("--patience", type=shared.positive, default=2, help="epochs in a row that may get worse")
    parser.add_argument("--do_eval", action="store_true", help="score the configuration's validation set as well")
    parser.add_argument("--resume_model", type=Path, help="go on from this checkpoint folder (iter_N)")
    shared.add_overwrite(parser)
    parser.add_argument("--use_vdl", action="store_true", help="write VisualDL logs to save_dir/vdl")
    parser.add_argument("--seed", type=shared.count, default=0, help="of the photographs' order and what is held out")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from matting.prediction.jobs import find_jobs

    values = shared.configuration(args)
    model_path = shared.required(args.model_path, "--model_path")
    photographs = [job.image for job in find_jobs(args.image_path, save_dir=args.save_dir)]

    from matting.training.adaptation import adapt
    from matting.training.student import Adaptation

    how = Adaptation(
        epochs=args.epochs,
        batch_size=args.batch_size,
        learning_rate=args.learning_rate,
        teacher=args.teacher,
        patience=args.patience,
        size=(args.input_size[0], args.input_size[1]),
        labelled=args.do_eval,
    )
    adapted = adapt(
        values, model_path, photographs, args.save_dir, how, device_name=args.device, use_vdl=args.use_vdl,
        loss={"type": "SOCLoss", "formula": args.formula}, seed=args.seed, resume_from=args.resume_model,
        overwrite=args.overwrite,
    )  # fmt: skip
    say(f"the most consistent network: {adapted}")
