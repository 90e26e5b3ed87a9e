"""The data set of photographs, mattes and backgrounds named by list files, and batches of its samples."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from matting import trimap
from matting.composite import composite, cover_background, fit_background
from matting.datasets.lists import read_lists
from matting.datasets.rssn import disturb
from matting.errors import MattingError
from matting.pictures.files import read_alpha, read_image, read_trimap
from matting.registry import DATASETS
from matting.sample import PictureFiles, Sample
from matting.text import dimensions, sizes_differ

logger = logging.getLogger(__name__)

MODES = ("train", "val", "trainval")

_DELETABLE = {
    "fg": "foreground",
    "bg": "background",
    "foreground": "foreground",
    "background": "background",
    "trimap": "trimap",
}
_BATCHED = ("image", "alpha", "trimap", "foreground", "background")


@DATASETS.register
class MattingDataset:
    """Samples by list, read from their files each time; nothing is ever written.

    Args:
        dataset_root: the folder that the lists' paths start from.
        transforms: built transforms, applied in training; in validation the predictor applies them and undoes them.
        mode: "train" reads `train_file`, "val" `val_file`, "trainval" both, to train on.
        train_file, val_file: a list file or several, relative to `dataset_root`; see `matting.datasets.lists`.
        get_trimap: make a trimap where none is read: of random width in training, by the evaluation rule in validation.
        listed_trimaps: train on the trimaps that the list names, the same in every epoch, where it names any. Without
            it, as in PaddleSeg, they are read in validation alone, and training draws a new one each time.
        separator: what stands between the columns of a list.
        key_del: layers to leave out of training samples: "fg", "bg" (or "foreground", "background"), "trimap".
        if_rssn: disturb composited training samples as the RSSN augmentation does: with probability 1/2 remove noise
            from foreground and background, with probability 1/2 blur the background, so that a network cannot tell them
            by their grain or sharpness. Differs: done to the crop, not the whole picture. Removing noise is slow,
            about 0.7 s for a crop of 512 px.
        seed: together with epoch and index it determines a training sample.
        allow_outside: take list entries that lead out of `dataset_root`.
        repeats: how often each line counts, with draws of its own: a short list fills large batches so.

    Raises:
        MattingError: an argument or a list cannot be used.
    """

    def __init__(
        self,
        dataset_root: str,
        transforms: Sequence[Callable[..., Sample]],
        mode: str = "train",
        train_file: str | Sequence[str] | None = None,
        val_file: str | Sequence[str] | None = None,
        get_trimap: bool = True,
        separator: str = " ",
        key_del: Sequence[str] | None = None,
        if_rssn: bool = False,
        seed: int = 0,
        allow_outside: bool = False,
        listed_trimaps: bool = False,
        repeats: int = 1,
    ) -> None:
        if mode not in MODES:
            raise MattingError(f"mode is {mode!r}; it must be one of {', '.join(MODES)}")
        files: list[str] = []
        for key, given, wanted in (("train_file", train_file, mode != "val"), ("val_file", val_file, mode != "train")):
            if wanted and not given:
                raise MattingError(f"mode {mode} needs {key}; name a list file, relative to dataset_root")
            if wanted and given:
                files += [given] if isinstance(given, str) else list(given)
        unknown = [key for key in key_del or () if key not in _DELETABLE]
        if unknown:
            raise MattingError(f"key_del holds {unknown[0]!r}; it may hold {', '.join(_DELETABLE)}")
        if not isinstance(repeats, int) or isinstance(repeats, bool) or repeats < 1:
            raise MattingError(f"repeats is {repeats!r}; it must be a whole number of at least 1")
        self.entries: list[PictureFiles] = read_lists(files, dataset_root, separator, allow_outside) * repeats
        self.transforms = list(transforms)
        self.mode, self.get_trimap, self.if_rssn, self.seed = mode, get_trimap, if_rssn, seed
        self._deleted = {_DELETABLE[key] for key in key_del or ()}
        self._reads_trimaps = mode == "val" or listed_trimaps
        self._tell_of_trimaps()
        self._leading, self._rest = _split(self.transforms)

    def _tell_of_trimaps(self) -> None:
        unread = 0 if self._reads_trimaps else sum(entry.trimap is not None for entry in self.entries)
        if unread and "trimap" not in self._deleted:
            instead = "draws random ones" if self.get_trimap else "has none"
            logger.info(
                "%d trimaps that the lists name serve validation alone; training %s (listed_trimaps: True takes them)",
                unread, instead,
            )  # fmt: skip

    @property
    def gives_trimaps(self) -> bool:
        """Whether every training sample has a trimap."""
        listed = self._reads_trimaps and all(entry.trimap is not None for entry in self.entries)
        return "trimap" not in self._deleted and (self.get_trimap or listed)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        """Return the training sample (epoch, index), or index in epoch 0: a pure function of seed, epoch and index.

        The leading geometric transforms work on the layers as read; what they leave is composited, gets its trimap, and
        goes through the other transforms. In mode val it is `read(index)`.

        Raises:
            MattingError: a file of the sample cannot be used; the message names the list and line.
        """
        epoch, index = key if isinstance(key, tuple) else (0, key)
        if self.mode == "val":
            return self.read(index)
        try:
            return self._transformed(index, np.random.default_rng((self.seed, epoch, index)))
        except MattingError as error:
            where = self.entries[index].where
            raise MattingError(str(error) if where in str(error) else f"{where}: {error}") from None

    def _transformed(self, index: int, rng: np.random.Generator) -> Sample:
        sample = self._read_layers(index, rng)
        for transform in self._leading:
            sample = transform(sample, rng)
        if "image" not in sample:
            sample = self._composite(sample, rng)
        if self.get_trimap and "trimap" not in sample and "trimap" not in self._deleted:
            # Differs: made at the size of the crop, after resizing, so its width is in pixels that the network sees,
            # and what lies beyond the crop does not widen it.
            sample = {**sample, "trimap": trimap.for_training(sample["alpha"], rng)}
        kept: Any = {name: layer for name, layer in sample.items() if name not in self._deleted}
        sample = kept
        for transform in self._rest:
            sample = transform(sample, rng)
        return sample

    def read(self, index: int) -> Sample:
        """Return a sample at its original size, untransformed.

        In mode val, with a background column, the composite of the whole picture over the top left window of the
        background is made here. In the training modes such a sample has no `image` yet, and its background may be
        coarser.

        Returns:
            `name`, `alpha`; `image`, or `foreground` and `background`, or all three; `trimap` if the list names one and
            it is for this mode (see `listed_trimaps`), or in mode val with `get_trimap`.

        Raises:
            MattingError: a file of the sample cannot be used; the message names the list and line.
        """
        sample = self._read_layers(index, None)
        if self.mode != "val":
            return sample
        if "image" not in sample:
            sample = self._composite(sample, None)
        if self.get_trimap and "trimap" not in sample:
            sample["trimap"] = trimap.for_evaluation(sample["alpha"])
        return sample

    def _read_layers(self, index: int, rng: np.random.Generator | None) -> Sample:
        entry = self.entries[index]
        try:
            sample = Sample(name=entry.name, alpha=read_alpha(entry.matte))
            height, width = sample["alpha"].shape
            if entry.background is None:
                sample["image"] = read_image(entry.image)
            else:
                sample["foreground"] = read_image(entry.image)
                sample["background"] = cover_background(read_image(entry.background), height, width, rng)
            if entry.trimap is not None and self._reads_trimaps:
                sample["trimap"] = read_trimap(entry.trimap)
        except MattingError as error:
            raise MattingError(f"{entry.where}: {error}") from None
        photograph = sample["image"] if "image" in sample else sample["foreground"]
        _check_sizes(entry, photograph, sample)
        return sample

    def _composite(self, sample: Sample, rng: np.random.Generator | None) -> Sample:
        height, width = sample["alpha"].shape
        foreground, background = sample["foreground"], fit_background(sample["background"], height, width)
        if self.if_rssn and rng is not None:
            foreground, background = disturb(foreground, background, rng)
        image = composite(foreground, sample["alpha"], background)
        return {**sample, "image": image, "foreground": foreground, "background": background}


def collate(samples: Sequence[Sample]) -> dict[str, Any]:
    """Stack samples into a batch.

    Returns:
        For every layer that all samples have, a contiguous float32 array: `image`, `foreground` and `background`
        (N, 3, H, W), `alpha` and `trimap` (N, 1, H, W); and `name`, a list.

    Raises:
        MattingError: the samples differ in size.
    """
    first = samples[0]
    guide = next(key for key in ("alpha", "image") if key in first)  # photographs without labels have no alpha
    size = first[guide].shape[:2]
    for sample in samples:
        other = sample[guide]
        if other.shape[:2] != size:
            raise MattingError(
                f"a batch cannot hold {first['name']} ({dimensions(first[guide].shape)}) and {sample['name']} "
                f"({dimensions(other.shape)}); let the transforms end in one size, by RandomCrop, Resize or Padding, "
                "or set batch_size to 1"
            )
    batch: dict[str, Any] = {"name": [sample["name"] for sample in samples]}
    for key in _BATCHED:
        layers: list[np.ndarray] = [sample[key] for sample in samples if key in sample]  # type: ignore[literal-required]
        if len(layers) < len(samples):
            continue
        channels = layers[0].shape[2] if layers[0].ndim == 3 else 1
        batch[key] = np.empty((len(layers), channels, *size), np.float32)
        for slot, layer in zip(batch[key], layers, strict=True):
            slot[...] = layer.transpose(2, 0, 1) if layer.ndim == 3 else layer
    return batch


def _split(transforms: list[Any]) -> tuple[list[Any], list[Any]]:
    """Part the transforms that may run before compositing from the rest: from the first that needs the image."""
    for position, transform in enumerate(transforms):
        if not getattr(transform, "geometric", False):
            return transforms[:position], transforms[position:]
    return transforms, []


def _check_sizes(entry: PictureFiles, photograph: np.ndarray, sample: Sample) -> None:
    layers = [(entry.matte, sample["alpha"])]
    if entry.trimap is not None and "trimap" in sample:
        layers.append((entry.trimap, sample["trimap"]))
    for path, layer in layers:
        if layer.shape != photograph.shape[:2]:
            differ = sizes_differ(path, layer.shape, entry.image, photograph.shape)
            raise MattingError(f"{entry.where}: {differ}; the sizes must agree")
