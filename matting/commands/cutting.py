"""What the commands that cut out share: flags, the network that they name, and the run of predict and bg_replace."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matting.choices import ESTIMATES
from matting.commands import shared
from matting.engines.table import DEVICES, PRECISIONS
from matting.system.streams import say

if TYPE_CHECKING:
    import numpy as np

    from matting.deployment.loading import Runtime
    from matting.prediction.jobs import Failure, Summary
    from matting.prediction.outputs import Outputs
    from matting.prediction.pipeline import Visitor
    from matting.prediction.requests import Request
    from matting.predictor import Predictor
    from matting.sample import PictureFiles

_logger = logging.getLogger(__name__)

_SWITCH = {"True": ESTIMATES[0], "False": "none"}
"""PaddleSeg's words for the usual estimate and for none."""


def add_flags(parser: argparse.ArgumentParser, save_dir: str) -> None:
    """Add the flags of a tool that cuts out photographs; its `--config` may be left out for an export."""
    shared.add_weights(parser)
    shared.add_engine(parser, "auto", (*PRECISIONS, "auto"))
    shared.add_refine(parser)
    parser.add_argument("--image_path", type=Path, required=True, help="an image, a folder, or a .txt list of images")
    parser.add_argument("--save_dir", type=Path, default=Path(save_dir), help="where everything is written")
    parser.add_argument("--skip_existing", action="store_true", help="leave out what results.jsonl says is done")
    add_matte_flags(parser)


