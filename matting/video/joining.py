"""Whole segments, and the sound of the clip, into one file: packets are copied, nothing is encoded again."""

from __future__ import annotations

import contextlib
import csv
import heapq
import io
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import Any

from matting.errors import MattingError
from matting.system import atomic
from matting.video import sound
from matting.video.clip import Clip
from matting.video.encoding import picture
from matting.video.ffmpeg import address, pyav
from matting.video.formats import FRAMES, MUXERS, Result
from matting.video.segments import Segments
from matting.video.source import Source

TIMES = "times.csv"
"""Beside frames as pictures: which picture is shown when."""

_PICTURE = re.compile(r"frame_\d{6,}\.png")

_FINE = {"movie_timescale": "720000"}
"""How late a stream begins is told in these units of a second, where 1000 are usual; all common rates divide them."""

_OPTIONS = {
    ".mp4": {"movflags": "+faststart", **_FINE},
    ".mov": _FINE,
    ".mkv": {"avoid_negative_ts": "disabled"},
    ".webm": {"avoid_negative_ts": "disabled"},
}
"""Of containers: an MP4 whose index lies in front begins to play before it is loaded; and the lead-in of a sound,
before 0, moves nothing else."""


def join(
    result: Result, segments: Segments, source: Source, carried: tuple[str, ...], begin: int, is_whole: bool
) -> None:
    """Write a result of the segments that there are; an older file stays until the new one is complete.

    Args:
        carried: `sound.CARRIED`, or those of them that are wanted.
        begin: the stamp that becomes 0.
        is_whole: nothing is missing at the end, so that sound that goes on behind the last frame is kept.

    Raises:
        UnwritableError: it cannot be written.
    """
    if result.ending == FRAMES:
        _write_times(result, segments, source, begin)
        return
    unit = source.time_base
    stop = None if is_whole else ((segments.last or 0) + segments.duration) * unit
    with contextlib.ExitStack() as stack:
        beside = stack.enter_context(atomic.replacing(result.path))
        output = pyav().open(
            address(beside), "w", format=MUXERS[result.ending], options=_OPTIONS.get(result.ending, {})
        )
        stack.enter_context(output)
        picture_stream = _video_stream(output, segments, result, unit)
        streams = [_video(segments, result, picture_stream, unit, begin)]
        if isinstance(source, Clip) and carried:
            clip = stack.enter_context(source.opened())
            added = {stream.index: sound.add(output, stream) for stream in sound.streams(clip, carried)}
            if added:
                streams.append(sound.packets(clip, added, begin * unit, stop))
        for _, packet in heapq.merge(*streams, key=lambda timed: timed[0]):
            output.mux(packet)


def _video_stream(output: Any, segments: Segments, result: Result, unit: Fraction) -> Any:
    """Add the stream of pictures, as the first segment describes it."""
    with pyav().open(address(segments.file(result, 0))) as first:
        template = first.streams.video[0]
        added = output.add_stream_from_template(template, opaque=True)
        if result.codec.name == "prores":  # without its own tag it would be taken for one that has no alpha
            added.codec_context.codec_tag = template.codec_context.codec_tag
        if result.codec.name == "vp9" and result.kind == "rgba":
            added.metadata["alpha_mode"] = "1"
    added.time_base = unit
    return added


def _video(
    segments: Segments, result: Result, stream: Any, unit: Fraction, begin: int
) -> Iterator[tuple[Fraction, Any]]:
    """Yield the packets of all segments, each with the time of its frame."""
    described, changed = None, f"{segments.folder} was changed while it was in use; remove it, and begin again"
    for number, stamps in enumerate(segments.stamps):
        follows = segments.stamps[number + 1][0] if number + 1 < len(segments.stamps) else None
        ends = [*stamps[1:], follows if follows is not None else stamps[-1] + segments.duration]
        with pyav().open(address(segments.file(result, number))) as part:
            described = described or part.streams.video[0].codec_context.extradata
            if part.streams.video[0].codec_context.extradata != described:
                raise MattingError(changed)
            packets = (packet for packet in part.demux(part.streams.video[0]) if packet.size)
            for packet, stamp, end in zip_longest(packets, stamps, ends):
                if packet is None or stamp is None:
                    raise MattingError(changed)
                packet.stream, packet.time_base = stream, unit
                packet.pts = packet.dts = stamp - begin
                packet.duration = end - stamp
                yield packet.pts * unit, packet


def _write_times(result: Result, segments: Segments, source: Source, begin: int) -> None:
    table = io.StringIO()
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["picture", "seconds"])
    for number, stamp in enumerate(stamp for stamps in segments.stamps for stamp in stamps):
        rows.writerow([picture(result.path, number).name, f"{float((stamp - begin) * source.time_base):.6f}"])
    earlier = _pictures(result.path)
    atomic.write_text(result.path / TIMES, table.getvalue())
    for name in earlier - _pictures(result.path):
        (result.path / name).unlink(missing_ok=True)


def _pictures(folder: Path) -> set[str]:
    """Return the pictures that a table of times names; of others' files nothing is known, and they stay."""
    try:
        with open(folder / TIMES, encoding="utf-8", newline="") as file:
            named = {row[0] for row in csv.reader(file) if row}
    except (OSError, ValueError, csv.Error):
        return set()
    return {name for name in named if _PICTURE.fullmatch(name)}
