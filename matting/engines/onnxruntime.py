"""Running an exported network in ONNX Runtime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from matting.engines.network import Interface, explained


class ONNXRuntimeNetwork:
    """An ONNX file as a function on arrays; on a GPU if this ONNX Runtime can use one, else on the CPU.

    Args:
        file: with the inputs of and outputs of the interface.
        threads: 0 takes all cores.
    """

    def __init__(self, file: Path, interface: Interface, threads: int = 0) -> None:
        self.interface = interface
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Kept memory only pays when every picture has one size; with many sizes it grows with each.
        options.enable_cpu_mem_arena = interface.size is not None
        known = onnxruntime.get_available_providers()
        providers = [name for name in ("CUDAExecutionProvider", "CPUExecutionProvider") if name in known]
        self._file = file
        with explained("ONNX Runtime", file):
            self._session = onnxruntime.InferenceSession(file.read_bytes(), options, providers=providers)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        interface.check_names(file, [value.name for value in inputs], [value.name for value in outputs])

    def __call__(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        """See `matting.engines.Network`."""
        named, names = self.interface.completed(inputs), self.interface.gives
        with explained("ONNX Runtime", self._file):
            arrays = self._session.run(list(names), named)
        return dict(zip(names, arrays, strict=True))
