"""From a photograph to its matte: the one path that evaluation, prediction and deployment share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np

from matting.choices import REFINEMENTS
from matting.engines.network import Interface, Network
from matting.errors import MattingError
from matting.refine import is_refined, joined, refine
from matting.sample import BACKGROUND, FOREGROUND, UNKNOWN, Sample
from matting.transforms.compose import Compose
from matting.transforms.geometry import Padded, Resized, undo
from matting.trimap import impose

_CLASSES = np.array([BACKGROUND, UNKNOWN, FOREGROUND], np.uint8)
"""The planes of a drawn trimap, in their order."""


class Predictor:
    """Photographs in, mattes out, at the photographs' own sizes. Load once, call often, from several threads
    if the network allows it (exported ones do).

    Args:
        network: of `matting.engines`.
        transforms: bring a photograph to the network's input, as under `val_dataset.transforms`; each geometric one is
            undone on the way out. Where they leave a size that the network does not take, the picture is padded at the
            bottom and the right, and the matte cut back.
        refinement: how edges are found at the photograph's size, one of `matting.choices.REFINEMENTS`; "best" calls the
            network twice, unless it has a memory.

    Raises:
        MattingError: `refinement` is none of these.

    Example:
        >>> class Threshold:
        ...     interface = Interface()
        ...     def __call__(self, image): return {"alpha": (image[:, :1] > 0.5).astype("float32")}
        >>> picture = np.full((2, 3, 3), 200, np.uint8)
        >>> Predictor(Threshold(), [])(picture)[0, 0]
        np.float32(1.0)
    """

    def __init__(self, network: Network, transforms: Sequence[Callable[..., Sample]], refinement: str = "none") -> None:
        if refinement not in REFINEMENTS:
            raise MattingError(f"refine is {refinement!r}; it must be one of {', '.join(REFINEMENTS)}")
        self.network = network
        self.refinement = refinement
        self.transforms = Compose(list(transforms))

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
        return self.run(image, trimap)[0]

    def run(
        self, image: np.ndarray, trimap: np.ndarray | None = None, with_trimap: bool = False
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the matte as a call does, and with `with_trimap` the trimap that the network draws inside.

        Returns:
            Alpha, (H, W) float32 in [0, 1], and the trimap, (H, W) uint8 in {0, 128, 255}, or None.

        Raises:
            MattingError: as a call, or the network draws no trimap.
        """
        self.check(image, trimap)
        if with_trimap and not self.draws_trimap:
            raise MattingError("this network draws no trimap inside, only SHM does; leave it out")
        batch, steps = self.prepare(image, trimap)
        outputs = self.network(*(batch[name] for name in self.network.interface.inputs))
        alpha = self.restored(outputs["alpha"], batch, steps, image)
        drawn = None
        if with_trimap:
            planes = [undo(plane, steps) for plane in outputs["trimap"][0]]
            drawn = _CLASSES[np.argmax(planes, axis=0)]
        return (alpha if trimap is None else impose(alpha, trimap)), drawn

    def stream(self) -> Stream:
        """Return what cuts out the frames of one clip in turn."""
        return Stream(self)

    @property
    def takes_trimap(self) -> bool:
        """Whether the network needs a trimap of every photograph."""
        return "trimap" in self.network.interface.inputs

    @property
    def draws_trimap(self) -> bool:
        """Whether the network draws one itself."""
        return "trimap" in self.network.interface.outputs

    def prepare(self, image: np.ndarray, trimap: np.ndarray | None = None) -> tuple[dict[str, np.ndarray], tuple]:
        """Return what the network gets of a photograph, and the steps that bring its answer back (`geometry.undo`).

        Args:
            image, trimap: as for a call.

        Returns:
            The inputs by name, (1, C, H, W) float32, and the steps.
        """
        sample = Sample(image=image)
        if trimap is not None and self.takes_trimap:
            sample["trimap"] = trimap
        sample = padded(self.transforms(sample), self.network.interface)
        batch = {"image": np.ascontiguousarray(sample["image"].transpose(2, 0, 1)[None], np.float32)}
        if "trimap" in sample:
            batch["trimap"] = sample["trimap"][None, None].astype(np.float32)
        return batch, sample.get("undo", ())

    def restored(
        self, alpha: np.ndarray, batch: Mapping[str, np.ndarray], steps: tuple, image: np.ndarray
    ) -> np.ndarray:
        """Return the matte that a network gave, at the photograph's size; refined where that was shrunk for it.

        Args:
            alpha: as it gave it, (1, 1, H, W).
            batch, steps: what `prepare` returned.
            image: the photograph, (H, W, 3) RGB uint8.

        Raises:
            MattingError: it is of another size than the network's input, or not finite.
        """
        size = batch["image"].shape[2:]
        if alpha.shape != (1, 1, *size):
            raise MattingError(
                f"the network gave {alpha.shape} for a picture of {size}; it must be {(1, 1, *size)}: use another "
                "export, or other weights"
            )
        if not np.isfinite(alpha).all():
            raise MattingError(
                "the network gave numbers that are not finite (NaN or infinite); its weights are broken: use others"
            )
        restored = undo(alpha[0, 0], steps)
        if self.refinement == "none" or not steps or not isinstance(steps[0], Resized):
            return restored
        small = undo(alpha[0, 0], steps[1:])
        # What a network remembers of frames before is not mirrored: it sees the picture once.
        if self.refinement == "best" and is_refined(small, restored) and not self.network.interface.states:
            small = joined(small, undo(self._mirrored(batch), steps[1:]))
            restored = undo(small, steps[:1])
        return refine(image, restored, small, self.refinement)

    def _mirrored(self, batch: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return what the network makes of its mirrored input, mirrored back: (h, w) float32."""
        given = (np.ascontiguousarray(batch[name][..., ::-1]) for name in self.network.interface.inputs)
        return np.ascontiguousarray(self.network(*given)["alpha"][0, 0, :, ::-1])

    def check(self, image: np.ndarray, trimap: np.ndarray | None = None) -> None:
        """Refuse arrays that a call does not take; raises MattingError as a call does."""
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or image.size == 0:
            raise MattingError(f"the image is {image.dtype} {image.shape}; a predictor takes (H, W, 3) RGB uint8")
        if trimap is None and self.takes_trimap:
            raise MattingError(
                "this network needs a trimap and none was given; "
                "give --trimap_path: a file, or a folder that mirrors the images"
            )
        if trimap is not None and (not isinstance(trimap, np.ndarray) or trimap.dtype != np.uint8):
            kind = trimap.dtype if isinstance(trimap, np.ndarray) else type(trimap).__name__
            raise MattingError(f"the trimap is {kind}; give (H, W) uint8 in {{0, 128, 255}}, as read_trimap does")
        if trimap is not None and trimap.shape != image.shape[:2]:
            raise MattingError(f"the trimap is {trimap.shape} but the image is {image.shape[:2]}; the sizes must agree")


class Stream:
    """The frames of one clip, each called for in turn: a network with a memory is given what it remembered of the last.

    Networks without one see every frame by itself, so that whatever reads clips need not know which it has. Not for
    several threads: frames follow each other. `Predictor.stream` makes one.

    Args:
        predictor: by which frames are brought to the network and back.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._states: list[np.ndarray] = []
        self._size: tuple[int, ...] = ()

    def __call__(self, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the matte of the next frame, and its foreground's own colours if the network finds them.

        A frame of another size than the last begins anew, as does the one after `reset`.

        Args:
            frame: (H, W, 3) RGB uint8.

        Returns:
            (H, W) float32 in [0, 1], and (H, W, 3) RGB uint8 or None.

        Raises:
            MattingError: as a call of the predictor.
        """
        predictor = self._predictor
        interface = predictor.network.interface
        if not interface.states and "foreground" not in interface.outputs:
            return predictor(frame), None
        predictor.check(frame)
        if frame.shape != self._size:
            self.reset()
        batch, steps = predictor.prepare(frame)
        outputs = predictor.network(*(batch[name] for name in interface.inputs), *self._states)
        alpha = predictor.restored(outputs["alpha"], batch, steps, frame)
        # Only now, so that a frame that failed is not remembered.
        self._states = [outputs[name] for name in interface.gives[len(interface.outputs) :]]
        self._size = frame.shape
        if "foreground" not in interface.outputs:
            return alpha, None
        planes = [undo(plane, steps) for plane in outputs["foreground"][0]]
        return alpha, np.rint(255 * np.dstack(planes)).astype(np.uint8)

    def reset(self) -> None:
        """Forget the frames before, as where another scene begins."""
        self._states = []


def padded(sample: Sample, interface: Interface) -> Sample:
    """Grow a sample to a size that the network takes, repeating its border; the added trimap is background."""
    height, width = sample["image"].shape[:2]
    stride, smallest = interface.stride, interface.smallest
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
