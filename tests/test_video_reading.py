"""Clips read: exact times, right colours, upright square pixels, and what is wrong with a file is said."""

from __future__ import annotations

import gc
import struct
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import drawn
import moving
from matting.errors import MattingError
from matting.prediction.backgrounds import Scene
from matting.prediction.framing import WHOLE
from matting.video.backdrop import Moving, parse
from matting.video.camera import Camera
from matting.video.clip import Clip
from matting.video.colours import Colour, from_pixels, to_rgb
from matting.video.frame_folder import FrameFolder
from matting.video.source import Findings, Span, Stamper


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moving.write(tmp_path_factory.mktemp("clip") / "clip.mp4", moving.pictures(40), g="12")


@pytest.mark.parametrize("stamps", [moving.even(12), moving.even(12, moving.FILM), moving.UNEVEN])
def test_times_are_those_of_the_file(tmp_path: Path, stamps: list[int]) -> None:
    clip = Clip(moving.write(tmp_path / "a.mp4", moving.pictures(12), stamps))
    assert [frame.stamp * clip.time_base for frame in clip.frames()] == [Fraction(stamp, 30000) for stamp in stamps]
    assert (clip.height, clip.width, clip.findings.told("a", clip.rate)) == (64, 96, [])


def test_one_can_jump_to_any_frame_and_gets_the_same_pictures(clip: Path) -> None:
    source = Clip(clip)
    frames = list(source.frames())
    for number in (0, 5, 11, 12, 38, 39):
        after = list(source.frames(frames[number].stamp))
        assert [frame.stamp for frame in after] == [frame.stamp for frame in frames[number + 1 :]]
        assert all(np.array_equal(one.image, two.image) for one, two in zip(after, frames[number + 1 :], strict=True))
    part = [frame.stamp for frame in Span(0.5, 1.0).frames(source)]
    assert part == [stamp for stamp in moving.even(40) if 15000 <= stamp < 30000]


def test_frames_are_freed_without_waiting_for_the_collector_of_circles(clip: Path) -> None:
    source = Clip(clip)
    gc.collect()
    gc.disable()
    try:
        count = sum(1 for _ in source.frames())
        alive = sum(isinstance(thing, av.VideoFrame) for thing in gc.get_objects())
    finally:
        gc.enable()
    assert count == 40 and alive <= 2


KNOWN = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40), (12, 200, 90)]
WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}
"""Of red and blue in luma: BT.709, BT.601 and BT.2020."""


def luma_and_chroma(rgb: tuple[int, ...], matrix: int, full: bool) -> list[int]:
    """Return Y, Cb and Cr of 8 bits by the definition in the recommendations."""
    kr, kb = WEIGHTS[matrix]
    red, green, blue = (level / 255 for level in rgb)
    y = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - y) / (2 * (1 - kb)), (red - y) / (2 * (1 - kr))
    found = (255 * y, 128 + 255 * cb, 128 + 255 * cr) if full else (16 + 219 * y, 128 + 224 * cb, 128 + 224 * cr)
    return [min(round(value), 255) for value in found]


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("matrix", WEIGHTS)
def test_colours_are_those_of_the_recommendations(matrix: int, full: bool) -> None:
    for rgb in KNOWN:
        frame = av.VideoFrame(32, 16, "yuv420p")
        for plane, value in zip(frame.planes, luma_and_chroma(rgb, matrix, full), strict=True):
            plane.update(bytes([value]) * plane.buffer_size)
        frame.colorspace, frame.color_range = matrix, 2 if full else 1
        assert np.abs(to_rgb(frame, 32, 16)[8, 8] - np.array(rgb, float)).max() <= 1
        made = from_pixels(np.full((16, 32, 3), rgb, np.uint8), "yuv420p", Colour(matrix))
        values = [np.frombuffer(plane, np.uint8)[3] for plane in made.planes]
        assert np.abs(np.array(values, float) - luma_and_chroma(rgb, matrix, False)).max() <= 1


@pytest.mark.parametrize(("height", "matrix"), [(64, 6), (720, 1)])
def test_a_matrix_that_is_not_stated_is_taken_as_players_do(height: int, matrix: int) -> None:
    frame = from_pixels(np.full((height, 64, 3), (200, 120, 40), np.uint8), "yuv420p", Colour(matrix))
    frame.colorspace, frame.color_range = 2, 0
    assert np.abs(to_rgb(frame, 64, height)[8, 8] - np.array((200.0, 120, 40))).max() <= 1


