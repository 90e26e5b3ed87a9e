"""Trimaps from many masks or mattes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matting import trimap
from matting.errors import MattingError, UnwritableError
from matting.pictures.files import read_alpha, write_png
from matting.prediction.jobs import Summary, log_failure
from matting.prediction.record import Record
from matting.sample import PictureFiles
from matting.system import memory
from matting.system.progress_meter import progress


def make_trimaps(
    jobs: Sequence[PictureFiles],
    save_dir: Path,
    kernel: int = 25,
    iterations: int = 1,
    relative: float = 0.0,
    tolerance: float = 0.0,
    tell: Callable[[str], object] = log_failure,
) -> Summary:
    """Write `<stem>.png` for every mask; a file that cannot be used is named, skipped and counted.

    Args:
        kernel: diameter of the ellipse in pixels.
        iterations: how often it is applied.
        relative: above 0: the diameter as a share of the object's size, instead of `kernel`.
        tolerance: values this near to 0 or 1 count as known, for mattes that a network made.
        tell: gets what went wrong with a file, once.

    Raises:
        UnwritableError: trimaps cannot be written; it would be the same with every other mask.
    """
    summary = Summary()
    record = Record(save_dir, [job.image for job in jobs])
    for job in progress(jobs, len(jobs), "mask", leave=True):
        try:
            with memory.explained(job.image):
                claim = record.claim(job.paths, [f"{job.name}.png"])
                alpha = read_alpha(job.image)
                alpha = trimap.certain(alpha, tolerance) if tolerance else alpha
                diameter = trimap.relative_kernel(alpha, relative) if relative else kernel
                write_png(claim.paths[f"{job.name}.png"], trimap.from_mask(alpha, diameter, iterations))
            summary.written += 1
        except UnwritableError:
            raise
        except MattingError as error:
            summary.fail(job, error, tell)
    return summary
