"""Which files belong together: those of the same relative path without the ending."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from matting.errors import MattingError
from matting.pictures.listing import list_images
from matting.pictures.naming import relative_stem
from matting.sample import PictureFiles
from matting.text import shortened


def by_key(
    folder: Path, key: Callable[[Path], str] = relative_stem, names: Iterable[Path] | None = None
) -> tuple[dict[str, Path], list[str]]:
    """Return a folder's pictures by their key, and a line for each that another one with its key came before.

    Args:
        key: from the path relative to `folder` to what names the picture.
        names: the pictures, relative to `folder`; None takes all that lie in it or below.
    """
    by_name: dict[str, Path] = {}
    twins = []
    for path in list_images(folder) if names is None else (folder / name for name in names):
        name = key(path.relative_to(folder))
        if name in by_name:
            twins.append(f"{path}: {by_name[name].name} has the same name but for its ending")
        else:
            by_name[name] = path
    return by_name, twins


def by_unique_key(folder: Path, flag: str, names: Iterable[Path] | None = None) -> dict[str, Path]:
    """Return a folder's pictures by relative path without the ending, where it must not be open which is meant.

    Raises:
        MattingError: two of them differ in their ending alone.
    """
    by_name, twins = by_key(folder, names=names)
    if twins:
        raise MattingError(f"{flag}: {twins[0]}; keep one of them")
    return by_name


def partners(
    names: Sequence[Path], available: Mapping[str, Path], flag: str, whose: str, partner: str, cure: str
) -> list[Path]:
    """Return for every file the one of its relative path without the ending.

    Args:
        names: relative paths.
        available: as `by_unique_key` gives it.
        flag, whose, partner, cure: for the message: `--trimap_path x: 2 of 3 images have no trimap ...; add them`.

    Raises:
        MattingError: some have no partner.
    """
    lacking = [str(name) for name in names if relative_stem(name) not in available]
    if lacking:
        raise MattingError(
            f"{flag}: {len(lacking)} of {len(names)} {whose} have no {partner} of their relative path "
            f"({shortened(lacking)}); {cure}"
        )
    return [available[relative_stem(name)] for name in names]


def match(photographs: Mapping[str, Path], alphas: Mapping[str, Path]) -> tuple[list[PictureFiles], list[str]]:
    """Pair photographs and mattes by key, which becomes their name, and name those that are left alone."""
    pairs = [PictureFiles(key, photographs[key], alphas[key]) for key in sorted(photographs.keys() & alphas.keys())]
    alone = [f"{photographs[key]}: it has no matte" for key in sorted(photographs.keys() - alphas.keys())]
    alone += [f"{alphas[key]}: it has no photograph" for key in sorted(alphas.keys() - photographs.keys())]
    return pairs, alone


def pair_folders(photographs: Path, alphas: Path, alpha_suffix: str = "") -> tuple[list[PictureFiles], list[str]]:
    """Pair two folders by relative path without endings, and name what is not used.

    Args:
        alpha_suffix: what the mattes' names end in and the photographs' do not, as `_matte`.

    Raises:
        MattingError: a folder is missing, or no two files make a pair.
    """
    left, twins_left = by_key(photographs)
    right, twins_right = by_key(alphas, lambda path: relative_stem(path).removesuffix(alpha_suffix))
    pairs, alone = match(left, right)
    if not pairs:
        raise MattingError(
            f"of {len(left)} pictures in {photographs} and {len(right)} mattes in {alphas} no two share a name; they "
            "are paired by name without its ending (--alpha_suffix names what the mattes' names have more)"
        )
    return pairs, twins_left + twins_right + alone
