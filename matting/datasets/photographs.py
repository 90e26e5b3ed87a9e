"""Photographs without labels, as training samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from matting.pictures.files import read_image
from matting.sample import Sample


class Photographs:
    """Unlabelled pictures that go through transforms.

    Args:
        paths: of the pictures.
        transforms: built transforms, down to the network's input.
        seed: together with epoch and index it determines a sample.
    """

    def __init__(self, paths: Sequence[Path], transforms: Sequence[Callable[..., Sample]], seed: int = 0) -> None:
        self.paths, self.transforms, self.seed = list(paths), list(transforms), seed

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, key: int | tuple[int, int]) -> Sample:
        """Return the sample (epoch, index): a pure function of seed, epoch and index.

        Raises:
            MattingError: the file cannot be read.
        """
        epoch, index = key if isinstance(key, tuple) else (0, key)
        rng = np.random.default_rng((self.seed, epoch, index))
        sample: Any = {"image": read_image(self.paths[index]), "name": str(self.paths[index])}
        for transform in self.transforms:
            sample = transform(sample, rng)
        return sample
