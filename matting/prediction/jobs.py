"""Which photographs to cut out, with which trimaps, and what to call the results."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from matting.errors import MattingError
from matting.pictures.files import image_size, read_alpha
from matting.pictures.listing import IMAGE_EXTENSIONS, list_images
from matting.pictures.naming import result_names
from matting.pictures.pairing import by_unique_key, partners
from matting.prediction.inputs import find_photographs
from matting.sample import PictureFiles
from matting.system.lines import BLANKS, read_lines
from matting.text import shortened, sizes_differ, visible

logger = logging.getLogger(__name__)

_MANY = 0.02
"""A share of pixels with values other than 0, 128 and 255 that lossy compression does not explain."""


class Failure(str):
    """What went wrong with a file, as a sentence that names it.

    Attributes:
        file: the photograph.
        reason: what was wrong.
    """

    file: Path
    reason: str

    def __new__(cls, file: Path, reason: str) -> Failure:
        name = visible(file)  # as it stands in the message
        failure = super().__new__(cls, reason if name in reason else f"{name}: {reason}")
        failure.file, failure.reason = file, reason
        return failure


@dataclass
class Summary:
    """What a run did.

    Attributes:
        written: photographs whose files were written.
        failures: what went wrong, by file.
        skipped: photographs whose files were there already, as the record says.
        kept: results that somebody changed since they were written, and that were left as they are.
        seconds: spent in each stage; stages run at the same time, so their sum is more than `total`.
        total: seconds from the first photograph to the last file.
    """

    written: int = 0
    failures: list[Failure] = field(default_factory=list)
    skipped: int = 0
    kept: list[Path] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    total: float = 0.0

    def fail(self, job: PictureFiles, error: MattingError, tell: Callable[[Failure], object]) -> None:
        """Note what went wrong with a job, by its file's name, and pass it on."""
        self.failures.append(Failure(job.image, str(error)))
        tell(self.failures[-1])

    def add(self, other: Summary) -> None:
        """Take in what another part of the run did."""
        self.written += other.written
        self.failures += other.failures
        self.skipped += other.skipped
        self.kept += other.kept
        self.total += other.total
        for stage, spent in other.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0) + spent

    def timing(self) -> str:
        """Return a line on where the time went, in milliseconds a photograph."""
        if not self.written:
            return ""
        stages = ", ".join(f"{stage} {1000 * spent / self.written:.0f}" for stage, spent in self.seconds.items())
        return f"{1000 * self.total / self.written:.0f} ms a picture ({stages}), {self.total:.1f} s in all"


def log_failure(failure: str) -> None:
    """Tell what went wrong with one file, in the log."""
    logger.error("skipped: %s", failure)


def find_jobs(
    image_path: Path,
    trimap_path: Path | None = None,
    save_dir: Path | None = None,
    unlisted: list[str] | None = None,
    of_results: bool = False,
    may_be_empty: bool = False,
) -> list[PictureFiles]:
    """Return what is to be cut out of an image, a folder (with its subfolders) or a list of images.

    Results mirror the folders: a picture's `name` is the path of its results below theirs, without their endings. Two
    inputs that differ in their extension alone keep it in that name, so that no two write one file. A list names a file
    a line, relative to the list's own folder or absolute.

    Args:
        trimap_path: the trimap of an image, both named as files, or a folder or list of trimaps that mirrors the images
            by relative path (`x/a.jpg` finds `x/a.png`). All are read and checked here, before anything is cut out.
        save_dir: where results will go; results that lie there already are no input.
        unlisted, of_results, may_be_empty: as for `inputs.find_photographs`.

    Raises:
        MattingError: the path does not exist, names no image, or a trimap is missing or of another size.
    """
    if image_path.is_dir():
        images = find_photographs(image_path, save_dir, unlisted, of_results, may_be_empty)
        root, names = image_path, [image.relative_to(image_path) for image in images]
    else:
        root, names = _find_images(image_path, "--image_path")
    jobs = [PictureFiles(own, root / name) for name, own in zip(names, result_names(names), strict=True)]
    one_each = trimap_path is not None and _is_picture(image_path) and _is_picture(trimap_path)
    return jobs if trimap_path is None else _with_trimaps(jobs, names, trimap_path, one_each)


def _find_images(path: Path, flag: str) -> tuple[Path, list[Path]]:
    """Return a folder and the images in it, as paths relative to it."""
    if path.is_dir():
        names = [image.relative_to(path) for image in list_images(path)]
        if not names:
            raise MattingError(f"{path} holds no image; known endings are {' '.join(sorted(IMAGE_EXTENSIONS))}")
        return path, names
    if not path.is_file():
        raise MattingError(f"{flag} {path} does not exist; give an image, a folder of images or a .txt list")
    if path.suffix.lower() != ".txt":
        return path.parent, [Path(path.name)]
    listed = [Path(os.path.abspath(path.parent / line.strip(BLANKS))) for _, line in read_lines(path)]
    if not listed:
        raise MattingError(f"the list {path} is empty; it must name one image a line")
    root = Path(os.path.commonpath([image.parent for image in listed]))
    return root, list(dict.fromkeys(image.relative_to(root) for image in listed))


def _with_trimaps(
    jobs: list[PictureFiles], names: Sequence[Path], trimap_path: Path, one_each: bool
) -> list[PictureFiles]:
    """Pair by relative path; with `one_each` a photograph and a trimap were named themselves, and belong together."""
    root, trimaps = _find_images(trimap_path, "--trimap_path")
    if len(jobs) == 1 and one_each:
        paired = [replace(jobs[0], trimap=root / trimaps[0])]
        if names[0].stem != trimaps[0].stem:
            logger.info("%s goes with the trimap %s, as the two paths say", jobs[0].image, paired[0].trimap)
    else:
        cure = (
            "add them (matting make_trimap makes them from masks), give fewer images, or name one photograph and one "
            "trimap as files, which are paired whatever they are called"
        )
        available = by_unique_key(root, "--trimap_path", trimaps)
        own = partners(names, available, f"--trimap_path {trimap_path}", "images", "trimap", cure)
        paired = [replace(job, trimap=trimap) for job, trimap in zip(jobs, own, strict=True)]
    _check_trimaps(paired)
    return paired


def _check_trimaps(jobs: Sequence[PictureFiles]) -> None:
    """Compare sizes, and name the trimaps that look like mattes: their grey is all taken for unknown."""
    wrong_sizes, many_valued = [], []
    for job in jobs:
        if job.trimap is None:
            continue
        values = read_alpha(job.trimap)
        try:
            size = image_size(job.image)
        except MattingError:
            continue  # the photograph itself is named and skipped later on
        if values.shape != size:
            wrong_sizes.append(sizes_differ(job.trimap, values.shape, job.image, size))
        odd = (values > 0) & (values < 1) & (np.abs(values * 255 - 128) > 1)
        if odd.mean() > _MANY:
            many_valued.append(str(job.trimap))
    if wrong_sizes:
        raise MattingError(
            f"{len(wrong_sizes)} trimaps are of another size: {shortened(wrong_sizes)}; the sizes must agree"
        )
    if many_valued:
        logger.warning(
            "%d trimaps hold many values besides 0, 128 and 255, all taken for unknown (%s); if they are mattes, make "
            "trimaps of them with matting make_trimap",
            len(many_valued),
            shortened(many_valued),
        )


def _is_picture(path: Path) -> bool:
    """Return whether a path names one file itself, and is no folder or list of several."""
    return not path.is_dir() and path.suffix.lower() != ".txt"
