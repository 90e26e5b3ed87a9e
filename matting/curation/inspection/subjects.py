"""What check_data looks at: the lines of lists, or the pairs of a folder that has no list."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from matting.datasets.lists import read_lists
from matting.errors import MattingError
from matting.pictures.listing import list_images
from matting.pictures.naming import relative_stem
from matting.pictures.pairing import pair_folders
from matting.sample import PictureFiles


class Subject(NamedTuple):
    """One photograph with what belongs to it, and the list or folder that it comes from."""

    split: str
    files: PictureFiles


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
            pictures, without_partner = _of_folder(source)
            alone += without_partner
        else:
            root = dataset_root or source.parent
            pictures = read_lists([source.absolute()], root, separator, allow_outside=True, keep_missing=True)
        subjects += [Subject(str(source), files) for files in pictures]
    return subjects, alone


def _of_folder(folder: Path) -> tuple[list[PictureFiles], list[str]]:
    photographs, alphas = folder / "fg", folder / "alpha"
    if not (photographs.is_dir() and alphas.is_dir()):
        paths = list_images(folder)
        if not paths:
            raise MattingError(f"{folder} holds no picture; give a list, or a folder with fg and alpha or photographs")
        return [PictureFiles(path.stem, path, where=folder.name) for path in paths], []
    pairs, alone = pair_folders(photographs, alphas)
    trimaps = [
        {relative_stem(path.relative_to(child)): path for path in list_images(child)}
        for child in sorted(folder.iterdir())
        if child.is_dir() and child.name.startswith("trimap")
    ]
    pictures = []
    for files in pairs:
        own: list[Path | None] = [by_stem[files.name] for by_stem in trimaps if files.name in by_stem]
        # One picture a trimap; the checks of the pair itself are made with the first.
        pictures += [replace(files, trimap=trimap, where=folder.name) for trimap in own or [None]]
    return pictures, alone
