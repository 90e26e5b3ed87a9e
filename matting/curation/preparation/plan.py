"""What preparing a data set means: which pictures become which samples, decided before a file is touched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from matting.sample import PictureFiles
from matting.trimap import EVALUATION_KERNEL

TRIMAPS = ("none", "fixed", "random")
"""Trimaps to make where a set has none of its own: not at all, of one width, or of a width drawn for each picture."""


@dataclass(frozen=True)
class Choices:
    """What the user may choose; a field that a set has no use for is refused or ignored as its help says.

    Attributes:
        split: shares of train, val and test; None takes the set's own parts, or else the recipe's shares.
        seed: of every draw (split, backgrounds, random trimaps, debug subset).
        backgrounds, test_backgrounds: folders of pictures to composite over.
        images, alphas, trimaps: subfolders of the source, for `folders` only.
        alpha_suffix: what the names of alphas have at the end and those of photographs have not.
        trimap: one of `TRIMAPS`.
        kernel: diameter in pixels of the ellipse of a fixed trimap.
        tolerance: alpha this near to 0 or 1 counts as known when a trimap is made.
        masks: write binary masks (alpha of at least one half) as well.
        extend: continue the foregrounds' colours under alpha 0, see `matting.curation.preparation.foregrounds`.
    """

    split: tuple[float, ...] | None = None
    seed: int = 0
    backgrounds: Path | None = None
    test_backgrounds: Path | None = None
    images: str | None = None
    alphas: str | None = None
    trimaps: str | None = None
    alpha_suffix: str = ""
    trimap: str = "none"
    kernel: int = EVALUATION_KERNEL
    tolerance: float = 0.0
    masks: bool = False
    extend: bool = False


@dataclass(frozen=True)
class Item:
    """One picture of the prepared set, with all that it will be composited over.

    Attributes:
        part: `train`, `val`, `test` or a benchmark's name, also the folder and the list that it goes into; empty for
            those that are to be split.
        files: the sources; `name` becomes the stem of all that is made of them, unique in its part and without spaces.
            Without an alpha the photograph is a cutout, whose fourth channel is the matte.
        backgrounds: what it is laid over, one list line each; empty for a photograph.
        trimaps: none, one, or one for each background.
    """

    part: str
    files: PictureFiles
    backgrounds: tuple[Path, ...] = ()
    trimaps: tuple[Path, ...] = ()


@dataclass
class Plan:
    """All that is to be made, and what was found and is not used, as `path: reason`."""

    items: list[Item]
    dropped: list[str] = field(default_factory=list)
    joined: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Lists that hold several parts, by name: `{"val": ("P3M-500-P", "P3M-500-NP")}`."""
    notes: list[str] = field(default_factory=list)
    """What else the user should know of single files, as `path: remark`."""

    def __add__(self, other: Plan) -> Plan:
        """Join the plans of two parts."""
        joined = {**self.joined, **other.joined}
        return Plan(self.items + other.items, self.dropped + other.dropped, joined, self.notes + other.notes)


@dataclass(frozen=True)
class Recipe:
    """How one published set is prepared.

    Attributes:
        plan: from the source folder and the choices to the plan.
        split: shares of train, val and test if the user names none; None: the set comes with its own parts.
        trimap, kernel, tolerance, masks: this set's defaults of the choices of the same name.
    """

    plan: Callable[[Path, Choices], Plan]
    split: tuple[float, ...] | None
    trimap: str = "none"
    kernel: int = EVALUATION_KERNEL
    tolerance: float = 0.0
    masks: bool = False
