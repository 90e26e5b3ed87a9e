"""A training copy of a data set: decoded, shrunk once, and listed like the original."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from matting.curation.preparation.foregrounds import extend
from matting.curation.preparation.placing import claim
from matting.datasets.lists import read_lists
from matting.errors import MattingError
from matting.pictures import packed
from matting.pictures.decoding import decode
from matting.pictures.files import PIXEL_LIMIT, image_size, read_image, read_trimap, to_alpha
from matting.pictures.naming import DistinctNames
from matting.sample import PictureFiles
from matting.system import atomic
from matting.system.places import below
from matting.system.prefetching import read_ahead
from matting.system.progress_meter import progress
from matting.text import dimensions


@dataclass(frozen=True)
class Copy:
    """One photograph with all that has its size, or one background: files to read, and where they go.

    Attributes:
        files: source and name below the target, by layer: `image` or `foreground`, `alpha`, `trimap`, or `background`
            alone.
    """

    files: dict[str, tuple[Path, str]]


@dataclass
class Packing:
    """What is to be written: copies, the bytes that each will take, and lists by file name."""

    copies: list[Copy]
    sizes: list[int]
    lists: dict[str, list[str]]


def plan_packing(lists: Sequence[Path], dataset_root: Path, short_side: int, separator: str = " ") -> Packing:
    """Plan the copy of all files that the lists name, each once.

    Args:
        lists: relative to `dataset_root`.
        short_side: in pixels; smaller pictures keep their size.

    Raises:
        MattingError: a list or picture cannot be used, or two lists share a file name.
    """
    if short_side < 1:
        raise MattingError(f"--short_side is {short_side}; it must be at least 1")
    if len({path.name for path in lists}) < len(lists):
        raise MattingError("two of the lists have the same file name; their copies would lie in one folder")
    names = _Names(dataset_root)
    copies: dict[tuple, Copy] = {}
    lines_by_list: dict[str, list[str]] = {}
    for path in lists:
        lines = []
        for files in read_lists([path], dataset_root, separator, allow_outside=True):
            own = names.of(files)
            for copy in _copies(files, own):
                copies.setdefault(tuple(copy.files.values()), copy)
            lines.append(_line(own))
        lines_by_list[path.name] = lines
    return Packing(list(copies.values()), [_bytes(copy, short_side) for copy in copies.values()], lines_by_list)


def pack(packing: Packing, target: Path, short_side: int, source: Path, num_workers: int = 0) -> None:
    """Write the copy, verifying every file, and its lists last; a broken run goes on where it stopped.

    Raises:
        MattingError: a picture cannot be read, the target serves another copy, or has no room.
    """
    claim(target, source, {"packed": "1", "source": str(source.resolve()), "short_side": str(short_side)})
    free = shutil.disk_usage(target).free
    missing = sum(size for copy, size in zip(packing.copies, packing.sizes, strict=True) if not _is_there(copy, target))
    if missing > free:
        raise MattingError(
            f"{target} has room for {free / 1e9:.1f} GB, and {missing / 1e9:.1f} GB are to be written; choose another "
            "--target or a smaller --short_side"
        )
    done = read_ahead(lambda copy: _pack(copy, target, short_side), packing.copies, num_workers)
    for _ in progress(done, len(packing.copies), "picture", "packing"):
        pass
    for name, lines in packing.lists.items():
        atomic.write_text(target / name, "".join(f"{line}\n" for line in lines))


class _Names:
    """Names of packed files: as in the source, without spaces, ending in .npy, none twice."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.abspath(root)
        self._names: dict[tuple[Path, str], str] = {}
        self._distinct = DistinctNames()

    def of(self, files: PictureFiles) -> dict[str, str]:
        """Return the names of a picture's files by layer."""
        return {layer: self._of(path, layer) for layer, path in files.layers.items()}

    def _of(self, path: Path, layer: str) -> str:
        if (path, layer) not in self._names:
            parts = os.path.relpath(path.with_suffix(""), self._root).split(os.sep)
            stem = "_".join("/".join(part for part in parts if part != os.pardir).split())
            self._names[path, layer] = self._distinct.of(stem) + packed.ENDING
        return self._names[path, layer]


def _copies(files: PictureFiles, names: Mapping[str, str]) -> Iterator[Copy]:
    """Yield the copies of a line. A foreground with several trimaps is decoded once for each: they are rarely many."""
    sources = {layer: (path, names[layer]) for layer, path in files.layers.items()}
    background = sources.pop("background", None)
    yield Copy(sources)
    if background:
        yield Copy({"background": background})


def _line(names: Mapping[str, str]) -> str:
    columns = ("image", "foreground", "background")
    return " ".join(name if layer in columns else f"{layer}={name}" for layer, name in names.items())


def _is_there(copy: Copy, target: Path) -> bool:
    return all((target / name).is_file() for _, name in copy.files.values())


def _bytes(copy: Copy, short_side: int) -> int:
    """Return what a copy's files will take; mattes are reckoned at 8 bits."""
    source = next(iter(copy.files.values()))[0]
    height, width = _shrunk(image_size(source), short_side)
    return height * width * sum(1 if layer in ("alpha", "trimap") else 3 for layer in copy.files)


def _shrunk(size: tuple[int, ...], short_side: int) -> tuple[int, int]:
    height, width = size[:2]
    scale = min(1.0, short_side / min(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _pack(copy: Copy, target: Path, short_side: int) -> None:
    if _is_there(copy, target):
        return
    layers = {role: _read(role, source) for role, (source, _) in copy.files.items()}
    sizes = {layer.shape[:2] for layer in layers.values()}
    if len(sizes) > 1:
        named = ", ".join(f"{copy.files[role][0]} is {dimensions(layer.shape)}" for role, layer in layers.items())
        raise MattingError(f"{named}; the sizes must agree")
    height, width = _shrunk(sizes.pop(), short_side)
    if layers[next(iter(layers))].shape[:2] != (height, width):
        if "foreground" in layers:
            alpha = to_alpha(layers["alpha"], copy.files["alpha"][0])
            layers["foreground"] = extend(layers["foreground"], alpha)  # or its black would come into the hair
        layers = {role: _resize(role, layer, height, width) for role, layer in layers.items()}
    for role, layer in layers.items():
        packed.write(below(target, copy.files[role][1]), layer)


def _read(role: str, path: Path) -> np.ndarray:
    """Return a layer as it is to be stored; a matte of 8 bits stays one, and any other gets 16."""
    if role == "trimap":
        return read_trimap(path)
    if role != "alpha":
        return read_image(path)
    pixels = decode(path, PIXEL_LIMIT)
    levels = 255 if pixels.dtype == np.uint8 else 65535
    return np.rint(to_alpha(pixels, path) * levels).astype(np.uint8 if levels == 255 else np.uint16)


def _resize(role: str, layer: np.ndarray, height: int, width: int) -> np.ndarray:
    interpolation = cv2.INTER_NEAREST if role == "trimap" else cv2.INTER_AREA
    return cv2.resize(layer, (width, height), interpolation=interpolation)
