"""What a network costs here: python tools/benchmark.py --config CONFIG --model_path WEIGHTS --batches 1 4"""

from __future__ import annotations

import argparse
from pathlib import Path

from matting.commands import shared
from matting.engines.table import ENGINES, PRECISIONS, installed
from matting.system.streams import say


def parse_args() -> argparse.Namespace:
    parser = shared.parser("Measure parameters, multiply-adds, latency, throughput and memory.", config_required=False)
    shared.add_weights(parser)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, help="default: all that are installed")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=["fp32"])
    parser.add_argument("--input_size", type=shared.positive, nargs=2, metavar=("WIDTH", "HEIGHT"), default=[512, 512])
    parser.add_argument("--threads", type=shared.workers, nargs="+", default=[0], help="0 is all cores")
    parser.add_argument("--batches", type=shared.positive, nargs="+", default=[1], help="pictures a call")
    parser.add_argument("--image_path", type=Path, help="pictures to compare lower precisions with fp32 on")
    parser.add_argument("--save_dir", type=Path, default=Path("output/benchmark"), help="for benchmark.json and .md")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from matting import config
    from matting.deployment.benchmark import benchmark, count, parse_ways
    from matting.deployment.cached import cached_export
    from matting.prediction.jobs import find_jobs
    from matting.system import atomic, log

    log.start()
    size = (args.input_size[1], args.input_size[0])
    counted = None
    if args.config:
        from matting import builder

        values = config.load(args.config, args.opts)
        counted = count(builder.model(values, pretrained=False), size)
        folder = cached_export(values, shared.required(args.model_path, "--model_path"), args.partial)
    else:
        folder = Path(shared.required(args.model_path, "--model_path"))
    ways = parse_ways(args.engines or installed(), args.precisions, folder)
    images = [job.image for job in find_jobs(args.image_path)] if args.image_path else []
    result = benchmark(
        folder, ways, size=size, threads=args.threads, batches=args.batches, images=images, counted=counted
    )
    result.write(args.save_dir / "benchmark.json")
    atomic.write_text(args.save_dir / "benchmark.md", result.markdown() + "\n")
    say(*result.markdown().split("\n"))
