"""What a network costs: parameters, multiply-adds, latency, throughput, memory, and what a lower precision changes."""

from __future__ import annotations

import json
import multiprocessing
import platform
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from matting.deployment.description import Deployment, open_predictor
from matting.engines import FILES, open_engine
from matting.engines.table import possible
from matting.errors import MattingError
from matting.pictures.files import read_image
from matting.system import atomic, cpu, memory
from matting.version import __version__

_LEAST_SECONDS = 2.0
"""A row is repeated for at least this long, after a first call that does not count."""


@dataclass(frozen=True)
class Row:
    """One way of running a network.

    Attributes:
        latency_ms, p90_ms: median and 90th percentile of a call.
        pictures_per_second: batch / median.
        peak_mb: of the whole process that ran it, loading included; None where the system does not tell.
        rate: multiply-adds per second as a fraction of this machine's float32 matrix product; None where not counted.
        mad: mean absolute difference of the matte from fp32 on real pictures; None where not asked for.
    """

    engine: str
    precision: str
    threads: int
    batch: int
    latency_ms: float
    p90_ms: float
    pictures_per_second: float
    peak_mb: float | None
    rate: float | None = None
    mad: float | None = None


@dataclass(frozen=True)
class Benchmark:
    """All rows of a network at one input size, and the machine they were measured on."""

    model: str
    size: tuple[int, int]
    parameters: int | None
    multiply_adds: int | None
    machine: dict[str, Any]
    rows: list[Row]

    def markdown(self) -> str:
        """Return the rows as a Markdown table under a line on network and machine."""
        height, width = self.size
        counted = ""
        if self.parameters is not None and self.multiply_adds is not None:
            counted = (
                f", {self.parameters / 1e6:.2f} M parameters, {self.multiply_adds / 1e9:.1f} G multiply-adds "
                f"({2 * self.multiply_adds / 1e9:.1f} GFLOPs)"
            )
        machine = ", ".join(f"{key} {value}" for key, value in self.machine.items())
        lines = [
            f"{self.model} at {width}x{height}{counted}; {machine}",
            "",
            "| engine | precision | threads | batch | median ms | p90 ms | pictures/s | peak MB | of matmul | MAD |",
            "|---|---|---|---|---|---|---|---|---|---|",
        ]
        for row in self.rows:
            rate = "" if row.rate is None else f"{100 * row.rate:.0f} %"
            peak = "" if row.peak_mb is None else f"{row.peak_mb:.0f}"
            mad = "" if row.mad is None else f"{row.mad:.5f}"
            lines.append(
                f"| {row.engine} | {row.precision} | {row.threads} | {row.batch} | {row.latency_ms:.1f} | "
                f"{row.p90_ms:.1f} | {row.pictures_per_second:.2f} | {peak} | {rate} | {mad} |"
            )
        return "\n".join(lines)

    def write(self, path: Path) -> None:
        """Write everything as JSON."""
        atomic.write_text(path, json.dumps(asdict(self), indent=1))


def benchmark(
    folder: Path,
    ways: Sequence[tuple[str, str]],
    *,
    size: tuple[int, int] = (512, 512),
    threads: Sequence[int] = (0,),
    batches: Sequence[int] = (1,),
    images: Sequence[Path] = (),
    counted: tuple[int, int] | None = None,
) -> Benchmark:
    """Measure an export, every row in a process of its own.

    Args:
        ways: (engine, precision) pairs.
        size: (height, width) of the input.
        threads: 0 is all cores.
        images: photographs to compare a lower precision with fp32 on.
        counted: parameters, and multiply-adds at `size`, if known (`count`).

    Raises:
        MattingError: an engine or precision is not there.
    """
    deployment = Deployment.read(folder)
    product = matrix_product_rate()
    rows = []
    for engine, precision in ways:
        mad = difference(folder, engine, precision, images) if images and precision != "fp32" else None
        for number in threads:
            for batch in batches:
                used = number or cpu.threads()
                times, peak = _in_own_process(_times, folder, engine, precision, used, batch, size)
                median = statistics.median(times)
                rate = counted[1] * batch / median / product if counted else None
                p90 = float(np.quantile(times, 0.9))
                rows.append(
                    Row(engine, precision, used, batch, 1e3 * median, 1e3 * p90, batch / median, peak, rate, mad)
                )
    machine = {
        "matting": __version__,
        "Python": platform.python_version(),
        "cores": cpu.threads(),
        "matmul": f"{2 * product / 1e9:.0f} GFLOP/s",
    }
    parameters, multiply_adds = counted or (None, None)
    return Benchmark(deployment.model, size, parameters, multiply_adds, machine, rows)


