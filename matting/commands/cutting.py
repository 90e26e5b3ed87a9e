"""The flags and the run that predict.py and bg_replace.py share."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from matting.commands import shared
from matting.system.streams import say

_logger = logging.getLogger(__name__)

ESTIMATES = ("blur_fusion", "multilevel", "none")
_SWITCH = {"True": ESTIMATES[0], "False": "none"}
"""PaddleSeg's words for the usual estimate and for none."""

KINDS = ("alpha", "rgba", "composite", "side_by_side", "trimap")


def add_flags(parser: argparse.ArgumentParser, save_dir: str) -> None:
    """Add the flags of a tool that cuts out photographs; its `--config` may be left out for an export."""
    shared.add_weights(parser)
    shared.add_engine(parser, "auto")
    parser.add_argument("--image_path", type=Path, required=True, help="an image, a folder, or a .txt list of images")
    parser.add_argument("--trimap_path", type=Path, help="a trimap, or a folder or list that mirrors the images")
    parser.add_argument(
        "--trimap_from", type=shared.filled, metavar="CONFIG:WEIGHTS", help="a network without trimap that draws them"
    )
    parser.add_argument(
        "--tile_size", type=shared.count, default=256, help="with a trimap: bounds memory; 0 is no tiles"
    )
    parser.add_argument("--tile_margin", type=shared.count, default=128, help="pixels that a tile sees around itself")
    parser.add_argument("--save_dir", type=Path, default=Path(save_dir), help="where everything is written")
    parser.add_argument(
        "--fg_estimate",
        type=lambda text: _SWITCH.get(text, text),
        choices=ESTIMATES,
        default=ESTIMATES[0],
        help="how halos are removed; True stands for the default, False for none",
    )
    parser.add_argument("--keep_hidden_colours", action="store_true", help="leave in cutouts what alpha 0 hides")
    parser.add_argument("--skip_existing", action="store_true", help="leave out what results.jsonl says is done")
    parser.add_argument("--num_workers", type=shared.workers, default=1, help="threads that decode; as many write")


def run(args: argparse.Namespace, kinds: list[str], background: str | None = None) -> int:
    """Cut out everything that the flags name; return the exit status."""
    from matting.deployment.loading import Runtime, configuration, make_predictor, trimap_drawer
    from matting.prediction.jobs import find_jobs
    from matting.prediction.outputs import Outputs
    from matting.prediction.pipeline import predict
    from matting.prediction.provenance import made_with
    from matting.system import log, ranks
    from matting.weights.published import DEFAULT, PUBLISHED

    log.start()
    shared.find_export(args)
    outputs = Outputs.parse(kinds, args.fg_estimate, background, args.keep_hidden_colours)
    if args.model_path is None and args.config is None:
        args.model_path = DEFAULT
        _logger.info(
            "no --model_path: %s is used (%s; %s)", DEFAULT, PUBLISHED[DEFAULT].what, PUBLISHED[DEFAULT].licence
        )
    values = configuration(args.model_path, args.config, args.opts)
    unlisted: list[str] = []
    every = find_jobs(args.image_path, args.trimap_path, args.save_dir, unlisted)
    for folder in unlisted if ranks.rank() == 0 else []:
        shared.say_skipped(folder)
    jobs = ranks.share(every)
    runtime = Runtime(args.engine, args.precision, args.device, args.threads, args.tile_size, args.tile_margin)
    predictor = make_predictor(values, args.model_path, runtime, args.partial)
    drawer = trimap_drawer(args.trimap_from, runtime) if args.trimap_from else None
    if predictor.takes_trimap and not (args.trimap_path or drawer):
        raise shared.MattingError(
            f"{args.config or args.model_path} needs a trimap for every image; give --trimap_path "
            "(matting make_trimap makes them from masks), or let a network draw them: --trimap_from "
            "MODNET_CONFIG:WEIGHTS"
        )
    if "trimap" in kinds and not predictor.draws_trimap:
        raise shared.MattingError("--save trimap: this network draws no trimap inside, only SHM does; leave it out")
    summary = predict(
        predictor, jobs, args.save_dir, args.num_workers, outputs, drawer, args.skip_existing,
        made_with=made_with(values, args.model_path, runtime, args.trimap_from),
        inputs=[path for job in every for path in job.paths], tell=shared.say_skipped,
    )  # fmt: skip
    there = f", {summary.skipped} were there already" if summary.skipped else ""
    share = f" of process {ranks.rank()}" if ranks.ranks() > 1 else ""
    say(f"{summary.written} of {len(jobs)} pictures{share} cut out{there}, in {args.save_dir}")
    if summary.written:
        say(summary.timing())
    return 1 if unlisted or summary.failures else 0
