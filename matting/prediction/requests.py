"""From the pictures that a person names to what is cut out of which file into which folder under which name."""

from __future__ import annotations

import glob
import itertools
import logging
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeGuard

from matting.errors import MattingError
from matting.pictures.encoding import ENDINGS
from matting.pictures.listing import IMAGE_EXTENSIONS
from matting.pictures.naming import result_names
from matting.prediction.inputs import THUMBNAILS
from matting.prediction.jobs import find_jobs
from matting.prediction.outputs import Outputs
from matting.prediction.record import BESIDE, RECORD, results_in
from matting.sample import PictureFiles
from matting.system.places import real_paths

logger = logging.getLogger(__name__)

STREAM = "-"
"""Stands for standard input or output."""

_FOLDER = "{}_cutout"
"""What the folder of a folder's results is called, beside it."""


_NOT_WRITTEN = (".gif", ".bmp", ".heic", ".heif", ".avif", ".jp2", ".jxl", ".ico", ".psd", ".svg", ".pdf")


@dataclass
class Request:
    """Pictures whose results go into one folder.

    Attributes:
        save_dir: the folder.
        record: the name of the file in it that notes the results.
        jobs: the pictures, with the names of their results.
    """

    save_dir: Path
    record: str = RECORD
    jobs: list[PictureFiles] = field(default_factory=list)


def split(words: Sequence[str], output: Path | None) -> tuple[list[str], Path | None]:
    """Return inputs and output of the words of a command line: `photo.jpg cutout.png` names both.

    The second of two words is the output where nothing of that name is there, or what is there is known as a result, or
    an empty folder; else it is another input, so that `*.png` never writes over a photograph.

    Raises:
        MattingError: the output is the input.
    """
    if len(words) != 2 or output is not None:
        return list(words), output
    first, second = words
    if STREAM in words:
        return [first], Path(second)
    if os.path.exists(first) and os.path.exists(second) and os.path.samefile(first, second):
        raise MattingError(f"{second} is both the input and the output; name another output")
    is_output = not os.path.lexists(second) and not glob.has_magic(second)
    return ([first], Path(second)) if is_output or _is_of_results(Path(second)) else (list(words), None)


def _is_of_results(path: Path) -> bool:
    if path.is_dir():
        return (path / RECORD).is_file() or not any(path.iterdir())
    return path.name in results_in(path.parent)


def expanded(inputs: Iterable[str]) -> dict[Path, Path]:
    """Return the paths that inputs name, each with the folder from which its results are called.

    Patterns are followed here too, since not every shell does it. Of a pattern that folder is the part before the first
    `*`, `?` or `[`, of a path its parent.

    Raises:
        MattingError: one names nothing.
    """
    paths: dict[Path, Path] = {}
    for text in inputs:
        if os.path.lexists(text):
            paths.setdefault(Path(text), Path(text).parent)
        elif glob.has_magic(text):
            root = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), Path(text).parts))
            for path in _matched(text):
                paths.setdefault(path, root)
        else:
            raise MattingError(
                f"{text} does not exist; name a picture, a folder, a pattern in quotes, or - for a stream"
            )
    return paths


def _matched(pattern: str) -> list[Path]:
    """Return what of a pattern's files can be cut out, sorted: a folder of photographs holds other files too.

    Lists are followed where the pattern itself ends in .txt, folders where it does not reach into them anyway.

    Raises:
        MattingError: there is none.
    """
    found = [Path(text) for text in sorted(glob.glob(pattern, recursive=True))]
    if not found:
        raise MattingError(f"{pattern} matches no file; correct the pattern, or name a folder")
    endings = (*IMAGE_EXTENSIONS, ".txt") if pattern.lower().endswith(".txt") else IMAGE_EXTENSIONS
    reaches = "**" in Path(pattern).parts
    matched = [path for path in found if (not reaches if path.is_dir() else path.name.lower().endswith(endings))]
    if not matched:
        raise MattingError(f"{pattern} matches no picture, folder or .txt list; correct the pattern")
    return matched


