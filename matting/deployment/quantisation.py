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
from matting.pictures.files import read_alpha, read_image
from matting.predictor import Predictor
from matting.sample import PictureFiles
from matting.system.filling import filling
from matting.text import sizes_differ

logger = logging.getLogger(__name__)

BOUND = 0.005
"""The mean absolute difference from the float32 matte that an int8 version may have where nobody knows the truth."""

MARGIN = 0.02
"""How much larger its mean absolute difference from true mattes may be than float32's, as a share of that."""

_KEPT = (0, 4, 8, 16, 32)
"""How many of the first convolutions stay in float32, tried in turn: what they lose, all later ones inherit."""

_CALIBRATED, _JUDGED = 16, 16
"""Pictures for the ranges, and pictures (others, if there are enough) for the difference."""


@dataclass(frozen=True)
class Quantised:
    """What came out.

    Attributes:
        difference: the mean absolute difference from float32's mattes.
        kept: how many of the first convolutions stayed in float32, of how many `convolutions`.
        judged: on how many pictures.
        errors: float32's and int8's mean absolute difference from the true mattes, where those were given.
    """

    difference: float
    kept: int
    convolutions: int
    judged: int
    errors: tuple[float, float] | None = None

    @property
    def is_good(self) -> bool:
        """Whether truth says that nothing is lost or, without truth, little has moved."""
        if self.errors is None:
            return self.difference <= BOUND
        return self.errors[1] <= (1 + MARGIN) * self.errors[0]

    def __str__(self) -> str:
        truth = "" if self.errors is None else " ({:.5f} and {:.5f} from the true mattes)".format(*self.errors)
        return (
            f"int8: MAD {self.difference:.5f} from float32{truth} on {self.judged} pictures; {self.kept} of "
            f"{self.convolutions} convolutions kept in float32"
        )


def calibrate(folder: Path, files: Sequence[PictureFiles]) -> Quantised:
    """Add `model_int8.onnx` to an export: weights and activations of convolutions in 8 bits.

    Where true mattes are known they decide, as a matte that moves may as well move towards the truth.

    Args:
        files: photographs of the kind that the network will see, some dozens; all of them with mattes, or none.

    Raises:
        MattingError: no picture can be read, the network takes a trimap, or even with many convolutions in float32 the
            matte is not good enough (`Quantised.is_good`).
    """
    import onnxruntime

    deployment = Deployment.read(folder)
    if deployment.interface.takes != ("image",):
        raise MattingError("--calibrate is for networks that take an image alone")
    predictor = open_predictor(folder)
    inputs = [predictor.prepare(read_image(one.image))[0]["image"] for one in files[:_CALIBRATED]]
    judges = list(files[_CALIBRATED : _CALIBRATED + _JUDGED]) or list(files[:_JUDGED])
    pictures = [read_image(one.image) for one in judges]
    truth = [_truth(one, picture) for one, picture in zip(judges, pictures, strict=True) if one.alpha]
    expected = [predictor(picture) for picture in pictures]
    convolutions = _convolutions(folder / FILES["onnx"])
    onnxruntime.set_default_logger_severity(3)
    for kept in _KEPT:
        # Not yet under a name at which an engine would find it, however this ends.
        with filling(folder, inside=True) as scratch:
            _quantise(folder / FILES["onnx"], scratch / FILES["int8"], inputs, convolutions[:kept])
            network = open_engine(scratch, deployment.interface, precision="int8")
            eight = Predictor(network, builder.transforms(deployment.transforms))
            mattes = [eight(picture) for picture in pictures]
            errors = (_apart(expected, truth), _apart(mattes, truth)) if truth else None
            best = Quantised(_apart(mattes, expected), kept, len(convolutions), len(pictures), errors)
            logger.info("%s", best)
            if best.is_good:
                (scratch / FILES["int8"]).replace(folder / FILES["int8"])
                deployment.write(folder)
                return best
    if best.errors:
        raise MattingError(
            f"int8 differs from the true mattes by MAD {best.errors[1]:.4f} even with {best.kept} convolutions in "
            f"float32, all in float32 by {best.errors[0]:.4f}; use fp32 or bf16"
        )
    raise MattingError(
        f"int8 differs from float32 by MAD {best.difference:.4f} even with {best.kept} convolutions in float32, more "
        f"than {BOUND}; use fp32 or bf16, or let true mattes decide (--calibrate_alpha)"
    )


def _truth(one: PictureFiles, picture: np.ndarray) -> np.ndarray:
    alpha = read_alpha(one.matte)
    if alpha.shape != picture.shape[:2]:
        raise MattingError(sizes_differ(one.matte, alpha.shape, one.image, picture.shape) + "; they must agree")
    return alpha


def _apart(mattes: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> float:
    """Return the mean over pictures of the mean absolute difference of two mattes."""
    return float(np.mean([np.abs(one - other).mean() for one, other in zip(mattes, others, strict=True)]))


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
