"""Scoring the mattes of clips frame by frame, wherever the frames come from: one pair of frames is held at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from matting.errors import MattingError
from matting.evaluation import scoring
from matting.evaluation.collecting import collected
from matting.evaluation.table import Evaluation
from matting.metrics.protocols import Protocol
from matting.system.progress_meter import progress
from matting.text import sizes_differ


@dataclass(frozen=True)
class Footage:
    """A clip's mattes and their truth, frame by frame.

    Attributes:
        name: of the clip.
        truth, prediction: (H, W) float32 in [0, 1] each.
        images: (H, W, 3) RGB uint8, for the report alone.
        frames: about how many there are, to tell how far the work has come.
    """

    name: str
    truth: Iterable[np.ndarray]
    prediction: Iterable[np.ndarray]
    images: Iterable[np.ndarray] | None = None
    frames: int = 0


def score_clips(
    clips: Sequence[Footage],
    *,
    protocol: str | Protocol = "rvm",
    names: Sequence[str] | None = None,
    workers: int = 0,
    with_panels: bool = False,
) -> Evaluation:
    """Score every frame of the clips, in processes of their own, while the next ones are read.

    Raises:
        MattingError: the protocol counts in trimaps, or truth and mattes are of another length or size.
    """
    chosen = scoring.choose(protocol, names, frames=True)
    if chosen.needs_trimap:
        raise MattingError(f"the protocol {chosen.name} counts in trimaps, which clips have none of; choose rvm")
    jobs = (job for clip in clips for job in _jobs(clip, chosen, with_panels))
    scores = scoring.run(scoring.score, jobs, workers)
    return collected(progress(scores, sum(clip.frames for clip in clips), "frame", "scoring"), chosen)


def _jobs(clip: Footage, protocol: Protocol, with_panels: bool) -> Iterator[scoring.Job]:
    images = iter(clip.images) if with_panels and clip.images is not None else None
    before = None
    for number, (truth, matte) in enumerate(zip_longest(clip.truth, clip.prediction), 1):
        if truth is None or matte is None:
            longer, shorter = ("--pred", "--alpha") if truth is None else ("--alpha", "--pred")
            raise MattingError(
                f"{clip.name}: {shorter} ends after {number - 1} frames, {longer} has more; mattes are scored frame by "
                "frame: give both of the same part"
            )
        name = f"{clip.name}/{number:06d}"
        image = next(images, None) if images is not None else None
        if image is not None and image.shape[:2] != truth.shape:
            raise MattingError(sizes_differ(f"{name} of --image", image.shape, "its truth", truth.shape))
        last = (before or (matte, truth)) if protocol.uses_frame_before else None
        yield scoring.Job(name, matte, truth, None, protocol, image, None, with_panels, last)
        before = matte, truth
    if before is None:
        raise MattingError(f"{clip.name}: not one frame is there to be scored; give clips that hold mattes")
