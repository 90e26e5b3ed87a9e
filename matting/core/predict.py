"""Cutting out many photographs, and going on past broken files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from matting.core.jobs import Job, Summary
from matting.core.predictor import Predictor
from matting.errors import MattingError
from matting.imageio import quantise, read_image, read_trimap, write_png
from matting.read_ahead import read_ahead

logger = logging.getLogger(__name__)


def predict(
    predictor: Predictor,
    jobs: Sequence[Job],
    save_dir: Path,
    num_workers: int = 1,
    save_rgba: bool = True,
    draw_trimap: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Summary:
    """Write `<stem>_alpha.png`, and `<stem>_rgba.png` with the picture's own colours, for every job.

    A file that cannot be used is named, skipped and counted; everything else is still done.

    Args:
        save_dir: everything is written below it.
        num_workers: threads that read ahead.
        draw_trimap: makes a trimap of the photograph for a job that has none.
    """
    summary = Summary()
    inputs = read_ahead(_read, jobs, num_workers)
    for job, read in zip(jobs, tqdm(inputs, total=len(jobs), unit="image", disable=None), strict=True):
        try:
            if isinstance(read, MattingError):
                raise read
            image, trimap = read
            if trimap is None and draw_trimap is not None:
                trimap = draw_trimap(image)
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