def test_grey_without_a_stated_range_is_as_it_is() -> None:
    levels = np.tile(np.arange(256, dtype=np.uint8), (16, 1))
    frame = av.VideoFrame.from_ndarray(levels, format="gray")
    assert int(frame.color_range) == 0
    assert np.array_equal(to_rgb(frame, 256, 16), np.dstack([levels] * 3))


TURNS = {
    "clockwise": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "half": ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    "anticlockwise": ((0, -1, 1, 0), lambda image: np.rot90(image, 1)),
    "mirrored": ((-1, 0, 0, 1), lambda image: image[:, ::-1]),
    "transposed": ((0, 1, 1, 0), lambda image: image.transpose(1, 0, 2)),
}


@pytest.mark.parametrize("name", TURNS)
def test_frames_are_turned_upright(clip: Path, tmp_path: Path, name: str) -> None:
    (a, b, c, d), expected = TURNS[name]
    content = clip.read_bytes()
    header = content.index(b"tkhd")  # of the first track, the pictures; its matrix lies 40 bytes behind the version
    matrix = struct.pack(">9i", a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30)
    (tmp_path / "a.mp4").write_bytes(content[: header + 44] + matrix + content[header + 80 :])
    turned, plain = Clip(tmp_path / "a.mp4"), next(Clip(clip).frames()).image
    image = next(turned.frames()).image
    assert image.shape[:2] == (turned.height, turned.width)
    assert np.array_equal(image, expected(plain))


@pytest.mark.parametrize(("aspect", "size"), [(Fraction(4, 3), (64, 128)), (Fraction(1, 2), (128, 96))])
def test_pixels_become_square(tmp_path: Path, aspect: Fraction, size: tuple[int, int]) -> None:
    clip = Clip(moving.write(tmp_path / "a.mp4", moving.pictures(2), aspect=aspect))
    assert (clip.height, clip.width) == size == next(clip.frames()).image.shape[:2]


