"""From a photograph to its matte: the one path that evaluation, prediction and deployment share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from matting.errors import MattingError
from matting.sample import BACKGROUND, Sample
from matting.transforms.compose import Compose
from matting.transforms.geometry import Padded, undo
from matting.trimap import impose


class Network(Protocol):
    """A network as a function on arrays: Paddle's layer (`PaddleNetwork`) or an exported program."""

    inputs: tuple[str, ...]
    """What it takes, by layer name: ("image",) or ("image", "trimap")."""

    stride: int
    """Height and width of its input must be multiples of this."""

    smallest: int
    """And not below this."""

    def __call__(self, *inputs: np.ndarray) -> np.ndarray:
        """Map float32 (N, C, H, W) inputs, in the order of `inputs`, to alpha (N, 1, H, W) float32 in [0, 1]."""
        ...


class PaddleNetwork:
    """A Paddle layer as a function on arrays.

    Every call computes in evaluation mode and leaves the layer in the mode in which it found it.
    """

    def __init__(self, layer: Any) -> None:
        self.layer = layer
        self.inputs: tuple[str, ...] = layer.inputs
        self.stride: int = layer.stride
        self.smallest: int = getattr(layer, "smallest", layer.stride)

    def __call__(self, *inputs: np.ndarray) -> np.ndarray:
        import paddle

        was_training = self.layer.training
        self.layer.eval()
        try:
            with paddle.no_grad():
                alpha = self.layer(*(paddle.to_tensor(array) for array in inputs))["alpha"]
                return alpha.astype("float32").numpy()  # under mixed precision it is shorter
        finally:
            if was_training:
                self.layer.train()


class Predictor:
    """Photographs in, mattes out, at the photographs' own sizes. Load once, call often, from several threads
    if the network allows it (exported ones do).

    Args:
        network: see `Network`.
        transforms: bring a photograph to the network's input, as under `val_dataset.transforms`; each geometric one is
            undone on the way out. Where they leave a size that the network does not take, the picture is padded at the
            bottom and the right, and the matte cut back.

    Example:
        >>> class Threshold:
        ...     inputs, stride, smallest = ("image",), 1, 1
        ...     def __call__(self, image): return (image[:, :1] > 0.5).astype("float32")
        >>> picture = np.full((2, 3, 3), 200, np.uint8)
        >>> Predictor(Threshold(), [])(picture)[0, 0]
        np.float32(1.0)
    """

    def __init__(self, network: Network, transforms: Sequence[Callable[..., Sample]]) -> None:
        self.network = network
        self.transforms = Compose(list(transforms))

    @classmethod
    def from_config(cls, path: str | Path, model_path: str | Path, **runtime: Any) -> Predictor:
        """Return the predictor of a configuration and weights, in the fastest engine that is installed.

        Args:
            path: the configuration, a .yml file.
            model_path: a checkpoint folder, a file of weights, a URL, or a published name.
            runtime: fields of `matting.deployment.loading.Runtime`: engine, precision, device, threads, tile_size.

        Raises:
            MattingError: the configuration or the weights are at fault, or the engine is not there.
        """
        from matting import config
        from matting.deployment.loading import Runtime, make_predictor

        return make_predictor(config.load(path), model_path, Runtime(**runtime))

    @classmethod
    def from_export(cls, folder: str | Path, **runtime: Any) -> Predictor:
        """Return the predictor of a folder that tools/export.py made; `runtime` as in `from_config`.

        Raises:
            MattingError: the folder is no export, its files were changed, or the engine is not there.
        """
        from matting.deployment.description import open_predictor

        return open_predictor(Path(folder), **runtime)

    def __call__(self, image: np.ndarray, trimap: np.ndarray | None = None) -> np.ndarray:
        """Return the matte of a photograph.

        Args:
            image: (H, W, 3) RGB uint8.
            trimap: (H, W) uint8 in {0, 128, 255}. Where it says 0 or 255 the matte is set to 0 or 1. A network that
                takes no trimap does not see it.

        Returns:
            (H, W) float32 in [0, 1].

        Raises:
            MattingError: the arrays are not of these shapes and types, the network needs a trimap and none is given, or
                it gives no matte.
        """
        self._check(image, trimap)
        batch, steps = self.prepare(image, trimap)
        alpha = self.network(*(batch[name] for name in self.network.inputs))
        self._check_matte(alpha, batch["image"].shape[2:])
        alpha = undo(alpha[0, 0], steps)
        return alpha if trimap is None else impose(alpha, trimap)

    def prepare(self, image: np.ndarray, trimap: np.ndarray | None = None) -> tuple[dict[str, np.ndarray], tuple]:
        """Return what the network gets of a photograph, and the steps that bring its answer back (`geometry.undo`).

        Args:
            image, trimap: as for a call.

        Returns:
            The inputs by name, (1, C, H, W) float32, and the steps.
        """
        sample = Sample(image=image)
        if trimap is not None and "trimap" in self.network.inputs:
            sample["trimap"] = trimap
        sample = padded(self.transforms(sample), self.network.stride, self.network.smallest)
        batch = {"image": np.ascontiguousarray(sample["image"].transpose(2, 0, 1)[None], np.float32)}
        if "trimap" in sample:
            batch["trimap"] = sample["trimap"][None, None].astype(np.float32)
        return batch, sample.get("undo", ())

    def _check_matte(self, alpha: np.ndarray, size: tuple[int, ...]) -> None:
        if alpha.shape != (1, 1, *size):
            raise MattingError(
                f"the network gave {alpha.shape} for a picture of {size}; it must be {(1, 1, *size)}: use another "
                "export, or other weights"
            )
        if not np.isfinite(alpha).all():
            raise MattingError(
                "the network gave numbers that are not finite (NaN or infinite); its weights are broken: use others"
            )

    def _check(self, image: np.ndarray, trimap: np.ndarray | None) -> None:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise MattingError(f"the image is {image.dtype} {image.shape}; a predictor takes (H, W, 3) RGB uint8")
        if trimap is None and "trimap" in self.network.inputs:
            raise MattingError(
                "this network needs a trimap and none was given; "
                "give --trimap_path: a file, or a folder that mirrors the images"
            )
        if trimap is not None and trimap.shape != image.shape[:2]:
            raise MattingError(f"the trimap is {trimap.shape} but the image is {image.shape[:2]}; the sizes must agree")


def padded(sample: Sample, stride: int, smallest: int) -> Sample:
    """Grow a sample to a size that the network takes, repeating its border; the added trimap is background."""
    height, width = sample["image"].shape[:2]
    below, right = (-max(side, smallest) % stride + max(smallest - side, 0) for side in (height, width))
    if not below and not right:
        return sample
    grown = Sample(**sample)
    grown["image"] = cv2.copyMakeBorder(sample["image"], 0, below, 0, right, cv2.BORDER_REPLICATE)
    if "trimap" in sample:
        grown["trimap"] = cv2.copyMakeBorder(
            sample["trimap"], 0, below, 0, right, cv2.BORDER_CONSTANT, value=BACKGROUND
        )
    grown["undo"] = (*sample.get("undo", ()), Padded(0, 0, height, width))
    return grown
