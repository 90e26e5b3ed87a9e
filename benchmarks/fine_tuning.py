"""Fine-tuning the authors' network on a few portraits: every variant that was tried, and what it gave.

python benchmarks/fine_tuning.py --portraits FOLDER --others FOLDER --save_dir output/fine_tuning [--variants NAME ...]

Both folders hold train.txt and val.txt. Each variant trains on the portraits and is scored on their validation list
every 50 iterations, and at the end on both lists of the others, which the network was good at.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

RECIPE = ROOT / "configs" / "modnet" / "modnet-fine_tuning.yml"
SMALL = [
    "val_dataset.transforms=[{type: ResizeByShort, short_size: 256}, {type: ResizeToIntMult, mult_int: 32}, "
    "{type: Normalize}]",
]

EVERY = ["val_dataset.val_file=[train.txt,val.txt]"]

CROPS = [
    "train_dataset.transforms=[{type: RandomResize, size: [288, 288], scale: [1.0, 1.5]}, "
    "{type: RandomCrop, crop_size: [256, 256]}, {type: RandomHorizontalFlip}, {type: Normalize}]",
    "batch_size=4", "lr_scheduler.learning_rate=0.005",
]  # fmt: skip
DETAIL = "trainable=[head.hr_branch,head.f_branch]"

# fmt: off
VARIANTS: dict[str, list[str]] = {
    "recipe": [],
    "one scale": ["train_dataset.transforms.0.scale=[1.0,1.0]"],
    "scales up to 512": ["train_dataset.transforms.0.scale=[1.0,2.0]"],
    "Adam 5e-4": ["optimizer={type: adam}", "lr_scheduler.learning_rate=0.0005"],
    "Adam 1e-3": ["optimizer={type: adam}", "lr_scheduler.learning_rate=0.001"],
    "detail branch too": [DETAIL],
    "whole head": ["trainable=[head]"],
    "crops, detail branch too": [*CROPS, DETAIL],
    "crops, whole head": [*CROPS, "trainable=[head]"],
    "crops, fusion branch alone": CROPS,
    "crops, whole network": [*CROPS, "trainable=Null"],
    "crops, norms of each batch": [*CROPS, DETAIL, "norms=Null"],
}


# fmt: on
def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, required=True)
    parser.add_argument("--others", type=Path, required=True)
    parser.add_argument("--save_dir", type=Path, required=True)
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=("untouched", *VARIANTS))
    parser.add_argument("--iters", type=int, default=150)
    parser.add_argument("--opts", nargs="+", default=[], help="changed in every variant")
    return parser.parse_args()


def train(
    name: str, portraits: Path, others: Path, save_dir: Path, iters: int, more: list[str]
) -> list[dict[str, Any]]:
    """Train a variant; return a row for each 50 iterations: portraits, and the others at the last."""
    from matting.training.options import Options
    from matting.training.run import run_training

    values = _load(portraits, [*SMALL, *VARIANTS[name], *more], iters)
    started = time.perf_counter()
    run_training(values, Options(save_dir, save_interval=50, log_iters=10, keep_checkpoint_max=0))
    spent = time.perf_counter() - started
    rows = []
    for iteration in range(50, iters + 1, 50):
        folder = save_dir / f"iter_{iteration}"
        rows.append({"variant": name, "iteration": iteration, **score(portraits, folder, SMALL)})
    rows[-1] |= {
        **_named("portraits_512", score(portraits, folder)),
        **_named("others", score(others, folder, EVERY)),
        "seconds": round(spent),
    }
    return rows


def score(root: Path, weights: str | Path, changes: Sequence[str] = ()) -> dict[str, float]:
    """Return SAD, MSE and MAD of the whole image and of the unknown region on a validation list."""
    from matting import builder
    from matting.engines.dynamic import DynamicNetwork
    from matting.evaluation.evaluator import evaluate
    from matting.predictor import Predictor
    from matting.weights.trained import load_trained

    values = _load(root, list(changes), 1)
    network = builder.model(values, pretrained=False)
    load_trained(network, weights, values)
    predictor = Predictor(DynamicNetwork(network), builder.val_transforms(values))
    means = evaluate(predictor, builder.dataset(values, "val_dataset"), names=["SAD", "MSE", "MAD"]).means
    return {key: round(float(value), 5) for key, value in means.items()}


def _named(prefix: str, means: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}_{name}": value for name, value in means.items()}


def _load(root: Path, changes: list[str], iters: int) -> dict[str, Any]:
    from matting import config

    roots = [f"{part}.dataset_root={root}" for part in ("train_dataset", "val_dataset")]
    return config.load(RECIPE, [*roots, *changes], iters=iters) | {"seed": 0}


def main() -> None:
    args = parse_args()
    args.save_dir.mkdir(parents=True, exist_ok=True)
    with open(args.save_dir / "rows.jsonl", "a", encoding="utf-8") as file:
        for name in args.variants:
            if name == "untouched":
                rows = [
                    {
                        "variant": name, "iteration": 0, **score(args.portraits, "modnet-photographic", SMALL),
                        **_named("portraits_512", score(args.portraits, "modnet-photographic")),
                        **_named("others", score(args.others, "modnet-photographic", EVERY)),
                    }
                ]  # fmt: skip
            else:
                rows = train(
                    name, args.portraits, args.others, args.save_dir / name.replace(" ", "_"), args.iters, args.opts
                )
            for row in rows:
                print(json.dumps(row), flush=True)
                file.write(json.dumps(row) + "\n")
                file.flush()


if __name__ == "__main__":
    main()
