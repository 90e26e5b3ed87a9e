"""The user's own pictures: folders of photographs and mattes, or cutouts with the matte in their fourth channel."""

from __future__ import annotations

from pathlib import Path

from matting.curation.preparation.background_lists import draw_backgrounds
from matting.curation.preparation.plan import Choices, Plan, Recipe
from matting.curation.preparation.sources import listable, paired_items, seek_folder, with_trimaps
from matting.errors import MattingError
from matting.pictures.listing import IMAGE_EXTENSIONS
from matting.pictures.pairing import by_key
from matting.sample import PictureFiles

_IMAGES = ("fg", "image", "images", "img", "imgs", "photos", "original", "foreground", "foregrounds")
_ALPHAS = ("alpha", "alphas", "matte", "mattes", "mask", "masks", "matting", "gt")


def plan(source: Path, choices: Choices) -> Plan:
    """Plan the folders named by the choices, or else those of usual names; without mattes, the cutouts in `source`.

    With backgrounds, every foreground gets one of them, by seed.
    """
    alphas = _folder(source, choices.alphas, _ALPHAS)
    if alphas is None:
        planned = _cutouts(source if choices.images is None else source / choices.images)
    else:
        photographs = _folder(source, choices.images, _IMAGES)
        if photographs is None:
            raise MattingError(f"{source} holds mattes in {alphas.name}, no folder of photographs; name it by --images")
        planned = paired_items("", photographs, alphas, choices.alpha_suffix)
    if choices.trimaps:
        planned = with_trimaps(planned, source / choices.trimaps)
    if choices.backgrounds:
        planned.items = draw_backgrounds(planned.items, choices.backgrounds, 1, choices.seed)
    return planned


def _folder(source: Path, given: str | None, usual: tuple[str, ...]) -> Path | None:
    if given is None:
        return seek_folder(source, *usual)
    if not (source / given).is_dir():
        raise MattingError(f"{source / given} is no folder; --images, --alphas and --trimaps are below --source")
    return source / given


def _cutouts(folder: Path) -> Plan:
    pictures, dropped = by_key(folder)
    if not pictures:
        raise MattingError(
            f"{folder} holds no picture; known endings are {' '.join(IMAGE_EXTENSIONS)}, and mattes are looked for in "
            f"{', '.join(_ALPHAS)} (or name the folders by --images and --alphas)"
        )
    return Plan(listable("", [PictureFiles(name, path) for name, path in pictures.items()]), dropped)


RECIPE = Recipe(plan, split=(9, 1))