def test_a_file_cut_short_gives_what_decodes_and_says_where_it_ends(clip: Path, tmp_path: Path) -> None:
    content = clip.read_bytes()
    (tmp_path / "a.mp4").write_bytes(content[: len(content) // 2])
    short = Clip(tmp_path / "a.mp4")
    count = len(list(short.frames()))
    assert 0 < count < 40
    told = short.findings.told("a.mp4", short.rate)[-1]
    assert "cut short: it ends at 0." in told and "of 1.3" in told, told


def test_damaged_packets_are_counted_and_the_rest_is_there(tmp_path: Path) -> None:
    path = moving.write(tmp_path / "a.mov", moving.pictures(6), codec="png", pixels="rgb24", sound=None)
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    content[places[2] : places[2] + 40] = bytes(40)
    path.write_bytes(content)
    clip = Clip(path)
    assert [frame.stamp for frame in clip.frames()] == [at for n, at in enumerate(moving.even(6)) if n != 2]
    assert "1 packets are damaged" in clip.findings.told(path, clip.rate)[0]


def test_times_always_grow() -> None:
    found = Findings()
    stamper = Stamper(Fraction(1001, 2), found, 7)
    assert [stamper.of(own) for own in (None, None, 1000, 1000, 900, None)] == [7, 508, 1000, 1001, 1002, 1502]
    assert found.unstamped == 3


def test_frames_without_times_are_set_by_the_rate(tmp_path: Path) -> None:
    moving.write(tmp_path / "a.h264", moving.pictures(10), sound=None)
    clip = Clip(tmp_path / "a.h264")
    frames = list(clip.frames())
    gaps = np.diff([float(frame.stamp * clip.time_base) for frame in frames])
    assert len(frames) == 10 and np.allclose(gaps, float(1 / clip.rate), atol=float(clip.time_base))
    assert clip.findings.unstamped == 0 or "state no time" in clip.findings.told("a", clip.rate)[0]
    assert [frame.stamp for frame in clip.frames(frames[6].stamp)] == [frame.stamp for frame in frames[7:]]


def test_a_size_that_changes_is_scaled_to_the_first(tmp_path: Path) -> None:
    for name, height in (("a", 64), ("b", 96)):
        moving.write(tmp_path / f"{name}.h264", moving.pictures(5, height, 96), sound=None)
    (tmp_path / "both.h264").write_bytes((tmp_path / "a.h264").read_bytes() + (tmp_path / "b.h264").read_bytes())
    clip = Clip(tmp_path / "both.h264")
    assert {frame.image.shape for frame in clip.frames()} == {(64, 96, 3)}
    assert clip.findings.resized == 5 and "scaled" in " ".join(clip.findings.told("a", clip.rate))


def test_what_is_no_clip_is_one_sentence(clip: Path, tmp_path: Path) -> None:
    drawn.save(tmp_path / "still.png", drawn.texture(20, 20))
    (tmp_path / "text.mp4").write_text("no clip")
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "headless.mp4").write_bytes(clip.read_bytes()[-2000:])
    with av.open(str(tmp_path / "song.m4a"), "w") as song:
        stream = song.add_stream("aac", rate=48000)
        song.start_encoding()
        moving._tone(song, stream, 0.2)
    for name, said in (
        ("still.png", "matting predict cuts out pictures"), ("text.mp4", "no clip"), ("empty.mp4", "no clip"),
        ("headless.mp4", "no clip"), ("song.m4a", "holds no video, only audio"), ("none.mp4", "does not exist"),
    ):  # fmt: skip
        with pytest.raises(MattingError, match=said):
            Clip(tmp_path / name)


def test_numbered_frames_are_a_clip_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        drawn.save(tmp_path / f"frame{number}.png", np.full((8, 10, 3), number, np.uint8))
    drawn.save(tmp_path / "cover.png", np.zeros((8, 10, 3), np.uint8))
    folder = FrameFolder(tmp_path, moving.FILM)
    frames = list(folder.frames())
    assert [int(frame.image[0, 0, 0]) for frame in frames] == [1, 9, 10]
    assert [frame.stamp * folder.time_base for frame in frames] == [n / moving.FILM for n in range(3)]
    (tmp_path / "frame9.png").write_text("broken")
    assert [frame.stamp for frame in folder.frames()] == [0, 2] and folder.findings.damaged == 1
    drawn.save(tmp_path / "other10.png", np.zeros((8, 10, 3), np.uint8))
    with pytest.raises(MattingError, match="one frame by their number"):
        FrameFolder(tmp_path)


class Fake:
    """A camera that gives 200 frames a second, each with its number, and ends."""

    def __init__(self, count: int) -> None:
        self.count, self.given, self.released = count, 0, False

    def read(self) -> tuple[bool, np.ndarray | None]:
        time.sleep(0.005)
        self.given += 1
        there = self.given <= self.count
        return there, np.full((16, 24, 3), self.given % 256, np.uint8) if there else None

    def get(self, which: int) -> float:
        return 30.0

    def release(self) -> None:
        self.released = True


def test_a_camera_drops_what_nobody_had_time_for() -> None:
    fake = Fake(60)
    camera = Camera(0, lambda number: fake)
    seen, late = [], []
    for frame in camera.frames():
        late.append(time.monotonic() - frame.captured)
        seen.append(int(frame.image[0, 0, 0]))
        time.sleep(0.03)  # a network six times slower than the camera
    assert seen == sorted(set(seen)) and len(seen) < 30 and len(seen) + camera.dropped >= 55
    assert max(late) < 0.1 and fake.released and "no more pictures" in camera.findings.ended


def test_a_camera_that_gives_nothing_is_one_sentence() -> None:
    with pytest.raises(MattingError, match="--camera 7 gives no picture"):
        Camera(7, lambda number: Fake(0))


def test_a_clip_behind_a_clip_keeps_its_own_speed_and_is_looped(tmp_path: Path) -> None:
    shades = [np.full((16, 16, 3), shade, np.uint8) for shade in (20, 120, 220)]
    path = moving.write(
        tmp_path / "b.mkv", shades, [0, 100, 200], Fraction(1, 1000), "ffv1", "bgr0", None, Colour()
    )  # fmt: skip
    backdrop, identity = parse(str(path))
    assert isinstance(backdrop, Moving) and identity
    step = round(1000 / backdrop.clip.rate)
    matte = np.zeros((16, 16), np.uint8)
    scene = Scene(shades[0], matte.astype(np.float32), WHOLE.frame(matte))
    lap = 0.2 + step / 1000
    shown = [int(backdrop(scene, at)[3, 3, 0]) for at in (0, 0.05, 0.1, 0.15, 0.201, lap + 0.001, lap + 0.11, 2 * lap)]
    assert shown == [20, 20, 120, 120, 220, 20, 120, 20]