def add_network(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name the network and how it is run; none of them must be given."""
    group = parser.add_argument_group("network")
    group.add_argument(
        "--weights", "--model_path", dest="model_path", type=shared.filled, metavar="WEIGHTS",
        help="a name that matting weights list shows, a folder, a file or a URL; if not given: modnet-photographic",
    )  # fmt: skip
    group.add_argument("--config", type=Path, help="for a file of weights that does not state its own")
    group.add_argument("--opts", nargs="+", default=[], metavar="KEY=VALUE", help="change the configuration")
    group.add_argument("--partial", action="store_true", help="take weights that fit in part only")
    group.add_argument("--device", default="auto", choices=DEVICES, help="auto takes a GPU if any")
    shared.add_engine(group, "auto", (*PRECISIONS, "auto"))
    shared.add_refine(group, "fast")


def add_matte_flags(parser: argparse._ActionsContainer, with_trimaps: bool = True) -> None:
    """Add the flags that say how mattes and foregrounds are found.

    Args:
        with_trimaps: files of trimaps may be named.
    """
    if with_trimaps:
        parser.add_argument("--trimap_path", type=Path, help="a trimap, or a folder or list that mirrors the images")
    parser.add_argument(
        "--trimap_from", type=shared.filled, metavar="CONFIG:WEIGHTS", help="a network without trimap that draws them"
    )
    parser.add_argument(
        "--tile_size", type=shared.count, default=256, help="with a trimap: bounds memory; 0 is no tiles"
    )
    parser.add_argument("--tile_margin", type=shared.count, default=128, help="pixels that a tile sees around itself")
    add_estimate(parser)
    parser.add_argument("--keep_hidden_colours", action="store_true", help="leave in cutouts what alpha 0 hides")
    parser.add_argument("--num_workers", type=shared.workers, default=1, help="threads that decode; as many write")


def add_estimate(parser: argparse._ActionsContainer) -> None:
    """Add the flag that says how the foreground's colours are found."""
    parser.add_argument(
        "--fg_estimate",
        type=lambda text: _SWITCH.get(text, text),
        choices=ESTIMATES,
        default=ESTIMATES[0],
        help="how halos are removed; True stands for the default, False for none",
    )


@dataclass(frozen=True)
class Cutter:
    """What cuts out, and how it is noted beside the results."""

    predictor: Predictor
    drawer: Callable[[np.ndarray], np.ndarray] | None
    made_with: Mapping[str, Any]


def open_network(
    args: argparse.Namespace, photographs: Sequence[Path] = ()
) -> tuple[Predictor, Mapping[str, Any] | None, Runtime]:
    """Return the network that the flags name, its configuration and how it is run.

    Without `--model_path` and `--config` it is the one for photographs.

    Args:
        photographs: that will be cut out, by which `--precision auto` is settled.
    """
    from matting.deployment.loading import Runtime, configuration, make_predictor, settled

    take_default(args)
    values = configuration(args.model_path, args.config, args.opts)
    runtime = Runtime(
        args.engine, args.precision, args.device, args.threads, args.tile_size, args.tile_margin, args.refine
    )
    runtime = settled(values, args.model_path, runtime, photographs, args.partial)
    return make_predictor(values, args.model_path, runtime, args.partial), values, runtime


def open_cutter(args: argparse.Namespace, kinds: Sequence[str], photographs: Sequence[Path] = ()) -> Cutter:
    """Return what cuts out by the network that the flags name; arguments as for `open_network`."""
    from matting.deployment.loading import trimap_drawer
    from matting.prediction.provenance import made_with

    predictor, values, runtime = open_network(args, photographs)
    drawer = trimap_drawer(args.trimap_from, runtime) if args.trimap_from else None
    if predictor.takes_trimap and not (args.trimap_path or drawer):
        raise shared.MattingError(
            f"{args.config or args.model_path} needs a trimap for every image; give --trimap_path "
            "(matting make_trimap makes them from masks), or let a network draw them: --trimap_from "
            "MODNET_CONFIG:WEIGHTS"
        )
    if "trimap" in kinds and not predictor.draws_trimap:
        raise shared.MattingError("--save trimap: this network draws no trimap inside, only SHM does; leave it out")
    return Cutter(predictor, drawer, made_with(values, args.model_path, runtime, args.trimap_from))


def cut_out(args: argparse.Namespace, wanted: Sequence[Request], outputs: Outputs, cutter: Cutter) -> int:
    """Cut out what is requested, tell what was done, and return the exit status."""
    from matting.prediction.failures import Failures
    from matting.prediction.jobs import Summary
    from matting.prediction.overview import Overview
    from matting.prediction.record import RECORD

    summary = Summary()
    for request in wanted:
        failures = Failures(request.save_dir if request.record == RECORD else None, shared.say_skipped)
        overview = Overview(request.save_dir) if args.report else None
        try:
            done = cut_request(
                args, request.save_dir, outputs, cutter, request.jobs, failures.tell, request.record, overview
            )
            summary.add(done)
        finally:  # of what a stop left, too
            if overview is not None:
                results = [next(iter(outputs.paths(request.save_dir / job.name).values())) for job in request.jobs]
                say(f"report: {overview.write(request.jobs, results, failures.seen)}")
    for path in summary.kept:
        say(f"{path} was changed since it was made, and is left as it is; --overwrite replaces it")
    jobs = [(request.save_dir, job.name) for request in wanted for job in request.jobs]
    folders = list(dict.fromkeys(str(request.save_dir) for request in wanted))
    where = f"in {folders[0]}" if len(folders) == 1 else f"in {len(folders)} folders"
    if len(jobs) == 1 and not summary.failures:
        where = " ".join(map(str, outputs.paths(jobs[0][0] / jobs[0][1]).values()))
    there = f", {summary.skipped} were there already" if summary.skipped else ""
    say(f"{summary.written} of {len(jobs)} pictures cut out{there}: {where}")
    if summary.written:
        say(summary.timing())
    return 1 if summary.failures else 0


def cut_request(
    args: argparse.Namespace,
    save_dir: Path,
    outputs: Outputs,
    cutter: Cutter,
    jobs: Sequence[PictureFiles],
    tell: Callable[[Failure], object],
    record: str | None = None,
    visitor: Visitor | None = None,
) -> Summary:
    """Cut out pictures into one folder; what is there and made alike is left out, unless `--overwrite` is given."""
    from matting.prediction.pipeline import predict
    from matting.prediction.record import RECORD

    return predict(
        cutter.predictor, jobs, save_dir, args.num_workers, outputs, cutter.drawer,
        skip_existing=not args.overwrite, made_with=cutter.made_with, tell=tell, record_name=record or RECORD,
        overwrite=args.overwrite, visitor=visitor,
    )  # fmt: skip


def run(args: argparse.Namespace, kinds: list[str], background: str | None = None) -> int:
    """Cut out everything that the flags name; return the exit status."""
    from matting.prediction.failures import Failures
    from matting.prediction.jobs import find_jobs
    from matting.prediction.outputs import Outputs
    from matting.prediction.pipeline import predict
    from matting.system import log, ranks

    log.start()
    shared.find_export(args)
    outputs = Outputs.parse(kinds, args.fg_estimate, background, args.keep_hidden_colours)
    unlisted: list[str] = []
    every = find_jobs(args.image_path, args.trimap_path, args.save_dir, unlisted)
    for folder in unlisted if ranks.rank() == 0 else []:
        shared.say_skipped(folder)
    jobs = ranks.share(every)
    cutter = open_cutter(args, kinds, [job.image for job in every])
    failures = Failures(args.save_dir, shared.say_skipped)
    summary = predict(
        cutter.predictor, jobs, args.save_dir, args.num_workers, outputs, cutter.drawer, args.skip_existing,
        made_with=cutter.made_with, inputs=[path for job in every for path in job.paths], tell=failures.tell,
    )  # fmt: skip
    there = f", {summary.skipped} were there already" if summary.skipped else ""
    share = f" of process {ranks.rank()}" if ranks.ranks() > 1 else ""
    say(f"{summary.written} of {len(jobs)} pictures{share} cut out{there}, in {args.save_dir}")
    if summary.written:
        say(summary.timing())
    return 1 if unlisted or summary.failures else 0


def take_default(args: argparse.Namespace) -> None:
    """Set `--model_path` to the published network that is used where neither weights nor configuration are named."""
    from matting.weights.published import DEFAULT, PUBLISHED

    if args.model_path is None and args.config is None:
        args.model_path = DEFAULT
        _logger.info(
            "no --model_path: %s is used (%s; %s)", DEFAULT, PUBLISHED[DEFAULT].what, PUBLISHED[DEFAULT].licence
        )
