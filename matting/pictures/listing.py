"""Which pictures lie in a folder and below, by their endings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from matting.errors import MattingError

IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif")
"""The endings by which pictures are found, in lower case; what a file holds is read from its first bytes."""


@dataclass(frozen=True)
class Listing:
    """What lies in a folder and below; hidden files and folders (`._` files too) are passed over.

    Attributes:
        images: the pictures, by their endings, sorted by path.
        others: files with other endings.
        unlisted: folders below that cannot be listed, with the reason, as one line each.
    """

    images: list[Path]
    others: list[Path]
    unlisted: list[str]


def survey(folder: str | Path, recursive: bool = True) -> Listing:
    """Return what lies in a folder.

    Raises:
        MattingError: the folder itself is missing or cannot be listed.
    """
    listing = Listing([], [], [])

    def note(error: OSError) -> None:
        line = f"{error.filename} cannot be listed: {error.strerror}"
        if Path(error.filename) == Path(folder):
            raise MattingError(line) from None
        listing.unlisted.append(line)

    for parent, folders, names in os.walk(folder, onerror=note):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                is_image = name.lower().endswith(IMAGE_EXTENSIONS)
                (listing.images if is_image else listing.others).append(Path(parent, name))
    listing.images.sort()
    return listing


def list_images(folder: str | Path, recursive: bool = True) -> list[Path]:
    """Return the pictures in a folder, sorted by path; hidden files and folders (`._` files too) are passed over.

    Raises:
        MattingError: the folder is missing, or it or one below cannot be listed.
    """
    listing = survey(folder, recursive)
    if listing.unlisted:
        raise MattingError(listing.unlisted[0])
    return listing.images
