"""Cutting out many photographs: what to read, what to call the results, and going on past broken files."""

from __future__ import annotations

import collections
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from matting.core.predictor import Predictor
from matting.datasets.loader import read_ahead
from matting.errors import MattingError
from matting.imageio import IMAGE_EXTENSIONS, list_images, quantise, read_image, read_trimap, write_png

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One photograph: where it is, and the path of its results below the output folder, without their endings."""

    image: Path
    stem: Path
    trimap: Path | None = None


@dataclass
class Summary:
    """What a run did: how many mattes were written, and what went wrong by file."""

    written: int = 0
    failures: list[str] = field(default_factory=list)


def find_jobs(image_path: Path, trimap_path: Path | None = None) -> list[Job]:
    """Return what is to be cut out of an image, a folder (with its subfolders) or a list of images.

    Results mirror the folders. Two inputs that differ in their extension alone keep it in their results' names, so that
    no two write one file. A list names a file a line, relative to the list's own folder or absolute.

    Args:
        trimap_path: a trimap for a single image, or a folder that mirrors the images (`x/a.jpg` finds `x/a.png`).

    Raises:
        MattingError: the path does not exist, names no image, or a trimap is missing.
    """
    root, names = _find_images(image_path)
    stems = _result_stems(names)
    jobs = [Job(root / name, stem) for name, stem in zip(names, stems, strict=True)]
    return jobs if trimap_path is None else _with_trimaps(jobs, names, trimap_path)


def predict(
    predictor: Predictor, jobs: Sequence[Job], save_dir: Path, num_workers: int = 1, save_rgba: bool = True
) -> Summary:
    """Write `<stem>_alpha.png`, and `<stem>_rgba.png` with the picture's own colours, for every job.

    A file that cannot be used is named, skipped and counted; everything else is still done.

    Args:
        save_dir: everything is written below it.
        num_workers: threads that read ahead.
    """
    summary = Summary()
    inputs = read_ahead(_read, jobs, num_workers)
    for job, read in zip(jobs, tqdm(inputs, total=len(jobs), unit="image", disable=None), strict=True):
        try:
            if isinstance(read, MattingError):
                raise read
            image, trimap = read
            matte = quantise(predictor(image, trimap))
            write_png(save_dir / f"{job.stem}_alpha.png", matte)
            if save_rgba:
                write_png(save_dir / f"{job.stem}_rgba.png", np.dstack((image, matte)))
            summary.written += 1
        except MattingError as error:
            message = str(error) if str(job.image) in str(error) else f"{job.image}: {error}"
            summary.failures.append(message)
            logger.error("skipped: %s", message)
    return summary


def _read(job: Job) -> tuple[np.ndarray, np.ndarray | None] | MattingError:
    """Return the pixels of a job, or what is wrong with its files."""
    try:
        return read_image(job.image), read_trimap(job.trimap) if job.trimap else None
    except MattingError as error:
        return error


def _find_images(path: Path) -> tuple[Path, list[Path]]:
    """Return a folder and the images in it, as paths relative to it."""
    if path.is_dir():
        names = [image.relative_to(path) for image in list_images(path)]
        if not names:
            raise MattingError(f"{path} holds no image; known endings are {' '.join(sorted(IMAGE_EXTENSIONS))}")
        return path, names
    if not path.is_file():
        raise MattingError(f"--image_path {path} does not exist; give an image, a folder of images or a .txt list")
    if path.suffix.lower() != ".txt":
        return path.parent, [Path(path.name)]
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise MattingError(f"{path} is no UTF-8 text; a list names one image a line") from None
    listed = [Path(os.path.abspath(path.parent / line.strip())) for line in lines if line.strip()]
    if not listed:
        raise MattingError(f"the list {path} is empty; it must name one image a line")
    root = Path(os.path.commonpath([image.parent for image in listed]))
    return root, list(dict.fromkeys(image.relative_to(root) for image in listed))


def _result_stems(names: Sequence[Path]) -> list[Path]:
    """Return a stem for every name: without its extension where that is unique, else with it."""
    stems = [name.with_suffix("") for name in names]
    while True:
        # Folded, because some file systems hold a.png and A.png for one file.
        counts = collections.Counter(str(stem).casefold() for stem in stems)
        clashing = [
            index for index, stem in enumerate(stems) if counts[str(stem).casefold()] > 1 and stem != names[index]
        ]
        if not clashing:
            return stems
        for index in clashing:
            stems[index] = names[index]


def _with_trimaps(jobs: list[Job], names: Sequence[Path], trimap_path: Path) -> list[Job]:
    if trimap_path.is_file() and len(jobs) == 1:
        return [Job(jobs[0].image, jobs[0].stem, trimap_path)]
    if not trimap_path.is_dir():
        raise MattingError(
            f"--trimap_path {trimap_path} is no folder; for {len(jobs)} images give a folder that mirrors theirs"
        )
    available = {path.relative_to(trimap_path).with_suffix(""): path for path in list_images(trimap_path)}
    missing = [str(name) for name in names if name.with_suffix("") not in available]
    if missing:
        more = ", ..." if len(missing) > 10 else ""
        raise MattingError(
            f"--trimap_path {trimap_path}: {len(missing)} of {len(jobs)} images have no trimap of their relative path "
            f"({', '.join(missing[:10])}{more}); add them, or give fewer images"
        )
    return [Job(job.image, job.stem, available[name.with_suffix("")]) for job, name in zip(jobs, names, strict=True)]
