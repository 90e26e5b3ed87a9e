"""A clip cut out, segment by segment: decoding, network, compositing and encoding at once, in constant memory."""

from __future__ import annotations

import contextlib
import itertools
import time
from dataclasses import dataclass
from typing import Any

from matting.errors import MattingError, Stopped
from matting.system import stopping
from matting.system.prefetching import read_ahead
from matting.system.progress_meter import progress_to
from matting.video import segments as parts
from matting.video.encoding import Writer, writer
from matting.video.formats import Result
from matting.video.joining import join
from matting.video.segments import Segments
from matting.video.source import Source, Span
from matting.video.stages import Work, compose, matted
from matting.video.task import Matter, Task

WARM_UP = 30
"""Frames before the point of going on that a network with a memory sees again, so that no seam shows."""


@dataclass
class Summary:
    """What a run did.

    Attributes:
        frames: made by this run.
        resumed: made by an earlier one.
        total: seconds that it took.
        latency: of a camera: seconds from taking a picture to having written it, the sum and the most.
    """

    frames: int = 0
    resumed: int = 0
    total: float = 0.0
    latency: tuple[float, float] = (0.0, 0.0)

    def timing(self) -> str:
        """Return a line on the speed."""
        if not self.frames:
            return ""
        told = f"{self.frames / max(self.total, 1e-9):.1f} frames a second, {self.total:.1f} s in all"
        return f"{told}; {self.lag()}" if self.latency[1] else told

    def lag(self) -> str:
        """Return how late the pictures of a camera are."""
        if not self.latency[1]:
            return ""
        return f"{1000 * self.latency[0] / max(self.frames, 1):.0f} ms late, {1000 * self.latency[1]:.0f} ms at most"


def cut(source: Source, matte: Matter, task: Task) -> Summary:
    """Cut out a source and write all results; goes on where an earlier run with the same settings was ended.

    Segments lie in a hidden folder beside the first result until all is done.

    Raises:
        MattingError: there is no frame in the span, or the network cannot take the frames.
        UnwritableError: results cannot be written.
        Stopped: the user asked to stop; the results hold what was done until then.
    """
    first = task.results[0].path
    folder = first.with_name(f".{first.name}.parts")
    with parts.opened(folder, task.settings) as segments, stopping.on_request() as stop:
        summary = Summary(resumed=segments.frames)
        started = time.monotonic()
        _run(source, matte, task, segments, stop, summary)
        summary.total = time.monotonic() - started
        if not segments.stamps:
            segments.remove()
            raise MattingError(f"{source.path}: no frame lies between --start and --end; it is {source.seconds} s long")
        begin = segments.stamps[0][0] if task.span.start > 0 else source.origin
        for result in task.results:
            join(result, segments, source, task.carried, begin, not stop and task.span.end is None)
        if stop and not source.is_live:
            done = ((segments.last or 0) + segments.duration - begin) * source.time_base
            raise Stopped(
                f"stopped at {float(done):.2f} s: {first.name} holds what was done; the same command goes on",
                stop.signal,
            )
        segments.remove()
    return summary


def _run(source: Source, matte: Matter, task: Task, segments: Segments, stop: stopping.Stop, summary: Summary) -> None:
    """Take the frames through the stages; the last segment is whole when this ends without an error."""
    workers = 1 if task.overlap else 0
    encoding = _Encoding(source, task, segments)
    after = segments.last
    if task.remembers or task.steadier:
        seen = list(itertools.chain.from_iterable(segments.stamps))
        after = seen[-WARM_UP - 1] if len(seen) > WARM_UP else None
    frames = task.span.frames(source, after)
    # A camera has a thread of its own, and what was read ahead would be late.
    ahead = read_ahead(lambda _: next(frames, None), itertools.repeat(None), 0 if source.is_live else workers)

    mattes = matted(ahead, matte, task, segments.last)
    composed = read_ahead(lambda work: compose(work, source, task), mattes, workers)
    written = read_ahead(encoding.write, composed, workers)
    with contextlib.closing(ahead), contextlib.closing(composed), contextlib.closing(written) as finished:
        reached = _reached(source, task.span)
        for work in progress_to(finished, task.span.seconds(source), reached, summary.lag):
            summary.frames += 1
            if work.frame.captured:
                late = time.monotonic() - work.frame.captured
                summary.latency = summary.latency[0] + late, max(summary.latency[1], late)
            if task.show is not None:
                task.show(work.pixels)
            if stop:
                break
    encoding.finish()
    frames.close()


def _reached(source: Source, span: Span) -> Any:
    begin = span.stamps(source)[0]
    return lambda work: float((work.frame.stamp - begin) * source.time_base)


class _Encoding:
    """Writes frames in their order, a segment after the other."""

    def __init__(self, source: Source, task: Task, segments: Segments) -> None:
        self._source, self._task, self._segments = source, task, segments
        self._length = max(round(task.segment / source.time_base), 1)
        self._writers: list[tuple[Result, Writer]] = []
        self._stamps: list[int] = []
        self._duration = 0

    def write(self, work: Work) -> Work:
        stamp = work.frame.stamp
        if self._stamps and stamp - self._stamps[0] >= self._length:
            self.finish()
        if not self._stamps:
            self._writers = [(result, self._opened(result)) for result in self._task.results]
        for result, writer_ in self._writers:
            writer_.write(work.pixels[result.kind])
        self._stamps.append(stamp)
        usual = max(round(1 / (self._source.rate * self._source.time_base)), 1)
        self._duration = work.frame.duration or usual
        return work

    def finish(self) -> None:
        """Make the segment whole that is being written, if there is one."""
        if self._stamps:
            for _, writer_ in self._writers:
                writer_.close()
            self._segments.add(self._stamps, self._duration)
            self._stamps, self._writers = [], []

    def _opened(self, result: Result) -> Writer:
        source, segments = self._source, self._segments
        return writer(
            result, segments.file(result), segments.frames, (source.height, source.width), source.rate, source.colour
        )
