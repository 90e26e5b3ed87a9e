"""What each way of running a network can do, in one table that costs no import: read before anything is loaded."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass

from matting.errors import MattingError

PRECISIONS = ("fp32", "bf16", "int8")
DEVICES = ("auto", "cpu", "gpu", "xpu", "npu", "mlu")
"""What `--device` can be: "auto" takes a GPU if there is one that can be used."""


@dataclass(frozen=True)
class Engine:
    """A way of running a network.

    Attributes:
        name: on the command line.
        title: for people.
        package: without which it does not run.
        distribution: what has that package's version.
        precisions: that it computes in.
        devices: that `--device` can ask it for.
        file: which of `FILES` it reads at fp32; "" for the dynamic graph, which needs no export.
        any_name: whether it reads files whose names are not UTF-8.
    """

    name: str
    title: str
    package: str
    distribution: str
    precisions: tuple[str, ...] = ("fp32",)
    devices: tuple[str, ...] = ("auto", "cpu")
    file: str = "onnx"
    any_name: bool = False

    @property
    def is_installed(self) -> bool:
        return importlib.util.find_spec(self.package) is not None

    def file_for(self, precision: str) -> str:
        """Return which of `FILES` holds the network for a precision."""
        return "int8" if precision == "int8" else self.file

    def check(self, precision: str = "fp32", device: str = "auto") -> None:
        """Refuse what this engine cannot do.

        Raises:
            MattingError: with the value and the engines that can.
        """
        if precision not in PRECISIONS:
            raise MattingError(f"--precision {precision}: it must be one of {', '.join(PRECISIONS)}")
        if precision not in self.precisions:
            able = [engine.name for engine in TABLE.values() if precision in engine.precisions]
            who = f"{able[0]} alone" if len(able) == 1 else " and ".join(able)
            others = " or ".join(self.precisions)
            raise MattingError(f"--precision {precision} is done by {who}, not by {self.name}; use {others}")
        if device not in self.devices:
            raise MattingError(f"--engine {self.name} computes on the CPU; use --engine dynamic on {device}")


TABLE = {
    engine.name: engine
    for engine in (
        Engine("openvino", "OpenVINO", "openvino", "openvino", ("fp32", "bf16", "int8"), any_name=True),
        Engine("onnxruntime", "ONNX Runtime", "onnxruntime", "onnxruntime", ("fp32", "int8")),
        Engine("paddle", "Paddle Inference", "paddle", "paddlepaddle", file="paddle"),
        Engine(
            "dynamic", "Paddle, dynamic graph", "paddle", "paddlepaddle", devices=DEVICES, file="", any_name=True
        ),
    )
}  # fmt: skip
"""By name: those that run an export, the fastest on a CPU first (docs/deployment.md); then the dynamic graph."""

ENGINES = tuple(engine.name for engine in TABLE.values() if engine.file)
CHOICES = ("auto", *TABLE)
"""What `--engine` can be."""


def installed() -> list[str]:
    """Return the engines for an export that are installed, the fastest first."""
    return [name for name in ENGINES if TABLE[name].is_installed]


def choose(name: str) -> Engine:
    """Return the engine for an export: the one asked for, or for "auto" the fastest that is installed.

    Raises:
        MattingError: it is unknown or not installed.
    """
    if name == "auto":
        return TABLE[installed()[0]]
    if name not in ENGINES:
        raise MattingError(f"--engine {name}: it must be auto or one of {', '.join(ENGINES)}")
    if not TABLE[name].is_installed:
        raise MattingError(f"--engine {name} is not installed; pip install {TABLE[name].package}, or use --engine auto")
    return TABLE[name]


def possible(engines: Iterable[str], precisions: Iterable[str]) -> list[tuple[str, str]]:
    """Return the (engine, precision) pairs that exist, out of all combinations."""
    asked = list(precisions)
    return [(name, precision) for name in engines for precision in asked if precision in TABLE[name].precisions]
