"""Converting other people's checkpoints: names, then a strict load, then a run that shows that it works."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from matting import builder, config, weights
from matting.conversion import modnet, modnet_onnx, onnx_file, shm, torchvision
from matting.deployment import completion
from matting.engines.dynamic import DynamicNetwork
from matting.engines.trial import trial_picture
from matting.errors import MattingError
from matting.registry import BACKBONES, nearest
from matting.weights.identity import identity

logger = logging.getLogger(__name__)

TOLERANCE = 1e-4
"""How far alpha may lie from what the checkpoint's own network computed."""


@dataclass(frozen=True)
class Kind:
    """One kind of checkpoint: how its names turn into ours, and the network they are for.

    A whole network is named by its configuration, a backbone by its own spec.
    """

    names: Callable[[Any], Any]
    config: str = ""
    backbone: dict[str, Any] | None = None
    read: Callable[[Path], Any] = weights.read_weights


KINDS = {
    "modnet-torch": Kind(modnet.from_torch, "modnet/modnet-mobilenetv2-authors.yml"),
    "modnet-onnx": Kind(
        modnet_onnx.from_onnx, "modnet/modnet-mobilenetv2-authors.yml", read=onnx_file.read_onnx
    ),
    "shm-torch": Kind(shm.from_torch, "shm/shm-mobilenetv2-end_to_end.yml"),
    "torchvision-vgg16": Kind(torchvision.vgg16, backbone={"type": "VGG16", "in_channels": 3}),
    "torchvision-mobilenetv2": Kind(
        torchvision.mobilenetv2, backbone={"type": "MobileNetV2", "expand_first": False}
    ),
    "torchvision-resnet50": Kind(torchvision.resnet50, backbone={"type": "ResNet50_vd"}),
}  # fmt: skip


@dataclass(frozen=True)
class Converted:
    """What a conversion gave: how many arrays, which stayed behind, and how far alpha is from a reference."""

    count: int
    left: list[str]
    difference: float | None = None


def convert(
    kind: str,
    source: Path,
    target: Path,
    compare: Path | None = None,
    pictures: Sequence[np.ndarray] = (),
    fitting_steps: int = 100,
) -> Converted:
    """Convert a checkpoint, run the network with it, and only then write `target` (.pdparams or .safetensors).

    Args:
        kind: one of `KINDS`.
        compare: an `.npz` with `image` (N, 3, H, W), as the network takes it, and the `alpha` (N, 1, H, W) that the
            checkpoint's own network computed of it.
        pictures: photographs, (H, W, 3) RGB uint8, over which a network that came for prediction only is made whole
            (`matting.deployment.completion`).
        fitting_steps: of that.

    Raises:
        MattingError: the checkpoint is broken or of another network, or alpha differs by more than `TOLERANCE`.
    """
    if kind not in KINDS:
        raise MattingError(f"{kind!r} is no kind of checkpoint that is known; {nearest(kind, list(KINDS))}")
    if target.suffix not in (".pdparams", ".safetensors"):
        raise MattingError(f"the target {target} must end in .pdparams or .safetensors")
    if pictures and kind != "modnet-onnx":
        raise MattingError(f"--calibrate is for modnet-onnx, whose norms were folded; {kind} brings its own statistics")
    how = KINDS[kind]
    arrays = how.read(source)
    if how.backbone:
        if compare:
            raise MattingError("--compare is for whole networks; a backbone has no alpha")
        converted, left = how.names(arrays)
        _try_backbone(how.backbone, converted)
        weights.write_weights(target, converted)
        return Converted(len(converted), left)
    converted = how.names(arrays)
    values = config.load(how.config)
    network = builder.model(values, pretrained=False)
    weights.put(network, converted, source)
    if pictures:
        completion.complete(network, pictures, fitting_steps)
        converted = {key: value.numpy() for key, value in network.state_dict().items()}
    difference = _try_network(DynamicNetwork(network), compare)
    weights.write_weights(target, converted, identity(values))
    return Converted(len(converted), [], difference)


def _try_network(network: DynamicNetwork, compare: Path | None) -> float | None:
    """Run the network on a picture, or on the reference's input, whose alpha it must then give."""
    if compare is None:
        image, _ = trial_picture(160, 128)
        alpha = network((image.transpose(2, 0, 1)[None] / 127.5 - 1).astype(np.float32))["alpha"]
        if not np.isfinite(alpha).all() or alpha.min() < 0 or alpha.max() > 1:
            raise MattingError(f"the converted network gives alpha from {alpha.min()} to {alpha.max()}, not in 0 to 1")
        logger.info("alpha of a picture: mean %.4f, from %.4f to %.4f", alpha.mean(), alpha.min(), alpha.max())
        return None
    image, theirs = _reference(compare)
    ours = network(image)["alpha"]
    if ours.shape != theirs.shape:
        raise MattingError(f"{compare}: alpha is {theirs.shape}, the network gives {ours.shape} of this image")
    difference = float(np.abs(ours - theirs).max())
    if not difference <= TOLERANCE:
        raise MattingError(
            f"alpha differs from the one in {compare} by {difference:.2e}, more than {TOLERANCE}; was it computed in "
            "evaluation mode, from the same checkpoint and input?"
        )
    return difference


def _reference(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return arrays["image"].astype(np.float32), arrays["alpha"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MattingError(f"--compare {path}: {error}; it must be an .npz with `image` and `alpha`") from None


def _try_backbone(spec: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Load the arrays into the backbone, none of them unfit, and run it."""
    options = {key: value for key, value in spec.items() if key != "type"}
    backbone = BACKBONES[spec["type"]](**options)
    weights.put(backbone, arrays, "the converted backbone", partial=True)
    backbone.eval()
    with paddle.no_grad():
        maps = backbone(paddle.zeros([1, 3, 64, 64]))
    maps = [part for part in maps if isinstance(part, paddle.Tensor)] if isinstance(maps, list | tuple) else [maps]
    if not all(np.isfinite(part.numpy()).all() for part in maps):
        raise MattingError("the converted backbone gives numbers that are not finite")
