"""Reading the files of one photograph, matte and trimap, and noting what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from matting.curation.inspection.duplicates import fingerprint
from matting.curation.inspection.findings import ERROR, Finding, Remark
from matting.curation.inspection.layers import check_alpha, check_pair, check_photograph, check_trimap
from matting.errors import MattingError
from matting.pictures.decoding import Description, decode, describe
from matting.pictures.files import PIXEL_LIMIT, quantise, read_alpha, read_image, to_alpha
from matting.sample import PictureFiles
from matting.text import dimensions

_HIDDEN = "._"
"""How the leftovers begin that macOS puts into archives."""

Read = TypeVar("Read")


@dataclass
class Seen:
    """What reading the files of one picture brought.

    Attributes:
        size: (height, width) of the photograph, if it could be read.
        depth: of the matte, as `8 bits`.
        code, thumbnail: the photograph's fingerprint.
    """

    where: str
    findings: list[Finding] = field(default_factory=list)
    size: tuple[int, int] | None = None
    depth: str = ""
    code: np.uint64 | None = None
    thumbnail: np.ndarray | None = None

    def note(self, file: Path, remarks: Iterable[Remark]) -> None:
        self.findings += [Finding(remark, self.where, str(file)) for remark in remarks]

    def read(self, file: Path | None, how: Callable[[Path], Read]) -> Read | None:
        """Return what `how` reads, or None with a note if there is nothing that it can read."""
        if file is None:
            return None
        if file.name.startswith(_HIDDEN):
            self.note(
                file, [Remark(ERROR, "hidden file", "a leftover of macOS, not a picture; take it out of the list")]
            )
            return None
        try:
            return how(file)
        except MattingError as error:
            self.note(file, [Remark(ERROR, "unreadable", str(error))])
            return None


def read_and_check(files: PictureFiles, with_pair: bool = True) -> Seen:
    """Read and check the files of a picture.

    Args:
        with_pair: False where photograph and matte were looked at before, with another background or trimap.
    """
    seen = Seen(files.where)
    alpha = None
    if with_pair:
        photograph = seen.read(files.image, lambda file: _look_at_photograph(file, seen))
        alpha = seen.read(files.alpha, lambda file: _look_at_alpha(file, photograph, seen))
    elif files.alpha and files.trimap and files.alpha.is_file():
        alpha = Seen("").read(files.alpha, read_alpha)
    trimap = seen.read(files.trimap, lambda file: quantise(read_alpha(file)))
    if trimap is not None and files.trimap:
        if alpha is not None and alpha.shape != trimap.shape:
            detail = f"the trimap is {dimensions(trimap.shape)}, its matte {dimensions(alpha.shape)}"
            seen.note(files.trimap, [Remark(ERROR, "sizes", detail)])
            alpha = None
        seen.note(files.trimap, check_trimap(trimap, alpha))
    seen.read(files.background, lambda file: describe(file, PIXEL_LIMIT))
    return seen


def _look_at_photograph(file: Path, seen: Seen) -> Description:
    seen.note(file, check_photograph(decode(file, PIXEL_LIMIT)))
    image = read_image(file)
    seen.size = image.shape[:2]
    seen.code, seen.thumbnail = fingerprint(image)
    return describe(file, PIXEL_LIMIT)


def _look_at_alpha(file: Path, photograph: Description | None, seen: Seen) -> np.ndarray:
    pixels, description = decode(file, PIXEL_LIMIT), describe(file, PIXEL_LIMIT)
    if photograph is not None:
        seen.note(file, check_pair(photograph, description))
    alpha = to_alpha(pixels, file)
    seen.depth = f"{8 * pixels.dtype.itemsize} bits"
    seen.note(file, check_alpha(alpha, description))
    return alpha
