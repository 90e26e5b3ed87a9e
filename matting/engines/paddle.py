"""Running an exported network in Paddle Inference."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
from paddle import inference

from matting.engines import paddle_file
from matting.engines.network import Interface, explained
from matting.system import cpu


class PaddleInferenceNetwork:
    """Paddle's static program as a function on arrays, on the CPU through oneDNN.

    Args:
        file: `model.json`, with `model.pdiparams` beside it.
        threads: 0 takes all cores.
    """

    def __init__(self, file: Path, interface: Interface, threads: int = 0) -> None:
        self.interface = interface
        paddle_file.check(file, file.with_suffix(".pdiparams"))
        config = inference.Config(str(file), str(file.with_suffix(".pdiparams")))
        config.disable_gpu()
        config.disable_glog_info()
        config.enable_new_executor()
        config.enable_mkldnn()
        # With this pass Paddle 3.3.1 fails on these networks ("fused_conv2d ... not found"); without it oneDNN still
        # computes the convolutions.
        config.delete_pass("onednn_placement_pass")
        config.set_cpu_math_library_num_threads(threads or cpu.threads())
        self._file = file
        with explained("Paddle Inference", file):
            self._predictor = inference.create_predictor(config)
        # Its program does not keep the names of its outputs, only their order.
        names = self._predictor.get_output_names()
        outputs = interface.gives if len(names) == len(interface.gives) else names
        interface.check_names(file, self._predictor.get_input_names(), outputs)
        self._lock = threading.Lock()

    def __call__(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        """See `matting.engines.Network`."""
        arrays = self.interface.completed(inputs)
        with self._lock, explained("Paddle Inference", self._file):
            for name, array in arrays.items():
                self._predictor.get_input_handle(name).copy_from_cpu(np.ascontiguousarray(array))
            self._predictor.run()
            handles = map(self._predictor.get_output_handle, self._predictor.get_output_names())
            return {name: handle.copy_to_cpu() for name, handle in zip(self.interface.gives, handles, strict=True)}
