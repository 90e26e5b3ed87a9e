"""Eight-bit versions of an export, tuned on one's own pictures and measured against the original."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matting import builder
from matting.deployment.description import Deployment, open_predictor
from matting.engines import FILES, open_engine
from matting.errors import MattingError
from matting.pictures.files import read_image
from matting.predictor import Predictor
from matting.system.filling import filling

logger = logging.getLogger(__name__)

BOUND = 0.002
"""The mean absolute difference from the float32 matte that an int8 version may have."""

_KEPT = (0, 4, 8, 16, 32)
"""How many of the first convolutions stay in float32, tried in turn: what they lose, all later ones inherit."""

_CALIBRATED, _JUDGED = 16, 16
"""Pictures for the ranges, and pictures (others, if there are enough) for the difference."""


@dataclass(frozen=True)
class Quantised:
    """What came out: the mean absolute difference from float32, and how many convolutions stayed in it."""

    difference: float
    kept: int
    convolutions: int
    judged: int

    def __str__(self) -> str:
        return (
            f"int8: MAD {self.difference:.5f} from float32 on {self.judged} pictures; {self.kept} of "
            f"{self.convolutions} convolutions kept in float32"
        )


def calibrate(folder: Path, images: Sequence[Path]) -> Quantised:
    """Add `model_int8.onnx` to an export: weights and activations of convolutions in 8 bits.

    Args:
        images: photographs of the kind that the network will see, some dozens.

    Raises:
        MattingError: no picture can be read, the network takes a trimap, or even with many convolutions in float32 the
            matte differs by more than `BOUND`.
    """
    import onnxruntime

    deployment = Deployment.read(folder)
    if deployment.interface.inputs != ("image",):
        raise MattingError("--calibrate is for networks that take an image alone")
    predictor = open_predictor(folder)
    inputs = [predictor.prepare(read_image(path))[0]["image"] for path in images[:_CALIBRATED]]
    judges = list(images[_CALIBRATED : _CALIBRATED + _JUDGED]) or list(images[:_JUDGED])
    pictures = [read_image(path) for path in judges]
    expected = [predictor(picture) for picture in pictures]
    convolutions = _convolutions(folder / FILES["onnx"])
    best = Quantised(float("inf"), 0, len(convolutions), len(pictures))
    onnxruntime.set_default_logger_severity(3)
    for kept in _KEPT:
        # Not yet under a name at which an engine would find it, however this ends.
        with filling(folder, inside=True) as scratch:
            _quantise(folder / FILES["onnx"], scratch / FILES["int8"], inputs, convolutions[:kept])
            network = open_engine(scratch, deployment.interface, precision="int8")
            eight = Predictor(network, builder.transforms(deployment.transforms))
            apart = [np.abs(eight(picture) - alpha).mean() for picture, alpha in zip(pictures, expected, strict=True)]
            best = Quantised(float(np.mean(apart)), kept, len(convolutions), len(pictures))
            logger.info("%s", best)
            if best.difference <= BOUND:
                (scratch / FILES["int8"]).replace(folder / FILES["int8"])
                deployment.write(folder)
                return best
    raise MattingError(
        f"int8 differs from float32 by MAD {best.difference:.4f} even with {best.kept} convolutions in float32, more "
        f"than {BOUND}; use fp32 or bf16, or calibrate on more pictures of your kind"
    )


def _convolutions(file: Path) -> list[str]:
    import onnx

    model = onnx.load(file, load_external_data=False)
    return [node.name for node in model.graph.node if node.op_type == "Conv"]


def _quantise(source: Path, target: Path, inputs: Sequence[np.ndarray], kept: Sequence[str]) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self._left: Iterator[np.ndarray] = iter(inputs)

        def get_next(self) -> dict[str, np.ndarray] | None:
            image = next(self._left, None)
            return None if image is None else {"image": image}

    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # it advises a preparation that these networks do not need
    try:
        quantize_static(
            source, target, Reader(), quant_format=QuantFormat.QDQ, op_types_to_quantize=["Conv"], per_channel=True,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, nodes_to_exclude=list(kept),
        )  # fmt: skip
    finally:
        logging.getLogger().setLevel(level)
