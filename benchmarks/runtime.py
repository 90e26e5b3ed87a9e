"""Networks in every engine against Paddle's dynamic graph, PyTorch, and the plain export, in one run.

python benchmarks/runtime.py [CONFIG ...] [--ways WAY ...] [--folder FOLDER] [--torch_python PYTHON]

Networks and ways take turns, so that a busy machine is busy for all of them. FOLDER keeps the exports for the next run.
PYTHON is an interpreter with torch and onnx2torch: the exported graph then also runs there, layer by layer, as
PyTorch's eager mode would run the authors' network.
"""

from __future__ import annotations

import argparse
import itertools
import math
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

EAGER = "PyTorch eager"
REFERENCES = ("dynamic", EAGER)

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


def add_torch(python: str, folder: Path, times: dict[str, float]) -> None:
    """Add the median time of the graph in PyTorch's eager mode, if it can be had."""
    import onnx
    import onnxoptimizer

    plain = onnxoptimizer.optimize(
        onnx.load(folder / "export/model.onnx"),
        ["extract_constant_to_initializer", "eliminate_identity", "eliminate_unused_initializer"],
    )
    onnx.save(plain, folder / "torch.onnx")
    done = subprocess.run(
        [python, "-c", TORCH, str(folder / "torch.onnx"), "2"], capture_output=True, text=True, env=ENVIRONMENT
    )
    if done.returncode == 0:
        times[EAGER] = float(done.stdout.split()[-1])
    else:
        print(f"{folder.name}: onnx2torch cannot convert it: {done.stderr.splitlines()[-1]}")


def plain_export(folder: Path, target: Path) -> None:
    """Write paddle2onnx's own result of the exported program, without our changes to the graph."""
    import onnx
    import paddle2onnx

    from matting.deployment.description import Deployment

    program = folder / "model.json"
    content = paddle2onnx.export(
        str(program), str(program.with_suffix(".pdiparams")), None, opset_version=17, optimize_tool="none"
    )
    model = onnx.load_model_from_string(content)
    gives = Deployment.read(folder).interface.gives
    names = {value.name: name for value, name in zip(model.graph.output, gives, strict=True)}
    for node in model.graph.node:
        node.output[:] = [names.get(name, name) for name in node.output]
        node.input[:] = [names.get(name, name) for name in node.input]
    for value in model.graph.output:
        value.name = names[value.name]
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


def prepare(name: str, folder: Path) -> None:
    """Write the exports of one configuration, with the weights that it starts from, unless they are there."""
    from matting import builder, weights
    from matting.deployment.export import export

    if (folder / "plain.onnx").is_file():
        return
    values = config.load(name)
    layer = builder.model(values, pretrained=False)
    weights.write_weights(folder / "w.pdparams", {key: value.numpy() for key, value in layer.state_dict().items()})
    export(values, folder / "w.pdparams", folder / "export", (SIDE, SIDE))
    plain_export(folder / "export", folder / "plain.onnx")


def measure(names: list[str], ways: list[str], folder: Path) -> dict[str, dict[str, float]]:
    """Return seconds by configuration and way: the fastest median."""
    times: dict[str, dict[str, float]] = {name: {} for name in names}
    for _ in range(ROUNDS):
        # One process a way: the threads of one library wait busily and would slow down the next.
        for name, way in itertools.product(names, ways):
            done = subprocess.run(
                [sys.executable, __file__, name, "--way", way, "--folder", str(folder / Path(name).stem)],
                capture_output=True, text=True, env=ENVIRONMENT,
            )  # fmt: skip
            if done.returncode:
                print(f"{Path(name).stem}: no time for {way}: {done.stderr.splitlines()[-1]}")
            else:
                times[name][way] = min(float(done.stdout.split()[-1]), times[name].get(way, math.inf))
    return times


def report(name: str, times: dict[str, float]) -> None:
    """Print the times of one configuration, and their ratios."""
    for way, seconds in times.items():
        beside = [f"{seconds / times[other]:.3f} of {other}" for other in REFERENCES if other in times]
        print(", ".join((f"{Path(name).stem}: {way} {1e3 * seconds:.0f} ms", *beside)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", default=CONFIGS)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--torch_python")
    parser.add_argument("--way", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        return time_way(args.configs[0], args.way, args.folder)
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.folder or Path(scratch)
        for name in args.configs:
            prepare(name, folder / Path(name).stem)
        times = measure(args.configs, args.ways, folder)
        for name in args.configs:
            if args.torch_python:
                add_torch(args.torch_python, folder / Path(name).stem, times[name])
            report(name, times[name])


if __name__ == "__main__":
    main()
