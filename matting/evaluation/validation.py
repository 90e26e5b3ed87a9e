"""Scoring trained weights on a configuration's validation set, with all that is left on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matting import builder, devices, metrics
from matting.deployment.cached import weights_sha256
from matting.deployment.loading import Runtime, engine_used, make_predictor
from matting.engines.classic import is_classic
from matting.evaluation import manifest
from matting.evaluation.evaluator import evaluate
from matting.evaluation.publication import publish
from matting.evaluation.scoring import choose
from matting.evaluation.table import Evaluation
from matting.system import atomic, exchange


def run_validation(
    values: Mapping[str, Any],
    model_path: str | Path | None,
    save_dir: Path,
    *,
    partial: bool = False,
    runtime: Runtime | None = None,
    protocol: str = metrics.DEFAULT.name,
    metric_names: Sequence[str] | None = None,
    num_workers: int = 0,
    score_workers: int = 0,
    save_results: bool = False,
    report: bool = False,
) -> Evaluation:
    """Score trained weights on the validation set.

    Writes `metrics.csv` and `manifest.json` below `save_dir`; with `save_results` the mattes too, and with `report` the
    page `report.html`.
    """
    runtime = runtime or Runtime("dynamic")
    builder.check(values)
    if is_classic(model_path):  # what is scored is not the network of the configuration
        values = {key: value for key, value in values.items() if key != "model"}
    device = devices.begin(values, runtime.device)
    choose(protocol, metric_names)
    predictor = make_predictor(values, model_path, runtime, partial)
    dataset = builder.dataset(values, "val_dataset")
    atomic.make_folder(save_dir)
    result = evaluate(
        predictor, dataset, protocol=protocol, names=metric_names, num_workers=num_workers,
        score_workers=score_workers, save_dir=save_dir if save_results else None, with_panels=report,
    )  # fmt: skip
    if exchange.rank() == 0:
        weights, root = str(model_path), Path(values["val_dataset"]["dataset_root"])
        about = _about(values, weights, dataset) | {
            "engine": engine_used(runtime, model_path), "device": device, "refine": runtime.refine,
        }  # fmt: skip
        facts = [
            ("weights", weights),
            ("data", str(root)),
            ("engine", engine_used(runtime, model_path)),
            ("refine", runtime.refine),
        ]
        model = weights if is_classic(weights) else (values.get("model") or {}).get("type", "evaluation")
        publish(result, save_dir, title=f"{model} on {root.name}", facts=facts, about=about, report=report)
    return result


def _about(values: Mapping[str, Any], model_path: str, dataset: Any) -> dict[str, Any]:
    """Return what the manifest says of weights, data, configuration and engine."""
    spec = values["val_dataset"]
    root = Path(spec["dataset_root"])
    lists = [spec["val_file"]] if isinstance(spec["val_file"], str) else spec["val_file"]
    return {
        "weights": {"path": model_path} | ({} if is_classic(model_path) else {"sha256": weights_sha256(model_path)}),
        "configuration": dict(values),
        "dataset": {
            "root": str(root),
            "lists": manifest.files({"list": root / name} for name in lists),
            "files": manifest.files(entry.layers for entry in dataset.entries),
        },
        "processes": exchange.ranks(),
    }
