"""Trimaps from many masks or mattes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from matting import trimap
from matting.core.jobs import Job
from matting.core.predict import Summary
from matting.errors import MattingError, UnwritableError
from matting.imageio import read_alpha, write_png

logger = logging.getLogger(__name__)


def make_trimaps(
    jobs: Sequence[Job],
    save_dir: Path,
    kernel: int = 25,
    iterations: int = 1,
    relative: float = 0.0,
    tolerance: float = 0.0,
) -> Summary:
    """Write `<stem>.png` for every mask; a file that cannot be used is named, skipped and counted.

    Args:
        kernel: diameter of the ellipse in pixels.
        iterations: how often it is applied.
        relative: above 0: the diameter as a share of the object's size, instead of `kernel`.
        tolerance: values this near to 0 or 1 count as known, for mattes that a network made.

    Raises:
        UnwritableError: results cannot be written; it would be the same with every other mask.
    """
    summary = Summary()
    for job in tqdm(jobs, unit="mask", disable=None):
        try:
            alpha = read_alpha(job.image)
            alpha = trimap.certain(alpha, tolerance) if tolerance else alpha
            diameter = trimap.relative_kernel(alpha, relative) if relative else kernel
            write_png(save_dir / f"{job.stem}.png", trimap.from_mask(alpha, diameter, iterations))
            summary.written += 1
        except UnwritableError:
            raise
        except MattingError as error:
            summary.failures.append(str(error))
            logger.error("skipped: %s", error)
    return summary
