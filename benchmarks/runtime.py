"""Networks in every engine against Paddle's dynamic graph, PyTorch, and the plain export, in one run.

python benchmarks/runtime.py [CONFIG ...] [--torch_python PYTHON]

PYTHON is an interpreter with torch and onnx2torch: the exported graph then also runs there, layer by layer, as
PyTorch's eager mode would run the authors' network.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np

from matting import config

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = [
    "modnet/modnet-mobilenetv2",
    "ppmattingv2/ppmattingv2-stdc1-human_512",
    "ppmatting/ppmatting-hrnet_w18-human_512",
]
SIDE, ROUNDS, CALLS = 512, 3, 7
WAYS = ("dynamic", "paddle", "onnxruntime", "openvino", "openvino, plain export", "openvino bf16")

ENVIRONMENT = dict(os.environ)
"""As the user set it: Paddle's import changes the number of threads that processes started from here would take."""

TORCH = """
import statistics, sys, time
import onnx, torch
from onnx2torch import convert
torch.set_num_threads(int(sys.argv[2]))
model = onnx.load(sys.argv[1])
network = convert(model).eval()
inputs = [torch.randn(1, 3, 512, 512)] + [torch.full((1, 1, 512, 512), 128.0)] * (len(model.graph.input) - 1)
times = []
with torch.no_grad():
    for _ in range(8):
        started = time.perf_counter()
        network(*inputs)
        times.append(time.perf_counter() - started)
print(statistics.median(times[1:]))
"""


def torch_seconds(python: str, file: Path, folder: Path) -> float:
    """Return the median time of the graph in PyTorch's eager mode."""
    import onnx
    import onnxoptimizer

    plain = onnxoptimizer.optimize(
        onnx.load(file), ["extract_constant_to_initializer", "eliminate_identity", "eliminate_unused_initializer"]
    )
    onnx.save(plain, folder / "torch.onnx")
    done = subprocess.run(
        [python, "-c", TORCH, str(folder / "torch.onnx"), "2"],
        capture_output=True,
        text=True,
        check=True,
        env=ENVIRONMENT,
    )
    return float(done.stdout.split()[-1])


def plain_export(folder: Path, target: Path) -> None:
    """Write paddle2onnx's own result of the exported program, without our changes to the graph."""
    import onnx
    import paddle2onnx

    program = folder / "model.json"
    content = paddle2onnx.export(
        str(program), str(program.with_suffix(".pdiparams")), None, opset_version=17, optimize_tool="none"
    )
    model = onnx.load_model_from_string(content)
    for node in model.graph.node:
        for index, name in enumerate(node.output):
            if name == model.graph.output[0].name:
                node.output[index] = "alpha"
    model.graph.output[0].name = "alpha"
    onnx.save(model, target)


def time_way(name: str, way: str, folder: Path) -> None:
    """Print the median seconds of one way; run in a process of its own, with Paddle only where Paddle computes."""
    from matting.deployment.description import Deployment
    from matting.engines import open_engine

    interface = Deployment.read(folder / "export").interface
    network: Callable
    if way == "dynamic":
        from matting import builder, devices
        from matting.engines.dynamic import DynamicNetwork

        devices.use("cpu")
        layer = builder.model(config.load(name), pretrained=False)
        layer.eval()
        network = DynamicNetwork(layer)
    elif way == "openvino, plain export":
        from matting.engines.openvino import OpenVINONetwork

        network = OpenVINONetwork(folder / "plain.onnx", interface)
    else:
        engine, _, precision = way.partition(" ")
        network = open_engine(folder / "export", interface, engine, precision or "fp32")
    inputs = [np.random.default_rng(0).standard_normal((1, 3, SIDE, SIDE)).astype(np.float32)]
    inputs += [np.full((1, 1, SIDE, SIDE), 128, np.float32)] * (len(interface.inputs) - 1)
    times = []
    for _ in range(CALLS + 1):
        started = time.perf_counter()
        network(*inputs)
        times.append(time.perf_counter() - started)
    print(statistics.median(times[1:]))


def measure(name: str, torch_python: str | None) -> None:
    """Print the medians of one configuration, and their ratios."""
    from matting import builder, weights
    from matting.deployment.export import export

    values = config.load(name)
    layer = builder.model(values, pretrained=False)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        state = {key: value.numpy() for key, value in layer.state_dict().items()}
        weights.write_weights(folder / "w.pdparams", state)
        export(values, folder / "w.pdparams", folder / "export", (SIDE, SIDE))
        plain_export(folder / "export", folder / "plain.onnx")
        times: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(ROUNDS):
            # One process a way: the threads of one library wait busily and would slow down the next.
            for way in WAYS:
                done = subprocess.run(
                    [sys.executable, __file__, name, "--way", way, "--folder", str(folder)],
                    capture_output=True, text=True, env=ENVIRONMENT,
                )  # fmt: skip
                if done.returncode == 0:
                    times[way].append(float(done.stdout.split()[-1]))
        medians = {way: min(seconds) for way, seconds in times.items() if seconds}
        if torch_python:
            try:
                medians["PyTorch eager"] = torch_seconds(torch_python, folder / "export/model.onnx", folder)
            except subprocess.CalledProcessError as error:
                print(f"{Path(name).stem}: onnx2torch cannot convert it: {error.stderr.splitlines()[-1]}")
    reference = medians.get("PyTorch eager")
    for way, seconds in medians.items():
        beside = f", {seconds / reference:.2f} of PyTorch" if reference else ""
        print(f"{Path(name).stem}: {way} {1e3 * seconds:.0f} ms, {seconds / medians['dynamic']:.3f} of dynamic{beside}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", default=CONFIGS)
    parser.add_argument("--torch_python")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        return time_way(args.configs[0], args.way, args.folder)
    for name in args.configs:
        measure(name, args.torch_python)


if __name__ == "__main__":
    main()
