"""Adapting the authors' network to photographs without labels (SOC): does it help where labels can tell?

python benchmarks/soc.py --photographs FOLDER --labelled FOLDER [FOLDER ...] --save_dir output/soc [--rates 1e-5 ...]

The photographs are a folder of pictures; each labelled folder holds val.txt.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

CONFIG = ROOT / "configs" / "modnet" / "modnet-mobilenetv2-authors.yml"


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photographs", type=Path, required=True)
    parser.add_argument("--labelled", type=Path, nargs="+", required=True)
    parser.add_argument("--save_dir", type=Path, required=True)
    parser.add_argument("--rates", type=float, nargs="+", default=[1e-5])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--side", type=int, default=256)
    return parser.parse_args()


def score(weights: Path, root: Path) -> dict[str, float]:
    """Return SAD, MSE and MAD, whole image and unknown region, at the configuration's size of 512."""
    from matting import builder, config
    from matting.deployment.loading import Runtime, make_predictor
    from matting.evaluation.evaluator import evaluate

    values = config.load(CONFIG, [f"{part}.dataset_root={root}" for part in ("train_dataset", "val_dataset")])
    predictor = make_predictor(values, weights, Runtime("dynamic"))
    means = evaluate(predictor, builder.dataset(values, "val_dataset"), names=["SAD", "MSE", "MAD"]).means
    return {key: round(float(value), 5) for key, value in means.items()}


def main() -> None:
    args = parse_args()
    from matting import config
    from matting.deployment import completion
    from matting.deployment.conversion import convert
    from matting.prediction.jobs import find_jobs
    from matting.training import history
    from matting.training.adaptation import adapt
    from matting.training.student import Adaptation
    from matting.weights.download import as_published

    paths = [job.image for job in find_jobs(args.photographs)]
    whole = args.save_dir / "whole.safetensors"
    if not whole.is_file():
        started = time.perf_counter()
        convert("modnet-onnx", as_published("modnet-photographic"), whole, pictures=completion.read_pictures(paths))
        print(f"made whole in {time.perf_counter() - started:.0f} s")
    values = config.load(CONFIG)
    for root in args.labelled:
        print(json.dumps({"before": root.name, **score(whole, root)}), flush=True)
    for rate in args.rates:
        started = time.perf_counter()
        folder = args.save_dir / f"rate_{rate:g}"
        how = Adaptation(args.epochs, args.batch_size, rate, size=(args.side, args.side))
        adapted = adapt(values, whole, paths, folder, how)
        watched = {row.iteration: row.metrics for row in history.read(folder) if row.metrics}
        print(json.dumps({"rate": rate, "seconds": round(time.perf_counter() - started), "watched": watched}))
        for root in args.labelled:
            print(json.dumps({"rate": rate, "after": root.name, **score(adapted, root)}), flush=True)


if __name__ == "__main__":
    main()
