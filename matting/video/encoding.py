"""Frames of one segment into a file of their own, which begins with a key frame and needs no other segment."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from matting.errors import MattingError
from matting.pictures.files import write_png
from matting.system import atomic
from matting.video.colours import Colour, from_pixels, label
from matting.video.ffmpeg import address, pyav
from matting.video.formats import FRAMES, MUXERS, Result

_KEY_FRAMES = 4
"""Seconds between key frames, which are where players can jump to."""


class Writer(Protocol):
    """Takes the frames of a segment in turn."""

    def write(self, pixels: np.ndarray) -> None:
        """Take a frame: (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, uint8, as its kind has it."""
        ...

    def close(self) -> None:
        """Finish the segment; what was written is on the disk then."""
        ...


def writer(result: Result, path: Path, first: int, size: tuple[int, int], rate: Fraction, colour: Colour) -> Writer:
    """Return what writes a segment of a result.

    Args:
        path: of the segment's file; frames as pictures go to the result's own folder.
        first: the number of the segment's first frame in the clip.
        size: height and width.
        rate: frames a second, by which encoders share out their bits.
    """
    if result.ending == FRAMES:
        return _Pictures(result.path, first)
    return _Encoder(result, path, size, rate, colour)


def picture(folder: Path, number: int) -> Path:
    """Return the file of a frame in a folder of them; the first is 1."""
    return folder / f"frame_{number + 1:06d}.png"


class _Pictures:
    def __init__(self, folder: Path, first: int) -> None:
        self._folder, self._number = folder, first

    def write(self, pixels: np.ndarray) -> None:
        write_png(picture(self._folder, self._number), pixels)
        self._number += 1

    def close(self) -> None:
        """Nothing is left to do: each picture is written whole."""


class _Encoder:
    """Encodes in the order of showing, so that packet and frame have the same number and times can be put on later."""

    def __init__(self, result: Result, path: Path, size: tuple[int, int], rate: Fraction, colour: Colour) -> None:
        self._path, self._pixels, self._colour = path, result.pixels, colour
        self._padding = tuple(side % 2 if result.codec.is_even else 0 for side in size)
        # MPEG-4 counts time in 65535ths of a second at most.
        rate = rate if rate.numerator <= 65535 else Fraction(max(round(rate), 1))
        self._count, self._unit = 0, 1 / rate
        height, width = (side + more for side, more in zip(size, self._padding, strict=True))
        with atomic.explained(path, of_all=True):
            self._container = pyav().open(address(path), "w", format=MUXERS[result.ending])
        self._stream = self._container.add_stream(
            result.codec.encoder, rate=rate, options=result.options(), width=width, height=height, pix_fmt=self._pixels,
            time_base=self._unit,
        )  # fmt: skip
        encoder = self._stream.codec_context
        # Frames that are encoded out of order would tie every packet's time to its neighbours', over the seams too.
        encoder.max_b_frames, encoder.gop_size = 0, max(round(rate * _KEY_FRAMES), 1)
        label(encoder, self._pixels, colour)
        if result.codec.name == "vp9" and result.kind == "rgba":
            self._stream.metadata["alpha_mode"] = "1"  # by which players know that there is a second picture
        try:
            self._container.start_encoding()
        except pyav().FFmpegError as error:
            self._container.close()
            raise MattingError(
                f"{result.codec.encoder} does not encode {width}x{height} as {self._pixels}: {error.strerror}; give "
                "another --codec or ending"
            ) from None

    def write(self, pixels: np.ndarray) -> None:
        if any(self._padding):
            below, right = self._padding
            pixels = np.pad(pixels, ((0, below), (0, right), *((0, 0),) * (pixels.ndim - 2)), mode="edge")
        frame = from_pixels(pixels, self._pixels, self._colour)
        frame.pts, frame.time_base = self._count, self._unit
        self._count += 1
        self._mux(frame)

    def close(self) -> None:
        self._mux(None)
        with atomic.explained(self._path, of_all=True):
            self._container.close()
            with open(self._path, "rb") as file:
                os.fsync(file.fileno())
        # An encoder holds many frames; without this it would live as long as the collector of circles likes.
        del self._stream, self._container

    def _mux(self, frame: Any) -> None:
        with atomic.explained(self._path, of_all=True):
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
