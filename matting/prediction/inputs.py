"""Which pictures in a folder are photographs to work on, and which are results of this or another run."""

from __future__ import annotations

import collections
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from matting.errors import MattingError
from matting.pictures.listing import IMAGE_EXTENSIONS, survey
from matting.prediction.record import BESIDE, RECORD, results_in
from matting.system.ranks import rank

logger = logging.getLogger(__name__)

THUMBNAILS = "report_thumbnails"
"""The folder of a report's small pictures (`overview`), which are no photographs wherever they lie."""


def find_photographs(
    folder: Path,
    save_dir: Path | None = None,
    unlisted: list[str] | None = None,
    of_results: bool = False,
    may_be_empty: bool = False,
) -> list[Path]:
    """Return the pictures in a folder that are no results, and say how many files are left out and why.

    What a record names is a result, wherever it lies. Where `save_dir` lies below the folder, all that is in it is left
    out: other files than results may be there.

    Args:
        unlisted: takes a line for each folder below that cannot be listed; None refuses such a folder.
        of_results: take results of other runs too (mattes, for trimaps), but never those of `save_dir`.
        may_be_empty: return nothing where there is nothing, and say nothing of what is left out.

    Raises:
        MattingError: the folder cannot be listed or holds no photograph.
    """
    listing = survey(folder)
    if unlisted is not None:
        unlisted += listing.unlisted
    elif listing.unlisted:
        raise MattingError(listing.unlisted[0])
    records = [save_dir] if save_dir else []
    if not of_results:
        records += [path.parent for path in listing.others if path.name == RECORD]
        records += [parent for parent in {path.parent for path in listing.images} if (parent / BESIDE).is_file()]
        records += Path(os.path.abspath(folder)).parents
    results = set(_places(Path(record, name) for record in records for name in results_in(record)))
    within = _within(folder, save_dir)
    places = zip(listing.images, _places(listing.images), strict=True)
    photographs = [
        image
        for image, place in places
        if place not in results and not place.startswith(within) and image.parent.name != THUMBNAILS
    ]
    others = zip(listing.others, _places(listing.others), strict=True)
    ignored = [path for path, place in others if path.name != RECORD and not place.startswith(within)]
    if may_be_empty:
        return photographs
    _say(len(listing.images) - len(photographs), ignored)
    if not photographs:
        besides = f" besides {len(listing.images)} results" if listing.images else ""
        raise MattingError(f"{folder} holds no image{besides}; known endings are {' '.join(sorted(IMAGE_EXTENSIONS))}")
    return photographs


def _places(paths: Iterable[Path]) -> list[str]:
    """Return where files lie, links among their folders resolved."""
    folders: dict[str, str] = {}
    places = []
    for path in paths:
        parent = str(path.parent)
        if parent not in folders:
            folders[parent] = os.path.realpath(parent)
        places.append(os.path.join(folders[parent], path.name))
    return places


def _within(folder: Path, save_dir: Path | None) -> str | tuple[()]:
    """Return what the places in `save_dir` begin with, if it lies below the folder; else what none begins with."""
    if save_dir is None:
        return ()
    outer, inner = os.path.realpath(folder), os.path.realpath(save_dir)
    return inner + os.sep if inner != outer and os.path.commonpath((outer, inner)) == outer else ()


def _say(results: int, ignored: Sequence[Path]) -> None:
    if rank() != 0:
        return
    if results:
        logger.info("%d pictures left out: results of this or another run", results)
    if ignored:
        counts = collections.Counter(path.suffix.lower() or "without" for path in ignored)
        endings = ", ".join(f"{ending} {count}" for ending, count in sorted(counts.items()))
        known = " ".join(sorted(IMAGE_EXTENSIONS))
        logger.warning("%d files ignored (%s); known endings are %s", len(ignored), endings, known)
