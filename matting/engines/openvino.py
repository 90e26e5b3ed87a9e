"""Running an exported network in OpenVINO, by one program for all sizes that is compiled once and kept on disk."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from matting.engines.network import Interface, explained
from matting.errors import MattingError
from matting.system import atomic, cpu

_KERNELS = 1000
"""Kernels that are kept, which are made for a size at its first picture: those of about a dozen sizes, some 30 MB each.
OpenVINO's own 5000 would hold several gigabytes in a folder of photographs cut by hand."""

_SIZES = 4
"""Programs of one size that are kept, where one for all sizes cannot be had."""

_DIGEST = hashlib.sha256().digest_size


class OpenVINONetwork:
    """An ONNX file as a function on arrays, on the CPU.

    One program takes all sizes. One for each size is a tenth faster once it is there, but takes 150 MB more, and to
    compile it costs what it saves on a dozen pictures (docs/deployment.md).

    Args:
        file: with the inputs of and outputs of the interface.
        threads: 0 takes all cores.
        precision: "fp32", "bf16" (where the processor computes in it), or "int8" (the file holds it).
        programs: a folder in which the compiled program is kept for the next process; None keeps none.

    Raises:
        MattingError: the processor has no bfloat16, or the file cannot be read.
    """

    def __init__(
        self, file: Path, interface: Interface, threads: int = 0, precision: str = "fp32", programs: Path | None = None
    ) -> None:
        self.interface = interface
        core = _core()
        if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise MattingError("--precision bf16: this processor does not compute in bfloat16; use fp32 or int8")
        settings = {
            "INFERENCE_NUM_THREADS": threads or cpu.threads(),
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "CPU_RUNTIME_CACHE_CAPACITY": _KERNELS,
        }
        self._lock = threading.Lock()
        self._file = file
        with explained("OpenVINO", file):
            content = file.read_bytes()
            self._requests = _ForEachSize(core, content, settings) if precision == "int8" else None
            program = core.read_model(content) if self._requests else _program(core, content, settings, programs)
            self._request: Any = None if self._requests else program.create_infer_request()
        known = {*interface.takes, *interface.gives}
        interface.check_names(
            file, [_name(value, known) for value in program.inputs], [_name(value, known) for value in program.outputs]
        )

    def __call__(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        """See `matting.engines.Network`."""
        arrays = self.interface.completed(inputs)
        # One call at a time: it takes all cores anyway, and a program's buffers serve one caller.
        with self._lock, explained("OpenVINO", self._file):
            request = self._requests(arrays) if self._requests else self._request
            request.infer(arrays, share_inputs=True)
            return {name: request.get_tensor(name).data.copy() for name in self.interface.gives}


@cache
def _core() -> Any:
    """Return OpenVINO, which lives as long as the process.

    Each has its signals answered on a small stack of its own. When it goes, it puts back what was there before, be it
    the stack of another one that is gone: the next Ctrl-C would then end the process without a word.
    """
    return openvino.Core()


class _ForEachSize:
    """Programs of one size each, the last few of which are kept.

    OpenVINO 2026.4 cannot compile eight bits for sizes that it does not know ("Accessing out-of-range dimension").
    """

    def __init__(self, core: Any, content: bytes, settings: dict[str, Any]) -> None:
        self._core, self._content, self._settings = core, content, settings
        self._kept: OrderedDict[tuple, Any] = OrderedDict()

    def __call__(self, arrays: dict[str, np.ndarray]) -> Any:
        sizes = tuple(array.shape for array in arrays.values())
        if sizes not in self._kept:
            model = self._core.read_model(self._content)
            model.reshape({name: list(array.shape) for name, array in arrays.items()})
            self._kept[sizes] = self._core.compile_model(model, "CPU", self._settings).create_infer_request()
            if len(self._kept) > _SIZES:
                self._kept.popitem(last=False)
        self._kept.move_to_end(sizes)
        return self._kept[sizes]


def _program(core: Any, content: bytes, settings: dict[str, Any], programs: Path | None) -> Any:
    """Return the compiled network, from the folder of programs if it is there.

    OpenVINO would run a damaged program and give wrong numbers, so each lies behind its checksum.
    """
    if programs is None:
        return core.compile_model(core.read_model(content), "CPU", settings)
    kept = programs / _key(core, content, settings)
    with suppress(Exception):  # whatever is wrong with it, it is made again
        stored = kept.read_bytes()
        if hashlib.sha256(stored[_DIGEST:]).digest() == stored[:_DIGEST]:
            return core.import_model(stored[_DIGEST:], "CPU", settings)
    program = core.compile_model(core.read_model(content), "CPU", settings)
    with suppress(MattingError):  # where nothing can be written, each process compiles for itself
        blob = program.export_model().getvalue()
        atomic.write_bytes(kept, hashlib.sha256(blob).digest() + blob)
    return program


def _key(core: Any, content: bytes, settings: dict[str, Any]) -> str:
    """Return the name of a program: of another network, OpenVINO, processor or setting it is another one."""
    capabilities = sorted(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    processor = core.get_property("CPU", "FULL_DEVICE_NAME"), capabilities, sorted(cpu.flags())
    matters = (hashlib.sha256(content).hexdigest(), openvino.__version__, processor, sorted(settings.items()))
    return hashlib.sha256(repr(matters).encode()).hexdigest()[:20] + ".blob"


def _name(value: Any, known: set[str]) -> str:
    """Return the name of an input or output, of several the one that is known."""
    names = sorted(value.get_names())
    return next((name for name in names if name in known), names[0] if names else "?")
