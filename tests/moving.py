"""Tiny clips with known times, colours and sound, made by code; and what decodes results back."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

import drawn
from matting.video.colours import Colour, from_pixels, label

NTSC, FILM = Fraction(30000, 1001), Fraction(24000, 1001)
HEIGHT, WIDTH = 64, 96
BT709 = Colour()
UNEVEN = [0, 500, 1501, 1502, 4000, 9000, 9100, 9300, 14000, 14001, 20000, 21000]
"""Stamps in 1/30000 s of a clip whose frames come as they like."""


def pictures(count: int, height: int = HEIGHT, width: int = WIDTH) -> list[np.ndarray]:
    """Return frames that differ: a texture that moves."""
    still = drawn.texture(height, width)
    return [np.roll(still, 5 * number, axis=1) for number in range(count)]


def even(count: int, rate: Fraction = NTSC, unit: Fraction = Fraction(1, 30000)) -> list[int]:
    return [round(number / rate / unit) for number in range(count)]


def write(
    path: Path,
    frames: Sequence[np.ndarray],
    stamps: Sequence[int] | None = None,
    unit: Fraction = Fraction(1, 30000),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    sound: str | None = "aac",
    colour: Colour = BT709,
    aspect: Fraction | None = None,
    seconds: float | None = None,
    **options: str,
) -> Path:
    """Encode a clip, its sound a tone as long as the pictures, or of so many seconds."""
    stamps = even(len(frames)) if stamps is None else stamps
    container_options = {"movflags": "+faststart"} if path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=container_options) as container:
        height, width = frames[0].shape[:2]
        stream = container.add_stream(
            codec, rate=NTSC, width=width, height=height, pix_fmt=pixels, time_base=unit, options=options
        )
        label(stream.codec_context, pixels, colour)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        tone = container.add_stream(sound, rate=48000) if sound else None
        container.start_encoding()
        if tone is not None:
            _tone(container, tone, seconds or float(stamps[-1] * unit) + 0.1)
        for image, stamp in zip(frames, stamps, strict=True):
            frame = from_pixels(image, pixels, colour)
            frame.pts, frame.time_base = stamp, unit
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _tone(container: Any, stream: Any, seconds: float) -> None:
    wave = (0.3 * np.sin(np.arange(int(48000 * seconds)) / 20)).astype(np.float32)
    whole = av.AudioFrame.from_ndarray(np.stack([wave, wave]), format="fltp", layout="stereo")
    whole.sample_rate, whole.pts = 48000, 0
    size = stream.codec_context.frame_size or 1024
    fit = av.AudioResampler(format=stream.codec_context.format.name, layout="stereo", rate=48000, frame_size=size)
    for frame in [*fit.resample(whole), *fit.resample(None)]:
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def times(path: Path) -> list[Fraction]:
    """Return when the frames of a clip are shown, in seconds, as packets state it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return sorted(packet.pts * stream.time_base for packet in container.demux(stream) if packet.size)


def packets(path: Path, kind: str = "audio") -> list[tuple[Fraction, bytes]]:
    """Return times and contents of the packets of sound, or of subtitles."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, "subtitles" if kind == "subtitle" else kind)[0]
        return [(packet.pts * stream.time_base, bytes(packet)) for packet in container.demux(stream) if packet.size]


def decoded(path: Path, pixels: str) -> list[np.ndarray]:
    """Return the frames of a clip in a pixel format; VP9 by libvpx, which alone sees its alpha."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = stream.codec_context
        if decoder.name == "vp9":
            decoder = av.CodecContext.create("libvpx-vp9", "r")
        found = [
            frame for packet in container.demux(stream) for frame in decoder.decode(packet if packet.size else None)
        ]
        return [frame.to_ndarray(format=pixels) for frame in found]


def alphas(path: Path) -> list[np.ndarray]:
    """Return the mattes of a clip with alpha, (H, W) float64 in levels of 255, at the depth of the file."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        if stream.codec_context.name != "prores":
            return [pixels[..., 3].astype(float) for pixels in decoded(path, "rgba")]
        found = []
        for frame in container.decode(stream):  # swscale would cut off its last two bits
            assert frame.format.name.startswith("yuva444p1")
            plane, most = frame.planes[3], 2 ** int(frame.format.name[8:10]) - 1
            rows = np.frombuffer(plane, np.uint16).reshape(frame.height, plane.line_size // 2)
            found.append(rows[:, : frame.width] / most * 255)
        return found


def level(image: np.ndarray) -> tuple[np.ndarray, None]:
    """Return a matte as `Predictor.stream()` does: a soft disc that every frame's first pixel moves."""
    return np.roll(drawn.disc(*image.shape[:2]), int(image[0, 0, 0]) % 16, axis=1), None
