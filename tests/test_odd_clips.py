"""Clips as phones, cameras and strangers make them: odd names, lists of other files, sizes beyond all measure."""

from __future__ import annotations

import struct
import threading
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import moving
from matting.errors import MattingError
from matting.system.locks import unless_held
from matting.video import segments
from matting.video.backdrop import parse
from matting.video.clip import Clip
from matting.video.cutting import cut
from matting.video.formats import CODECS, FRAMES, Result
from matting.video.source import Span
from matting.video.task import Task


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moving.write(tmp_path_factory.mktemp("clip") / "clip.mp4", moving.pictures(6), sound=None)


@pytest.mark.parametrize("name", ["a:b.mp4", "http:x.mp4", "concat:a.mp4", "f%03d.mp4", "a\nb.mp4", "a|b.mp4"])
def test_names_are_names_and_no_addresses(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(clip.read_bytes())
    result = Path(name).with_suffix(".mov")
    cut(Clip(Path(name)), moving.level, Task([Result.of(result, "rgba")]))
    assert moving.times(tmp_path / result) == moving.times(clip)


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile clip.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nclip.ts\n#EXT-X-ENDLIST\n",
    ],
)
@pytest.mark.parametrize("ending", [".mp4", ".m3u8", ".txt"])
def test_a_list_of_other_files_is_no_clip(clip: Path, tmp_path: Path, text: str, ending: str) -> None:
    for name in ("clip.mp4", "clip.ts"):
        moving.write(tmp_path / name, moving.pictures(2), sound=None)
    path = tmp_path / f"list{ending}"
    path.write_text(text)
    with pytest.raises(MattingError, match=r"list\.\w+ (is no clip|lists other files)"):
        Clip(path)


def test_sound_that_goes_on_is_no_cut(tmp_path: Path) -> None:
    """Of FLV no stream states its own length: the file's is that of its sound."""
    clip = Clip(moving.write(tmp_path / "a.flv", moving.pictures(6), seconds=3.0))
    assert len(list(clip.frames())) == 6 and not clip.findings.ended


def _png(side: int) -> bytes:
    """Return a black picture of 8 bits, far smaller than its pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    packer = zlib.compressobj(9)
    rows = b"".join([*(packer.compress(bytes(side + 1)) for _ in range(side)), packer.flush()])
    header = struct.pack(">2I5B", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize("first", [4, 3000])
def test_a_frame_beyond_the_limit_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int) -> None:
    for room in ("clip", "container"):
        monkeypatch.setattr(f"matting.video.{room}.PIXEL_LIMIT", 2000 * 2000)
    with av.open(str(tmp_path / "a.mov"), "w") as container:
        stream = container.add_stream("png", rate=25, width=first, height=first, pix_fmt="gray")
        container.start_encoding()
        for number, side in enumerate((first, 3000, 4)):
            packet = av.Packet(_png(side))
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, number, number, Fraction(1, 25)
            container.mux(packet)
    if first > 4:
        with pytest.raises(MattingError, match="3000x3000 .*a frame may have"):
            Clip(tmp_path / "a.mov")
        return
    clip = Clip(tmp_path / "a.mov")
    assert {frame.image.shape for frame in clip.frames()} == {(first, first, 3)} and clip.findings.resized == 0
    assert clip.findings.damaged == 1


def test_a_shape_of_pixels_beyond_belief_is_not_unfolded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = moving.write(tmp_path / "a.mp4", moving.pictures(2), sound=None, aspect=Fraction(3, 2))
    content = path.read_bytes()
    place = content.index(b"pasp") + 4
    path.write_bytes(content[:place] + struct.pack(">2I", 40_000_000, 1) + content[place + 8 :])
    with pytest.raises(MattingError, match="square pixels.*a frame may have"):
        Clip(path)


def test_pictures_of_a_longer_clip_do_not_stay_behind(tmp_path: Path) -> None:
    for name, count in (("long", 6), ("short", 4)):
        moving.write(tmp_path / f"{name}.mp4", moving.pictures(count), sound=None)
    folder = tmp_path / "frames"
    folder.mkdir()
    for kept in ("frame_000099.png", "notes.txt"):
        (folder / kept).write_bytes(b"mine")
    for name, count in (("long", 6), ("short", 4)):
        cut(Clip(tmp_path / f"{name}.mp4"), moving.level, Task([Result.of(folder, "alpha")]))
        expected = [*(f"frame_{number:06d}.png" for number in range(1, count + 1)), "frame_000099.png", "notes.txt"]
        assert sorted(path.name for path in folder.iterdir()) == [*expected, "times.csv"]


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_offered_can_be_written(clip: Path, tmp_path: Path, codec: str) -> None:
    offered = [(ending, kind) for ending in CODECS[codec].endings for kind in CODECS[codec].pixels if ending != FRAMES]
    results = [Result.of(tmp_path / f"{kind}{ending}", kind, codec) for ending, kind in offered]
    cut(Clip(clip), moving.level, Task(results, backdrop=parse("green")[0]))
    assert results and all(len(moving.times(result.path)) == 6 for result in results)


def test_interlaced_frames_are_told(tmp_path: Path) -> None:
    path = moving.write(tmp_path / "a.mkv", moving.pictures(3), sound=None, **{"x264-params": "tff=1"})
    clip = Clip(path)
    assert len(list(clip.frames())) == 3 and clip.findings.interlaced == 3
    assert "3 frames are interlaced" in clip.findings.told(path, clip.rate)[0]


def test_who_waited_for_segments_holds_them_alone(tmp_path: Path) -> None:
    folder, inside, done = tmp_path / "parts", threading.Event(), threading.Event()

    def wait() -> None:
        with segments.opened(folder, {}):
            inside.set()
            done.wait(20)

    waiting = threading.Thread(target=wait)
    with segments.opened(folder, {}) as held:
        waiting.start()
        assert not inside.wait(0.3)
        held.remove()
    assert inside.wait(20)
    try:
        with unless_held(folder / "lock") as free:
            assert not free
    finally:
        done.set()
        waiting.join()


def test_what_fails_while_segments_are_held_is_told(tmp_path: Path) -> None:
    with pytest.raises(PermissionError, match="for a reason"), segments.opened(tmp_path / "parts", {}):
        raise PermissionError("for a reason")


def test_a_part_of_one_frame_is_a_clip(clip: Path, tmp_path: Path) -> None:
    cut(Clip(clip), moving.level, Task([Result.of(tmp_path / "a.mov", "rgba")], Span(0.15, 0.17)))
    assert moving.times(tmp_path / "a.mov") == [0] and np.ndim(moving.alphas(tmp_path / "a.mov")[0]) == 2
