"""Cut out millions of pictures, on one machine or many, from and to any storage: --input s3://b/photos --output ..."""

from __future__ import annotations

import argparse

from matting.commands import cut, cutting, shared
from matting.system.streams import say

_EXAMPLES = """\
  matting batch --input photos --output cutouts                       on this machine; goes on where it was stopped
  matting batch --input s3://shop/photos --output s3://shop/cutouts --ray_address auto
  matting batch --input manifest.parquet --output cutouts --background white --format jpeg
"""


def parse_args() -> argparse.Namespace:
    parser = shared.bare_parser("Cut out pictures without number, each exactly once.", f"examples:\n{_EXAMPLES}")
    parser.add_argument(
        "--input", type=shared.filled, required=True,
        help="a folder, a manifest (.txt, .csv, .parquet) or a .tar; a path, or a URL such as s3://bucket/photos",
    )  # fmt: skip
    parser.add_argument("--output", type=shared.filled, required=True, help="a folder, or such a URL")
    parser.add_argument(
        "--trimap_path", "--trimap-path", type=shared.filled,
        help="a folder or URL with a .png for each input; a manifest may name trimaps in the column trimap instead",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="do all again, and write among files of others")
    _add_sharing(parser.add_argument_group("sharing the work"))
    cut.add_results(parser.add_argument_group("results"))
    cutting.add_network(parser)
    cutting.add_matte_flags(parser.add_argument_group("mattes"), with_trimaps=False)
    return parser.parse_args()


def _add_sharing(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--ray_address", "--ray-address", type=shared.filled,
        help="of a Ray cluster, or auto for the one that this machine belongs to; if not given: Ray is started here",
    )  # fmt: skip
    group.add_argument("--cpus", type=shared.positive, help="of a worker; all of one machine, or 4 of a cluster's")
    group.add_argument("--workers", type=shared.positive, help="at most; as many as there is room for if not given")
    group.add_argument("--shard_size", type=shared.positive, default=1000, help="pictures that are committed together")
    group.add_argument(
        "--max_failures", "--max-failures", default="10%",
        help="a number, or a share such as 1%% of at least 100 pictures, beyond which the run stops; all for none",
    )  # fmt: skip
    group.add_argument(
        "--trust_names", action="store_true",
        help="a finished input of which a manifest says neither etag nor size is not looked at again",
    )  # fmt: skip
    group.add_argument("--dashboard", action="store_true", help="Ray's, at http://127.0.0.1:8265")


def main() -> int:
    args = parse_args()
    from matting.batch.extra import require
    from matting.system import log

    log.start()
    require()
    from matting.batch.opening import Opening
    from matting.batch.plan import Plan
    from matting.batch.running import cut_out
    from matting.deployment.loading import configuration

    cutting.take_default(args)
    if args.precision == "auto":
        raise shared.MattingError("--precision auto is judged on pictures at hand; name one: fp32 or bf16")
    options = {
        "config": configuration(args.model_path, args.config, args.opts), "partial": args.partial,
        **{key: getattr(args, key) for key in ("engine", "precision", "device", "threads", "tile_size", "tile_margin")},
    }  # fmt: skip
    opening = Opening(str(args.model_path), options, args.trimap_from)
    plan = Plan(
        args.ray_address, args.shard_size, None if args.max_failures == "all" else args.max_failures, args.cpus,
        args.workers, args.num_workers, args.overwrite, args.trust_names, args.dashboard, args.trimap_path,
    )  # fmt: skip
    report = cut_out(args.input, args.output, cut.outputs_of(args, None), opening, plan)
    for said in report.said:
        shared.say_skipped(said)
    failed = sum(report.failed.values())
    there = f", {report.skipped} were finished already" if report.skipped else ""
    there += f", {report.doubled} stood in the list again" if report.doubled else ""
    say(f"{report.written} pictures cut out, {failed} could not be{there}: {args.output}")
    say(report.timing(), f"summary: {report.page}")
    return 1 if failed else 0
