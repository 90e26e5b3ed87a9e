"""Choosing what foregrounds are composited over: by a published list, or drawn by seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from matting.curation.preparation.plan import Item
from matting.errors import MattingError
from matting.pictures.listing import list_images

TRAINING = 100
"""Backgrounds a foreground in training, as Deep Image Matting composites them (Xu et al. 2017, section 3.2)."""

TESTING = 20
"""Backgrounds a foreground in testing."""


def draw_backgrounds(items: Sequence[Item], folder: Path, per_item: int, seed: int) -> list[Item]:
    """Give every item its own backgrounds, drawn from a folder; none serves twice before all have served once.

    Raises:
        MattingError: the folder holds no picture.
    """
    available = list_images(folder)
    if not available:
        raise MattingError(f"{folder} holds no picture to composite over; name a folder of backgrounds")
    rng = np.random.default_rng(seed)
    needed = len(items) * per_item
    rounds = -(-needed // len(available))
    order = np.concatenate([rng.permutation(len(available)) for _ in range(rounds)])
    return [
        replace(item, backgrounds=tuple(available[k] for k in order[number * per_item : (number + 1) * per_item]))
        for number, item in enumerate(items)
    ]


def listed_backgrounds(items: Sequence[Item], folder: Path, names: Sequence[str], per_item: int) -> list[Item]:
    """Give item k the names from `k * per_item` on, as the lists of Composition-1k mean it.

    A file of the same stem and another ending will do: many keep these backgrounds as PNG.

    Raises:
        MattingError: the list is too short, or names a picture that is not there.
    """
    if len(names) < len(items) * per_item:
        raise MattingError(
            f"{len(items)} foregrounds need {len(items) * per_item} backgrounds, {per_item} each, but the published "
            f"list names {len(names)}; take the list that came with the foregrounds"
        )
    by_stem = {path.stem: path for path in list_images(folder)}
    wanted = [Path(name).stem for name in names[: len(items) * per_item]]
    missing = sorted({name for name in wanted if name not in by_stem})
    if missing:
        raise MattingError(
            f"{folder} lacks {len(missing)} of {len(set(wanted))} backgrounds that the published list names, the first "
            f"is {missing[0]}; they come from MS COCO (training) and PASCAL VOC 2012 (test)"
        )
    paths = [by_stem[name] for name in wanted]
    return [
        replace(item, backgrounds=tuple(paths[number * per_item : (number + 1) * per_item]))
        for number, item in enumerate(items)
    ]
