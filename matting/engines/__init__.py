"""What runs an exported network: OpenVINO, ONNX Runtime, or Paddle Inference, each a function on arrays."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from matting.engines.network import Interface, Network
from matting.errors import MattingError
from matting.text import is_utf8

ENGINES = ("openvino", "onnxruntime", "paddle")
"""By speed on a CPU, the fastest first (docs/deployment.md)."""

PRECISIONS = ("fp32", "bf16", "int8")

FILES = {"onnx": "model.onnx", "int8": "model_int8.onnx", "paddle": "model.json"}
"""The files of an export by kind."""

PARAMETERS = "model.pdiparams"
"""Beside Paddle's file, its weights."""

_PACKAGES = {"openvino": "openvino", "onnxruntime": "onnxruntime", "paddle": "paddle"}

__all__ = ["ENGINES", "FILES", "PARAMETERS", "PRECISIONS", "Interface", "Network", "choose", "installed", "open_engine"]


def installed() -> list[str]:
    """Return the engines that are installed, the fastest first."""
    return [name for name in ENGINES if importlib.util.find_spec(_PACKAGES[name])]


def choose(name: str) -> str:
    """Return the engine to use: the one asked for, or for "auto" the fastest that is installed.

    Raises:
        MattingError: it is unknown or not installed.
    """
    if name == "auto":
        return installed()[0]
    if name not in ENGINES:
        raise MattingError(f"--engine {name}: it must be auto or one of {', '.join(ENGINES)}")
    if name not in installed():
        raise MattingError(f"--engine {name} is not installed; pip install {_PACKAGES[name]}, or use --engine auto")
    return name


def open_engine(
    folder: Path, interface: Interface, name: str = "auto", precision: str = "fp32", threads: int = 0
) -> Network:
    """Load an exported network.

    Args:
        folder: holds `FILES`.
        interface: what the network takes.
        name: "auto" or one of `ENGINES`.
        precision: one of `PRECISIONS`; int8 needs an export that was calibrated.
        threads: 0 takes all cores.

    Returns:
        The network, whose calls from several threads are safe.

    Raises:
        MattingError: the engine or precision is not there.
    """
    name = choose(name)
    if precision not in PRECISIONS:
        raise MattingError(f"--precision {precision}: it must be one of {', '.join(PRECISIONS)}")
    if precision == "bf16" and name != "openvino":
        raise MattingError(f"--precision bf16 is done by openvino alone, not by {name}; use fp32 or int8")
    kind = "int8" if precision == "int8" else "paddle" if name == "paddle" else "onnx"
    if precision == "int8" and name == "paddle":
        raise MattingError("--precision int8 is done by openvino and onnxruntime, not by paddle")
    file = folder / FILES[kind]
    for part in (file, *([folder / PARAMETERS] if kind == "paddle" else [])):
        # Paddle would go on without its weights, and with any numbers in their place.
        if not part.is_file():
            cure = "export with --calibrate IMAGES" if kind == "int8" else "export again"
            raise MattingError(f"the export {folder} has no {part.name}; {cure}")
    if name != "openvino" and not is_utf8(file):
        raise MattingError(f"{name} reads files of UTF-8 names only, and {folder} is none; rename it")
    if name == "openvino":
        from matting.engines.openvino import OpenVINONetwork

        return OpenVINONetwork(file, interface, threads, precision)
    if name == "onnxruntime":
        from matting.engines.onnxruntime import ONNXRuntimeNetwork

        return ONNXRuntimeNetwork(file, interface, threads)
    from matting.engines.paddle import PaddleInferenceNetwork

    return PaddleInferenceNetwork(file, interface, threads)
