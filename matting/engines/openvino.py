"""Running an exported network in OpenVINO, compiled for the sizes that occur."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from matting.engines.network import Interface, explained
from matting.errors import MattingError
from matting.system import cpu

_KEPT = 4
"""Compiled sizes that are kept; each holds its own buffers."""


class OpenVINONetwork:
    """An ONNX file as a function on arrays, on the CPU.

    A program for one size is faster than one for all sizes, and compiling it costs about as much as the first call of
    the latter (docs/deployment.md). So each size gets its own, and the last few are kept.

    Args:
        file: with the inputs of and outputs of the interface.
        threads: 0 takes all cores.
        precision: "fp32", "bf16" (where the processor computes in it), or "int8" (the file holds it).

    Raises:
        MattingError: the processor has no bfloat16, or the file cannot be read.
    """

    def __init__(self, file: Path, interface: Interface, threads: int = 0, precision: str = "fp32") -> None:
        self.interface = interface
        self._core = openvino.Core()
        if precision == "bf16" and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise MattingError("--precision bf16: this processor does not compute in bfloat16; use fp32 or int8")
        self._settings = {
            "INFERENCE_NUM_THREADS": threads or cpu.threads(),
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        }
        self._lock = threading.Lock()
        self._compiled: OrderedDict[tuple, Any] = OrderedDict()
        self._file = file
        with explained("OpenVINO", file):
            # Kept, because each new size reads the network again, and by then the file may be gone or another.
            self._content = file.read_bytes()
            model = self._core.read_model(self._content)
        known = {*interface.takes, *interface.gives}
        interface.check_names(
            file, [_name(value, known) for value in model.inputs], [_name(value, known) for value in model.outputs]
        )

    def __call__(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        """See `matting.engines.Network`."""
        arrays = self.interface.completed(inputs)
        # One call at a time: it takes all cores anyway, and a program's buffers serve one caller.
        with self._lock, explained("OpenVINO", self._file):
            request = self._request(arrays)
            request.infer(arrays, share_inputs=True)
            return {name: request.get_tensor(name).data.copy() for name in self.interface.gives}

    def _request(self, arrays: dict[str, np.ndarray]) -> Any:
        sizes = tuple(array.shape for array in arrays.values())
        if sizes not in self._compiled:
            model = self._core.read_model(self._content)
            model.reshape({name: list(array.shape) for name, array in arrays.items()})
            self._compiled[sizes] = self._core.compile_model(model, "CPU", self._settings).create_infer_request()
            if len(self._compiled) > _KEPT:
                self._compiled.popitem(last=False)
        self._compiled.move_to_end(sizes)
        return self._compiled[sizes]


def _name(value: Any, known: set[str]) -> str:
    """Return the name of an input or output, of several the one that is known."""
    names = sorted(value.get_names())
    return next((name for name in names if name in known), names[0] if names else "?")
