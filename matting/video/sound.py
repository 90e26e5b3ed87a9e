"""Sound and subtitles carried from a clip to its results, packet by packet as they are."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from matting.errors import MattingError
from matting.video.clip import Clip
from matting.video.ffmpeg import pyav
from matting.video.formats import MUXERS, Result

CARRIED = ("audio", "subtitle")
"""The streams that are carried over, by FFmpeg's names."""

_CALLED = {"audio": "sound", "subtitle": "subtitles"}
_FLAGS = {"audio": "--no_sound", "subtitle": "--no_subtitles"}


def check(clip: Clip, result: Result, kinds: tuple[str, ...]) -> None:
    """Refuse, before any work, a result whose container cannot hold the clip's sound or subtitles.

    Args:
        kinds: of `CARRIED`, those that are to be carried over.

    Raises:
        MattingError: with the codec, and the containers that can hold it.
    """
    if result.ending not in MUXERS:
        return
    with clip.opened() as container:
        for stream in streams(container, kinds):
            if not _holds(result.ending, stream):
                able = [ending for ending in MUXERS if _holds(ending, stream)]
                able = [ending for ending in able if result.kind != "rgba" or ending != ".mp4"]
                instead = (
                    f"{' or '.join(able)} can: give the result that ending" if able else "none that is written can"
                )
                raise MattingError(
                    f"{result.path.name} cannot hold the {_CALLED[stream.type]} of {clip.path} "
                    f"({_codec(stream)}); {instead}, or leave it out with {_FLAGS[stream.type]}"
                )


def streams(container: Any, kinds: tuple[str, ...]) -> list[Any]:
    """Return the streams of an open clip that are carried over."""
    return [stream for stream in container.streams if stream.type in kinds and stream.codec_context is not None]


def add(output: Any, stream: Any) -> Any:
    """Add a stream to a result that holds the packets of one of the clip."""
    added = output.add_stream_from_template(stream, opaque=True)
    for name in ("language", "title"):
        if name in stream.metadata:
            added.metadata[name] = stream.metadata[name]
    added.disposition = stream.disposition
    return added


def packets(
    container: Any, carried: dict[int, Any], begin: Fraction, end: Fraction | None
) -> Iterator[tuple[Fraction, Any]]:
    """Yield the packets of the clip's sound and subtitles with their times, moved so that `begin` is 0.

    Args:
        container: the clip, opened afresh.
        carried: the result's streams by their number in the clip.
        begin, end: seconds; packets of another time are left out. `begin` is None to keep what lies before 0, the
            lead-in of the sound.
    """
    sources = [container.streams[number] for number in carried]
    for packet in container.demux(sources):
        if packet.dts is None and packet.pts is None or not packet.size:
            continue
        time = (packet.pts if packet.pts is not None else packet.dts) * packet.time_base
        if (begin > 0 and time < begin) or (end is not None and time >= end):
            continue
        shift = round(begin / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        packet.stream = carried[packet.stream_index]
        yield time - begin, packet


def _holds(ending: str, stream: Any) -> bool:
    """Return whether a container takes a stream, by writing the beginning of one that has it."""
    try:
        with pyav().open(io.BytesIO(), "w", format=MUXERS[ending]) as output:
            add(output, stream)
            output.start_encoding()
    except (pyav().FFmpegError, ValueError):
        return False
    return True


def _codec(stream: Any) -> str:
    return stream.codec_context.codec.canonical_name if stream.codec_context else "unknown"
