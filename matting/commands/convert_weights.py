"""Other people's checkpoints into ours: python tools/convert_weights.py modnet-torch modnet.ckpt modnet.safetensors"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import shared
from matting.system.streams import say

KINDS = (
    "modnet-torch",
    "modnet-onnx",
    "shm-torch",
    "torchvision-vgg16",
    "torchvision-mobilenetv2",
    "torchvision-resnet50",
)


def parse_args() -> argparse.Namespace:
    parser = shared.bare_parser("Turn PyTorch checkpoints and MODNet's ONNX file into ours; nothing in them is run.")
    parser.add_argument("kind", choices=KINDS, help="what the checkpoint is of")
    parser.add_argument("source", type=Path, help="the checkpoint: .pth, .ckpt, .pt, .onnx, or a published name")
    parser.add_argument("target", type=Path, help="the file to write: .safetensors or .pdparams")
    parser.add_argument("--compare", type=Path, help="an .npz with the image and alpha of the checkpoint's own network")
    parser.add_argument(
        "--calibrate", type=Path, help="photographs to make a modnet-onnx network whole over, to train on"
    )
    parser.add_argument(
        "--fitting_steps", type=shared.positive, default=100, help="of the heads of training, with --calibrate"
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from matting.deployment.completion import read_pictures
    from matting.deployment.conversion import convert
    from matting.prediction.jobs import find_jobs
    from matting.system import log
    from matting.weights.download import as_published

    log.start()
    pictures = read_pictures([job.image for job in find_jobs(args.calibrate)]) if args.calibrate else []
    result = convert(args.kind, as_published(args.source), args.target, args.compare, pictures, args.fitting_steps)
    if result.left:
        more = ", ..." if len(result.left) > 10 else ""
        say(f"left behind, without a place in ours: {', '.join(result.left[:10])}{more} ({len(result.left)})")
    if result.difference is not None:
        say(f"alpha differs from the reference by at most {result.difference:.2e}")
    say(f"{result.count} arrays written to {args.target}")