def find(
    paths: Mapping[Path, Path], output: Path | None, trimaps: Path | None = None, unlisted: list[str] | None = None
) -> list[Request]:
    """Return what is to be cut out and where the results go.

    Without an output, those of a picture lie beside it, and those of a folder or list in `NAME_cutout` beside it. Into
    an output folder go those of files as they are, those of a folder or pattern mirrored, and of several inputs those
    of each folder into one of its name, as by `cp -r`. An output with a picture's ending is the file of one picture.

    Args:
        paths: as `expanded` gives them.
        trimaps, unlisted: as for `jobs.find_jobs`.

    Raises:
        MattingError: there is no picture, several are to become one file, or trimaps are given for several inputs.
    """
    if trimaps is not None and len(paths) > 1:
        raise MattingError(f"--trimap_path {trimaps} belongs to one picture, folder or list; {len(paths)} are named")
    many = [path for path in paths if path.is_dir() or path.suffix.lower() == ".txt"]
    files = _photographs([path for path in paths if path not in many])
    if is_file(output):
        if many or len(files) != 1:
            raise MattingError(f"{output} is one file, and several pictures are named; name a folder, as -o cutouts")
        (job,) = find_jobs(files[0], trimaps)
        return [Request(output.parent, BESIDE, [replace(job, name=output.stem)])]
    requests: dict[Path, Request] = {}
    for path in many:
        own = path if path.is_dir() else path.with_suffix("")
        save_dir = output or mirror(own)
        jobs = find_jobs(path, trimaps, save_dir, unlisted)
        if output is not None and len(paths) > 1:
            jobs = [replace(job, name=f"{own.resolve().name}/{job.name}") for job in jobs]
        requests.setdefault(save_dir, Request(save_dir)).jobs += jobs
    by_folder: dict[Path, list[Path]] = {}
    for path in files:
        by_folder.setdefault(output or path.parent, []).append(path)
    for folder, own_files in by_folder.items():
        request = requests.setdefault(folder, Request(folder, BESIDE if output is None else RECORD))
        for path, name in zip(own_files, _names(own_files, paths if output else {}), strict=True):
            # Without trimaps nothing is looked at yet: a link to nothing is skipped like one in a folder.
            jobs = find_jobs(path, trimaps) if trimaps else [PictureFiles(name, path)]
            request.jobs += [replace(job, name=name) for job in jobs]
    return [request for request in requests.values() if request.jobs]


def _names(files: Sequence[Path], roots: Mapping[Path, Path]) -> list[str]:
    """Return what the results of files are called, relative to their roots; `check` refuses that two get one name."""
    named = [path.relative_to(roots.get(path, path.parent)) for path in files]
    distinct = list(dict.fromkeys(named))
    by_name = dict(zip(distinct, result_names(distinct), strict=True))
    return [by_name[name] for name in named]


def mirror(folder: Path) -> Path:
    """Return where the results of a folder go if nothing is said: beside it."""
    own = Path(os.path.abspath(folder))
    return own.with_name(_FOLDER.format(own.name))


def is_file(output: Path | None) -> TypeGuard[Path]:
    """Return whether an output is one file: it has a picture's ending, also one that is not written, and is no folder.

    Other endings are parts of a folder's name, as in `cutouts_v1.2`.
    """
    return output is not None and output.suffix.lower() in (*ENDINGS, *_NOT_WRITTEN) and not output.is_dir()


def check(requests: Iterable[Request], outputs: Outputs) -> None:
    """Refuse, before anything is computed, results that would replace each other or an input.

    Raises:
        MattingError: with both files.
    """
    requests = list(requests)
    read = (path for request in requests for job in request.jobs for path in job.paths)
    inputs = real_paths([*read, *outputs.background.files])
    owners: dict[str, tuple[str, Path]] = {}
    for request in requests:
        folder = os.path.realpath(request.save_dir)
        for job in request.jobs:
            for result in outputs.paths(Path(job.name)).values():
                place = os.path.normpath(os.path.join(folder, result))
                if place in inputs:
                    raise MattingError(
                        f"{request.save_dir / result} is read, and the result of {job.image} would take its place; "
                        "give another -o, or another --pattern"
                    )
                other_place, other = owners.setdefault(place.casefold(), (place, job.image))
                if other != job.image and (place == other_place or not _case_tells(other, job.image, folder)):
                    raise MattingError(
                        f"{other} and {job.image} would both be written as {request.save_dir / result}; name the "
                        "folder that holds both, which is mirrored, cut them out into two folders, or rename one"
                    )


def _case_tells(one: Path, other: Path, folder: str) -> bool:
    """Return whether two photographs that are called alike but for case prove that files in a folder may be, too."""
    if os.path.realpath(one).casefold() != os.path.realpath(other).casefold():
        return False
    there = next(path for path in (Path(folder), *Path(folder).parents) if path.exists())
    try:
        return not os.path.samefile(one, other) and os.stat(one).st_dev == os.stat(there).st_dev
    except OSError:
        return False


def _photographs(files: list[Path]) -> list[Path]:
    """Leave out of several files those that are results: `*.png` names those of the last run too."""
    if len(files) < 2:
        return files
    folders = {folder for path in files for folder in Path(os.path.abspath(path)).parents}
    results = {os.path.join(folder, name) for folder in folders for name in results_in(folder)}
    photographs = [path for path in files if os.path.abspath(path) not in results and path.parent.name != THUMBNAILS]
    if len(photographs) < len(files):
        logger.info("%d pictures left out: results of this or another run", len(files) - len(photographs))
    return photographs or files
