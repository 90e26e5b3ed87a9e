"""What runs an exported network: OpenVINO, ONNX Runtime, or Paddle Inference, each a function on arrays."""

from __future__ import annotations

from pathlib import Path

from matting.engines.network import Interface, Network
from matting.engines.table import ENGINES, PRECISIONS, choose, installed
from matting.errors import MattingError
from matting.text import is_utf8

FILES = {"onnx": "model.onnx", "int8": "model_int8.onnx", "paddle": "model.json"}
"""The files of an export by kind."""

PARAMETERS = "model.pdiparams"
"""Beside Paddle's file, its weights."""

__all__ = ["ENGINES", "FILES", "PARAMETERS", "PRECISIONS", "Interface", "Network", "choose", "installed", "open_engine"]


def open_engine(
    folder: Path,
    interface: Interface,
    name: str = "auto",
    precision: str = "fp32",
    threads: int = 0,
    programs: Path | None = None,
) -> Network:
    """Load an exported network.

    Args:
        folder: holds `FILES`.
        interface: what the network takes.
        name: "auto" or one of `ENGINES`.
        precision: one of `PRECISIONS`; int8 needs an export that was calibrated.
        threads: 0 takes all cores.
        programs: a folder in which an engine that compiles keeps what it compiled; None keeps nothing.

    Returns:
        The network, whose calls from several threads are safe.

    Raises:
        MattingError: the engine or precision is not there.
    """
    engine = choose(name)
    engine.check(precision)
    kind = engine.file_for(precision)
    file = folder / FILES[kind]
    for part in (file, *([folder / PARAMETERS] if kind == "paddle" else [])):
        # Paddle would go on without its weights, and with any numbers in their place.
        if not part.is_file():
            cure = "export with --calibrate IMAGES" if kind == "int8" else "export again"
            raise MattingError(f"the export {folder} has no {part.name}; {cure}")
    if not engine.any_name and not is_utf8(file):
        raise MattingError(f"{engine.name} reads files of UTF-8 names only, and {folder} is none; rename it")
    if engine.name == "openvino":
        from matting.engines.openvino import OpenVINONetwork

        return OpenVINONetwork(file, interface, threads, precision, programs)
    if engine.name == "onnxruntime":
        from matting.engines.onnxruntime import ONNXRuntimeNetwork

        return ONNXRuntimeNetwork(file, interface, threads)
    from matting.engines.paddle import PaddleInferenceNetwork

    return PaddleInferenceNetwork(file, interface, threads)
