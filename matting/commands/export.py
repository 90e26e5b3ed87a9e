"""Write a network for other programs: python tools/export.py --config CONFIG --model_path WEIGHTS --save_dir folder"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matting.commands import shared
from matting.system.streams import say

if TYPE_CHECKING:
    from matting.sample import PictureFiles


def parse_args() -> argparse.Namespace:
    parser = shared.parser(
        "Write a network as ONNX and as Paddle's static program, verified, with deploy.yml.", config_required=False
    )
    shared.add_weights(parser)
    parser.add_argument("--save_dir", type=Path, default=Path("output/export"), help="a folder that is new or empty")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument(
        "--input_size",
        type=shared.positive,
        nargs=2,
        metavar=("WIDTH", "HEIGHT"),
        help="the only size; default: any",
    )
    sizes.add_argument(
        "--input_shape",
        type=_side,
        nargs=4,
        metavar=("N", "3", "HEIGHT", "WIDTH"),
        help="the same in PaddleSeg's words; -1 is free, and N always stays so",
    )
    parser.add_argument("--trimap", action="store_true", help="state that the network takes one; it is known anyway")
    parser.add_argument("--calibrate", type=Path, metavar="IMAGES", help="add an int8 version, tuned on these pictures")
    parser.add_argument(
        "--calibrate_alpha", type=Path, metavar="MATTES", help="their true mattes, which then decide on int8"
    )
    return parser.parse_args()


def _side(text: str) -> int:
    return -1 if text == "-1" else shared.positive(text)


def _size(args: argparse.Namespace) -> tuple[int, int] | None:
    """Return (height, width) of the only input, None for any."""
    if args.input_size:
        return args.input_size[1], args.input_size[0]
    _, channels, height, width = args.input_shape or (-1, 3, -1, -1)
    given = " ".join(map(str, args.input_shape or ()))
    if channels != 3:
        raise shared.MattingError(f"--input_shape {given}: pictures have 3 channels; write N 3 HEIGHT WIDTH")
    if (height == -1) != (width == -1):
        raise shared.MattingError(f"--input_shape {given}: height and width are both free, or both given")
    return None if height == -1 else (height, width)


def pictures(images: Path | None, alphas: Path | None) -> list[PictureFiles]:
    """Return the pictures that int8 is tuned on, with their mattes where a folder of those is given."""
    from matting.pictures.pairing import by_unique_key, partners
    from matting.prediction.jobs import find_jobs

    flag = f"--calibrate_alpha {alphas}"
    if alphas is None:
        return find_jobs(images) if images else []
    if images is None or not images.is_dir():
        raise shared.MattingError(f"{flag}: --calibrate must name the folder of photographs that these belong to")
    jobs = find_jobs(images)
    names = [job.image.relative_to(images) for job in jobs]
    found = partners(names, by_unique_key(alphas, flag), flag, "photographs", "matte", "add them")
    return [replace(job, alpha=alpha) for job, alpha in zip(jobs, found, strict=True)]


def main() -> None:
    args = parse_args()
    if args.model_path is None:
        raise shared.MattingError("--model_path is missing: name the weights to export")
    size = _size(args)
    from matting.system import log

    log.start()
    values = shared.configuration(args)
    from matting import builder
    from matting.deployment.export import export

    files = pictures(args.calibrate, args.calibrate_alpha)
    network: Any = builder.check_component("model", builder.section(values, "model"), "model")
    if args.trimap and "trimap" not in network.inputs:
        raise shared.MattingError(f"--trimap: {values['model']['type']} takes no trimap; leave it out")
    exported = export(values, args.model_path, args.save_dir, size, args.partial)
    how = "on average" if exported.average else "at most"
    for engine, difference in exported.differences.items():
        say(f"{engine}: {how} {difference:.1e} off, compared with the network in float64")
    if files:
        from matting.deployment.quantisation import calibrate

        say(calibrate(exported.folder, files))
    say(f"written to {exported.folder}")
