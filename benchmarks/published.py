"""Published numbers beside measured ones: a network on a folder laid out as PPM-100, by protocol and by precision.

python benchmarks/published.py --agreement
python benchmarks/published.py --data FOLDER [--protocols default modnet paddleseg] [--precisions fp32 bf16 int8]

The folder holds train.txt or val.txt, or both; all their pairs count. The configuration is that of the weights' name.
int8 needs --calibrate, a folder of other photographs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

PUBLISHED = (
    # set, network, SAD, MSE, Grad, Conn of the whole image (DIM: of the transition area), as PaddleSeg Matting prints
    ("PPM-AIM-195", "MODNet-MobileNetV2", 50.07, 0.0053, 35.55, 48.37),
    ("PPM-AIM-195", "MODNet-ResNet50_vd", 39.01, 0.0038, 32.29, 37.38),
    ("PPM-AIM-195", "MODNet-HRNet_W18", 35.55, 0.0035, 31.73, 34.07),
    ("PPM-AIM-195", "PP-MattingV2", 40.59, 0.0038, 33.86, 38.90),
    ("PPM-AIM-195", "PP-Matting-512", 31.56, 0.0022, 31.80, 30.13),
    ("PPM-AIM-195", "DIM-VGG16, transition area", 32.31, 0.0233, 28.89, 31.45),
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/PPM-100"))
    parser.add_argument("--config", type=Path, help="of weights that state none")
    parser.add_argument("--weights", default="modnet-photographic")
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--protocols", nargs="+", default=["default"])
    parser.add_argument("--precisions", nargs="+", default=["fp32"], choices=("fp32", "bf16", "int8"))
    parser.add_argument("--calibrate", type=Path, help="photographs that are not in the data, for int8")
    parser.add_argument("--kept", type=int, default=8, help="of int8: first convolutions that stay in float32")
    parser.add_argument("--agreement", action="store_true", help="only: alpha against the ONNX file in ONNX Runtime")
    return parser.parse_args()


def agreement(name: str) -> None:
    """Print how far alpha of the converted network lies from the published ONNX file in ONNX Runtime, by size."""
    import numpy as np
    import onnxruntime
    from skimage import data
    from skimage.transform import resize

    from matting import builder
    from matting.deployment.loading import configuration
    from matting.engines.dynamic import DynamicNetwork
    from matting.weights.download import as_published
    from matting.weights.trained import load_trained

    values = configuration(name)
    layer = builder.model(values, pretrained=False)
    load_trained(layer, name, values)
    ours, theirs = DynamicNetwork(layer), onnxruntime.InferenceSession(as_published(name))
    for size in ((512, 512), (256, 384), (672, 512), (32, 64)):
        image = (resize(data.astronaut(), size).transpose(2, 0, 1)[None] * 2 - 1).astype(np.float32)
        apart = np.abs(ours(image)["alpha"] - theirs.run(None, {"input": image})[0]).max()
        print(f"{size[0]}x{size[1]}: alpha at most {apart:.1e} apart")


def main() -> None:
    args = parse_args()
    from matting import builder
    from matting.deployment.loading import Runtime, configuration, make_predictor
    from matting.evaluation.evaluator import evaluate
    from matting.system import log

    log.start()
    if args.agreement:
        return agreement(args.weights)
    root = [f"{part}.dataset_root={args.data}" for part in ("train_dataset", "val_dataset")]
    lists = [name for name in ("train.txt", "val.txt") if (args.data / name).is_file()]
    values = configuration(args.weights, args.config, [*root, f"val_dataset.val_file=[{','.join(lists)}]"])
    dataset = builder.dataset(values, "val_dataset")
    for set_name, network, *numbers in PUBLISHED:
        print(
            f"published, {set_name}, {network}: SAD {numbers[0]} MSE {numbers[1]} Grad {numbers[2]} Conn {numbers[3]}"
        )
    with tempfile.TemporaryDirectory() as scratch:
        for precision in args.precisions:
            source: str | Path = args.weights
            if precision == "int8":
                source = _eight_bits(values, args, Path(scratch) / "export")
            runtime = Runtime("auto" if precision == "int8" else args.engine, precision)
            predictor = make_predictor(values, source, runtime)
            for protocol in args.protocols:
                result = evaluate(predictor, dataset, protocol=protocol, score_workers=1)
                print(f"measured, {args.weights}, {precision}, {args.data.name}\n{result.table()}", flush=True)


def _eight_bits(values: dict, args: argparse.Namespace, folder: Path) -> Path:
    """Export with an int8 version, whatever it differs from float32: here the truth decides."""
    from matting.deployment import quantisation
    from matting.deployment.export import export
    from matting.prediction.jobs import find_jobs

    if args.calibrate is None:
        raise SystemExit("int8 needs --calibrate, a folder of other photographs")
    export(values, args.weights, folder)
    quantisation.BOUND, quantisation._KEPT = float("inf"), (args.kept,)
    print(quantisation.calibrate(folder, find_jobs(args.calibrate)))
    return folder


if __name__ == "__main__":
    main()
