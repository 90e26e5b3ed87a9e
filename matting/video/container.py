"""A clip's file opened by FFmpeg: of the file's own content alone, its pictures found, and what decodes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matting.errors import MattingError
from matting.pictures.files import PIXEL_LIMIT
from matting.pictures.listing import IMAGE_EXTENSIONS
from matting.video.ffmpeg import address, pyav

_STILL = ("image2", "_pipe")
"""How FFmpeg's readers of single pictures are called."""

_LISTS = ("concat", "hls", "dash", "imf", "applehttp")
"""FFmpeg's readers of lists of other files, which a stranger may have made."""

_SEEING = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""The decoders that see alpha, by those that do not."""


def opened(path: Path) -> Any:
    """Return a file opened by FFmpeg, as a context.

    Raises:
        MattingError: it is missing, or no clip.
    """
    if path.is_dir():
        raise MattingError(f"{path} is a folder; a clip is a file, and frames in a folder need numbered names")
    if not path.is_file():
        raise MattingError(f"{path} does not exist; give a clip, a folder of numbered frames, or --camera 0")
    try:
        container = pyav().open(
            address(path), metadata_errors="replace", container_options={"protocol_whitelist": "file"}
        )
    except (pyav().FFmpegError, ValueError) as error:
        if path.suffix.lower() in IMAGE_EXTENSIONS:
            raise MattingError(f"{path} is a picture; matting predict cuts out pictures") from None
        said = getattr(error, "strerror", None) or error
        raise MattingError(f"{path} is no clip that FFmpeg reads, or lacks its beginning or end: {said}") from None
    kinds = container.format.name.split(",")
    if any(word in kind for kind in kinds for word in _STILL) or set(kinds) & set(_LISTS):
        container.close()
        if set(kinds) & set(_LISTS):
            raise MattingError(f"{path} lists other files, and holds no pictures itself; give a clip")
        raise MattingError(f"{path} is a picture; matting predict cuts out pictures")
    return container


def decoder_of(stream: Any) -> Any:
    """Return what decodes a stream: of VP9 with alpha, whose alpha FFmpeg's own decoder passes over, that of libvpx."""
    context = stream.codec_context
    # Of a size that changes on the way; FFmpeg refuses it by its header.
    limits = {"max_pixels": str(PIXEL_LIMIT)}
    stated = {name.lower(): value for name, value in stream.metadata.items()}
    if stated.get("alpha_mode") != "1" or context.name not in _SEEING:
        context.options = limits
        return context
    seeing = pyav().CodecContext.create(_SEEING[context.name], "r")
    seeing.options = limits
    return seeing


def video_of(container: Any, path: Path) -> Any:
    """Return the stream of moving pictures; the cover of a song is none."""
    for stream in container.streams.video:
        if not stream.disposition & pyav().stream.Disposition.attached_pic and stream.codec_context is not None:
            stream.thread_type = "AUTO"
            return stream
    raise MattingError(f"{path} holds no video, only {_held(container)}; give a clip with pictures")


def _held(container: Any) -> str:
    kinds = sorted({"a cover" if stream.type == "video" else stream.type for stream in container.streams})
    return " and ".join(kinds) or "nothing"
