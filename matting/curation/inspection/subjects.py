"""What check_data looks at: the lines of lists, or the pairs of a folder that has no list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from matting.curation.preparation.pairing import pair_folders, relative_stem
from matting.datasets.lists import read_lists
from matting.errors import MattingError
from matting.pictures.files import list_images


@dataclass(frozen=True)
class Subject:
    """One photograph and what belongs to it.

    Attributes:
        split: the list or folder that it comes from.
        where: list and line, as `train.txt:12`, or the folder's name.
    """

    split: str
    where: str
    photograph: Path
    alpha: Path | None = None
    background: Path | None = None
    trimap: Path | None = None


def find_subjects(
    sources: list[Path], dataset_root: Path | None = None, separator: str = " "
) -> tuple[list[Subject], list[str]]:
    """Return the subjects of lists and folders, and what is alone in the folders, as `path: reason`.

    A folder may hold `fg` and `alpha` (and folders whose names begin with `trimap`), or photographs alone.

    Args:
        dataset_root: what the lists' paths start from; None: each list's own folder.

    Raises:
        MattingError: a source is missing or a list cannot be used.
    """
    subjects: list[Subject] = []
    alone: list[str] = []
    for source in sources:
        if source.is_dir():
            found, left = _of_folder(source)
            subjects += found
            alone += left
        else:
            root = dataset_root or source.parent
            entries = read_lists([source.absolute()], root, separator, allow_outside=True, keep_missing=True)
            subjects += [
                Subject(str(source), entry.where, entry.foreground, entry.alpha, entry.background, entry.trimap)
                for entry in entries
            ]
    return subjects, alone


def _of_folder(folder: Path) -> tuple[list[Subject], list[str]]:
    photographs, alphas = folder / "fg", folder / "alpha"
    if not (photographs.is_dir() and alphas.is_dir()):
        pictures = list_images(folder)
        if not pictures:
            raise MattingError(f"{folder} holds no picture; give a list, or a folder with fg and alpha or photographs")
        return [Subject(str(folder), folder.name, picture) for picture in pictures], []
    pairs, alone = pair_folders(photographs, alphas)
    trimaps = [
        {relative_stem(path.relative_to(child)): path for path in list_images(child)}
        for child in sorted(folder.iterdir())
        if child.is_dir() and child.name.startswith("trimap")
    ]
    subjects = []
    for key, photograph, alpha in pairs:
        own: list[Path | None] = [found[key] for found in trimaps if key in found]
        # One subject a trimap; the checks of the pair itself are made with the first.
        subjects += [Subject(str(folder), folder.name, photograph, alpha, trimap=trimap) for trimap in own or [None]]
    return subjects, alone
