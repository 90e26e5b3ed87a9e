"""Composition-1k (Adobe): 431 foregrounds over 100 backgrounds each to train on, 50 over 20 each to test on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from matting.curation.preparation.background_lists import TESTING, TRAINING, listed_backgrounds
from matting.curation.preparation.plan import Choices, Item, Plan, Recipe
from matting.curation.preparation.sources import find_folder, list_names, read_names, seek_folder
from matting.errors import MattingError
from matting.sample import PictureFiles

_COLLECTIONS = ("Adobe-licensed images", "Other")
"""Both hold `fg` and `alpha`; the test set has the first one only."""


def plan(source: Path, choices: Choices) -> Plan:
    """Plan the composites that the published lists name, the test set's with its trimaps."""
    training, test = find_folder(source, "Training_set"), find_folder(source, "Test_set")
    train = _foregrounds("train", training, "training_fg_names.txt")
    val = _foregrounds("val", test, "test_fg_names.txt")
    names = read_names(training / "training_bg_names.txt"), read_names(test / "test_bg_names.txt")
    train = listed_backgrounds(train, _background_folder(training, choices.backgrounds), names[0], TRAINING)
    folder = _background_folder(test, choices.test_backgrounds, "--test_backgrounds")
    val = _with_trimaps(listed_backgrounds(val, folder, names[1], TESTING), test)
    return Plan(train + val)


def _foregrounds(part: str, folder: Path, list_name: str) -> list[Item]:
    """Return the foregrounds in the order of their list, on which the pairing with backgrounds rests."""
    names = read_names(folder / list_name)
    stems = list_names(Path(name).stem for name in names)
    return [Item(part, PictureFiles(stem, *_find(folder, name))) for stem, name in zip(stems, names, strict=True)]


def _find(folder: Path, name: str) -> tuple[Path, Path]:
    for collection in _COLLECTIONS:
        photograph, alpha = folder / collection / "fg" / name, folder / collection / "alpha" / name
        if photograph.is_file():
            return photograph, alpha
    raise MattingError(f"{folder} lacks the foreground {name} that its list names; unpack the set again")


def _background_folder(part: Path, given: Path | None, flag: str = "--backgrounds") -> Path:
    folder = given or seek_folder(part, "bg")
    if folder is None:
        raise MattingError(
            f"{part} holds no folder bg; the set comes without backgrounds: name the folder of MS COCO's train2014 by "
            "--backgrounds and that of PASCAL VOC 2012's JPEGImages by --test_backgrounds"
        )
    if not folder.is_dir():
        raise MattingError(f"{flag} {folder} is no folder")
    return folder


def _with_trimaps(items: list[Item], test: Path) -> list[Item]:
    """Add the published trimaps, `NAME_0.png` to `NAME_19.png` for the composites of foreground NAME."""
    folder = seek_folder(test, "trimaps")
    if folder is None:
        raise MattingError(f"{test} holds no folder trimaps; published results are measured in them: unpack them too")
    return [
        replace(item, trimaps=tuple(folder / f"{item.files.image.stem}_{k}.png" for k in range(TESTING)))
        for item in items
    ]


RECIPE = Recipe(plan, split=None)