def matrix_product_rate() -> float:
    """Return the multiply-adds per second of this machine's float32 matrix product, the best of some."""
    side = 2048
    left, right = (np.random.default_rng(seed).random((side, side), np.float32) for seed in (0, 1))
    times = []
    for _ in range(6):
        started = time.perf_counter()
        left @ right
        times.append(time.perf_counter() - started)
    return side**3 / min(times)


def difference(folder: Path, engine: str, precision: str, images: Sequence[Path]) -> float:
    """Return the mean absolute difference of the matte from fp32 in the same engine, over photographs."""
    exact, lower = open_predictor(folder, engine), open_predictor(folder, engine, precision)
    apart = []
    for path in images:
        image = read_image(path)
        apart.append(float(np.abs(exact(image) - lower(image)).mean()))
    return float(np.mean(apart))


def count(network: Any, size: tuple[int, int]) -> tuple[int, int]:
    """Return how many numbers a Paddle network holds, and its multiply-adds for one picture.

    Convolutions (transposed ones too) and linear layers are counted, as in the literature; norms, activations and
    resizing, a few percent, are not.
    """
    import paddle

    total = 0

    def add(layer: Any, inputs: Any, output: Any) -> None:
        nonlocal total
        if isinstance(layer, paddle.nn.Conv2D):
            total += layer.weight.size * output.shape[2] * output.shape[3]
        elif isinstance(layer, paddle.nn.Conv2DTranspose):
            total += layer.weight.size * inputs[0].shape[2] * inputs[0].shape[3]
        elif isinstance(layer, paddle.nn.Linear):
            total += layer.weight.size

    hooks = [layer.register_forward_post_hook(add) for layer in network.sublayers()]
    network.eval()
    channels = {"image": 3, "trimap": 1}
    with paddle.no_grad():
        network(*(paddle.zeros([1, channels[name], *size]) for name in network.inputs))
    for hook in hooks:
        hook.remove()
    return sum(parameter.size for parameter in network.parameters()), total


def _in_own_process(function: Any, *arguments: Any) -> Any:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *arguments).result()


def _times(
    folder: Path, engine: str, precision: str, threads: int, batch: int, size: tuple[int, int]
) -> tuple[list[float], float | None]:
    """Return the seconds of each call, and the peak memory of this process in MB."""
    deployment = Deployment.read(folder)
    network = open_engine(folder, deployment.interface, engine, precision, threads)
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal((batch, 3, *size)).astype(np.float32)]
    if "trimap" in deployment.interface.inputs:
        inputs.append(rng.choice(np.array([0, 128, 255], np.float32), (batch, 1, *size)))
    network(*inputs)
    times: list[float] = []
    while sum(times) < _LEAST_SECONDS or len(times) < 5:
        started = time.perf_counter()
        network(*inputs)
        times.append(time.perf_counter() - started)
    peak = memory.peak()
    return times, peak and peak / 1e6


def parse_ways(engines: Sequence[str], precisions: Sequence[str], folder: Path) -> list[tuple[str, str]]:
    """Return the (engine, precision) pairs that exist, out of all combinations.

    Raises:
        MattingError: there is none.
    """
    has_int8 = (folder / FILES["int8"]).is_file()
    pairs = [way for way in possible(engines, precisions) if way[1] != "int8" or has_int8]
    if not pairs:
        raise MattingError(
            f"no engine of {', '.join(engines)} computes in {', '.join(precisions)} here; int8 needs an export made "
            "with --calibrate, bf16 needs openvino"
        )
    return pairs
