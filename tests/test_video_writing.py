"""Results decoded back: alpha, times, sound packet by packet; kills, stops and what a container cannot hold."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import moving
from matting.composite import composite
from matting.errors import MattingError, Stopped
from matting.pictures.files import quantise
from matting.video import formats, sound
from matting.video.backdrop import parse
from matting.video.camera import Camera
from matting.video.clip import Clip
from matting.video.cutting import Summary, cut
from matting.video.formats import Result
from matting.video.source import Span
from matting.video.steadying import WAYS
from matting.video.task import Matter, Task
from test_video_reading import Fake
from tools import ROOT


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return moving.write(tmp_path_factory.mktemp("clip") / "clip.mp4", moving.pictures(24), g="8")


def made(clip: Path, path: Path, kind: str, codec: str | None = None, quality: int | None = None, **more) -> Summary:
    source, result = Clip(clip), Result.of(path, kind, codec, quality)
    task = {"backdrop": parse("green")[0] if kind == "composite" else None, "segment": 0.3, **more}
    sound.check(source, result, task.get("carried", sound.CARRIED))
    return cut(source, moving.level, Task([result], **task))


def truth(clip: Path) -> list[np.ndarray]:
    return [quantise(moving.level(frame.image)[0]) for frame in Clip(clip).frames()]


@pytest.mark.parametrize(
    ("name", "codec", "worst"),
    [("a.mov", None, 0.3), ("a.webm", None, 0.3), ("a.mkv", None, 0), ("a.mov", "png", 0), ("a.mkv", "vp9", 0.3)],
)
def test_alpha_comes_back(clip: Path, tmp_path: Path, name: str, codec: str | None, worst: float) -> None:
    quality = 4 if name == "a.webm" or codec == "vp9" else None
    made(clip, tmp_path / name, "rgba", codec, quality, carried=())
    found = moving.alphas(tmp_path / name)
    error = [np.abs(one - two).mean() for one, two in zip(found, truth(clip), strict=True)]
    assert len(error) == 24 and max(error) <= worst, error
    with av.open(str(tmp_path / name)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name != "prores" or stream.codec_context.codec_tag == "ap4h"
        assert stream.codec_context.name != "vp9" or {key.lower() for key in stream.metadata} >= {"alpha_mode"}


def test_what_alpha_hides_is_not_in_the_file(clip: Path, tmp_path: Path) -> None:
    made(clip, tmp_path / "a.mkv", "rgba")
    for pixels in moving.decoded(tmp_path / "a.mkv", "rgba"):
        assert (pixels[..., 3] == 0).any() and not pixels[pixels[..., 3] == 0].any()


def test_mattes_and_composites_are_what_the_frames_give(clip: Path, tmp_path: Path) -> None:
    made(clip, tmp_path / "a.mkv", "alpha")
    assert all(map(np.array_equal, moving.decoded(tmp_path / "a.mkv", "gray"), truth(clip)))
    made(clip, tmp_path / "b.mkv", "composite", "ffv1", fg_estimate="none", backdrop=parse("#00ff00")[0])
    green = np.full((64, 96, 3), (0, 255, 0), np.uint8)
    shown = moving.decoded(tmp_path / "b.mkv", "rgb24")
    for pixels, frame, matte in zip(shown, Clip(clip).frames(), truth(clip), strict=True):
        assert np.array_equal(pixels, composite(frame.image, matte.astype(np.float32) / 255, green))
    made(clip, tmp_path / "c.mp4", "alpha", quality=1)
    lossy = [frame.image[..., 0] for frame in Clip(tmp_path / "c.mp4").frames()]
    assert max(np.abs(one.astype(float) - two).mean() for one, two in zip(lossy, truth(clip), strict=True)) < 1.5


RATES = {"even": moving.even(12), "film": moving.even(12, moving.FILM), "uneven": moving.UNEVEN}


@pytest.mark.parametrize("stamps", RATES.values(), ids=RATES)
def test_times_and_sound_are_those_of_the_clip(tmp_path: Path, stamps: list[int]) -> None:
    clip = moving.write(tmp_path / "clip.mp4", moving.pictures(12), stamps)
    for name, kind in (("a.mp4", "composite"), ("a.mov", "rgba"), ("b.mp4", "alpha")):
        made(clip, tmp_path / name, kind)
        assert moving.times(tmp_path / name) == [Fraction(stamp, 30000) for stamp in stamps]
        assert moving.packets(tmp_path / name) == moving.packets(clip)
    made(clip, tmp_path / "a.mkv", "rgba")  # Matroska counts milliseconds
    assert moving.times(tmp_path / "a.mkv") == [Fraction(round(Fraction(stamp, 30)), 1000) for stamp in stamps]
    there, here = moving.packets(tmp_path / "a.mkv"), moving.packets(clip)
    assert [content for _, content in there] == [content for _, content in here]
    assert max(abs(one - two) for (one, _), (two, _) in zip(there, here, strict=True)) <= Fraction(1, 2000)


def test_a_part_begins_at_0_with_the_sound_of_that_time(clip: Path, tmp_path: Path) -> None:
    made(clip, tmp_path / "a.mov", "rgba", span=Span(0.2, 0.6))
    wanted = [stamp for stamp in moving.times(clip) if 0.2 <= stamp < 0.6]
    assert moving.times(tmp_path / "a.mov") == [stamp - wanted[0] for stamp in wanted]
    tick = Fraction(1, 48000)
    kept = [
        (at, content) for at, content in moving.packets(clip) if wanted[0] <= at < wanted[-1] + Fraction(1001, 30000)
    ]
    there = moving.packets(tmp_path / "a.mov")
    assert [content for _, content in there] == [content for _, content in kept]
    assert all(abs(one - (two - wanted[0])) <= tick for (one, _), (two, _) in zip(there, kept, strict=True))


def test_sound_that_the_container_cannot_hold_is_said_before_the_work(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(
        MattingError, match=r"a.webm cannot hold the sound of .*\(aac\); .mov or .mkv can: .*--no_sound"
    ):
        made(clip, tmp_path / "a.webm", "rgba")
    assert not list(tmp_path.iterdir())
    opus = moving.write(
        tmp_path / "o.webm", moving.pictures(4), codec="libvpx-vp9", sound="libopus", deadline="realtime"
    )
    made(opus, tmp_path / "a.webm", "rgba")
    assert moving.packets(tmp_path / "a.webm") == moving.packets(opus)


def test_subtitles_are_carried(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("1\n00:00:00,100 --> 00:00:00,500\nHello\n")
    with (
        av.open(str(tmp_path / "with.mkv"), "w") as output, av.open(str(clip)) as pictures,
        av.open(str(tmp_path / "a.srt")) as words,
    ):  # fmt: skip
        both = [(one, output.add_stream_from_template(one.streams[0], opaque=True)) for one in (pictures, words)]
        for container, added in both:
            for packet in container.demux(container.streams[0]):
                if packet.size:
                    packet.stream = added
                    output.mux(packet)
    made(tmp_path / "with.mkv", tmp_path / "a.mkv", "rgba")
    assert moving.packets(tmp_path / "a.mkv", "subtitle") == moving.packets(tmp_path / "with.mkv", "subtitle")
    with pytest.raises(MattingError, match="cannot hold the subtitles.*subrip.*--no_subtitles"):
        made(tmp_path / "with.mkv", tmp_path / "a.mov", "rgba")


def test_pictures_of_frames_with_their_times(clip: Path, tmp_path: Path) -> None:
    made(clip, tmp_path / "frames", "rgba")
    found = sorted((tmp_path / "frames").glob("*.png"))
    assert len(found) == 24
    for path, matte in zip(found, truth(clip), strict=True):
        assert np.array_equal(cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., 3], matte)
    with open(tmp_path / "frames/times.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["picture"] for row in rows] == [path.name for path in found]
    assert np.allclose([float(row["seconds"]) for row in rows], [float(at) for at in moving.times(clip)], atol=1e-6)


def test_odd_sizes_are_written(tmp_path: Path) -> None:
    clip = moving.write(tmp_path / "clip.mkv", moving.pictures(3, 33, 47), codec="ffv1", pixels="bgr0")
    for name, kind, size in (
        ("a.mp4", "composite", (34, 48)), ("a.mov", "rgba", (33, 47)), ("a.webm", "rgba", (33, 47)),
    ):  # fmt: skip
        made(clip, tmp_path / name, kind, carried=())
        written = Clip(tmp_path / name)
        assert (written.height, written.width) == size and len(list(written.frames())) == 3


def test_what_cannot_be_written_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for path, kind, codec, quality, said in (
        ("a.avi", "rgba", None, None, ".avi is no ending"), ("a.mp4", "rgba", None, None, "holds no transparency"),
        ("a.mp4", "rgba", "h264", None, "cannot be rgba"), ("a.webm", "rgba", "h264", None, "vp9 can be there"),
        ("a.mov", "rgba", "prorez", None, "did you mean prores"), ("a.mov", "rgba", None, 3, "no such setting"),
        ("a.webm", "rgba", None, 64, r"0 \(best\) to 63"), ("a.mov", "cutout", None, None, "one of alpha, rgba"),
    ):  # fmt: skip
        with pytest.raises(MattingError, match=said):
            Result.of(Path(path), kind, codec, quality)
    monkeypatch.setattr(formats, "has_encoder", lambda name: name not in ("libx264", "libvpx-vp9"))
    with pytest.raises(MattingError, match=r"lacks libx264 for h264; it has prores \(prores_ks\), ffv1"):
        Result.of(Path("a.mp4"), "composite", "h264")
    with pytest.raises(MattingError, match="lacks libvpx-vp9"):
        Result.of(Path("a.webm"), "rgba")
    assert Result.of(Path("a.mp4"), "composite").codec.name == "mpeg4"


def test_mpeg4_where_there_is_no_h264(clip: Path, tmp_path: Path) -> None:
    made(clip, tmp_path / "a.mp4", "composite", "mpeg4")
    assert moving.times(tmp_path / "a.mp4") == moving.times(clip)


SCRIPT = """
import sys, time
from pathlib import Path
import moving
from matting.video.backdrop import parse
from matting.video.clip import Clip
from matting.video.cutting import cut
from matting.video.task import Task
from matting.video.formats import Result

def slowly(image):
    time.sleep(0.02)
    return moving.level(image)

results = [Result.of(Path(sys.argv[2]) / name, kind) for name, kind in (("a.mov", "rgba"), ("a.mp4", "composite"))]
print(cut(Clip(Path(sys.argv[1])), slowly, Task(results, backdrop=parse("green")[0], segment=0.15, settings=[1])))
"""


def start(clip: Path, folder: Path, before: Callable[[], None] | None = None) -> subprocess.Popen:
    folder.mkdir(exist_ok=True)
    paths = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, clip, folder], env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=before,
    )  # fmt: skip


def record(folder: Path) -> list[str]:
    path = folder / ".a.mov.parts/record.jsonl"
    return path.read_text().split("\n")[1:-1] if path.exists() else []


def wait_for(folder: Path, segments: int, process: subprocess.Popen) -> None:
    end = time.monotonic() + 60
    while len(record(folder)) < segments and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.002)


def test_a_killed_run_goes_on_without_a_seam(clip: Path, tmp_path: Path) -> None:
    out = start(clip, tmp_path / "whole").communicate()[0]
    assert "frames=24, resumed=0" in out
    for wanted in (1, 3):
        process = start(clip, tmp_path / "killed")
        wait_for(tmp_path / "killed", wanted, process)
        process.kill()
        process.communicate()
        assert not (tmp_path / "killed/a.mov").exists()
    done = sum(len(json.loads(line)["stamps"]) for line in record(tmp_path / "killed"))
    assert done >= 12
    out = start(clip, tmp_path / "killed").communicate()[0]
    assert f"frames={24 - done}, resumed={done}" in out
    for name, pixels in (("a.mov", "rgba"), ("a.mp4", "rgb24")):
        whole, killed = tmp_path / "whole" / name, tmp_path / "killed" / name
        assert moving.times(killed) == moving.times(clip) and moving.packets(killed) == moving.packets(clip)
        assert all(map(np.array_equal, moving.decoded(killed, pixels), moving.decoded(whole, pixels)))
    assert [path.name for path in (tmp_path / "killed").iterdir() if path.name.startswith(".")] == []


def test_a_full_disk_is_one_sentence_and_costs_one_segment(clip: Path, tmp_path: Path) -> None:
    def small_disk() -> None:  # no file may grow beyond this
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    process = start(clip, tmp_path, small_disk)
    _, error = process.communicate()
    assert process.returncode and "UnwritableError" in error and "cannot be written: File too large" in error, error
    assert not (tmp_path / "a.mov").exists()
    out = start(clip, tmp_path).communicate()[0]
    assert "frames=" in out and moving.times(tmp_path / "a.mov") == moving.times(clip)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_leaves_what_plays_and_goes_on(clip: Path, tmp_path: Path, number: int) -> None:
    process = start(clip, tmp_path)
    wait_for(tmp_path, 1, process)
    process.send_signal(number)
    _, error = process.communicate()
    assert "Stopped: stopped at 0." in error and "the same command goes on" in error
    times = moving.times(tmp_path / "a.mov")
    assert 0 < len(times) < 24 and times == moving.times(clip)[: len(times)]
    assert len(moving.decoded(tmp_path / "a.mp4", "rgb24")) == len(times)
    last = times[-1] + Fraction(1001, 30000)
    assert moving.packets(tmp_path / "a.mov") == [one for one in moving.packets(clip) if one[0] < last]
    out = start(clip, tmp_path).communicate()[0]
    assert f"frames={24 - len(times)}, resumed={len(times)}" in out
    assert moving.times(tmp_path / "a.mov") == moving.times(clip)


def test_other_settings_begin_anew(clip: Path, tmp_path: Path) -> None:
    def stopped(image: np.ndarray) -> tuple:
        seen.append(1)
        if len(seen) == 16:
            os.kill(os.getpid(), signal.SIGINT)
        return moving.level(image)

    task = Task([Result.of(tmp_path / "a.mov", "rgba")], segment=0.1, settings={"weights": 1})
    seen: list[int] = []
    with pytest.raises(Stopped, match="a.mov holds what was done"):
        cut(Clip(clip), stopped, task)
    assert 0 < len(moving.times(tmp_path / "a.mov")) < 24
    again = Task(task.results, segment=0.1, settings={"weights": 2})
    assert cut(Clip(clip), moving.level, again).frames == 24


class Counting:
    """A network with a memory: alpha is the share of the last frames that it has seen, 4 at most."""

    def __init__(self) -> None:
        self.seen = 0

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, None]:
        self.seen += 1
        return np.full(image.shape[:2], min(self.seen, 4) / 4, np.float32), None


def test_a_network_with_a_memory_is_warmed_up(tmp_path: Path) -> None:
    clip = moving.write(tmp_path / "clip.mp4", moving.pictures(48), g="8")
    first = Counting()

    def stopped(image: np.ndarray) -> tuple:
        if first.seen == 42:
            os.kill(os.getpid(), signal.SIGINT)
        return first(image)

    task = Task([Result.of(tmp_path / "a.mkv", "alpha")], segment=0.5, settings=[1], remembers=True)
    with pytest.raises(Stopped):
        cut(Clip(clip), stopped, task)
    done = len(moving.times(tmp_path / "a.mkv"))
    again = Counting()
    assert cut(Clip(clip), again, task).frames == 48 - done and again.seen > 48 - done
    levels = [int(pixels[0, 0]) for pixels in moving.decoded(tmp_path / "a.mkv", "gray")]
    assert levels == [64, 128, 191] + 45 * [255]


@pytest.mark.parametrize("way", WAYS)
def test_steady_mattes_keep_their_frames_over_a_stop(tmp_path: Path, way: str) -> None:
    clip = moving.write(tmp_path / "clip.mp4", moving.pictures(40), g="8")
    flicker = {10: 0.0, 25: 0.0, 26: 0.0}
    seen: list[int] = []

    def matter(stop: int) -> Matter:
        numbers = {frame.image.tobytes(): number for number, frame in enumerate(Clip(clip).frames())}

        def matte(image: np.ndarray) -> tuple:
            seen.append(numbers[image.tobytes()])
            if len(seen) == stop:
                os.kill(os.getpid(), signal.SIGINT)
            return moving.level(image)[0] * flicker.get(seen[-1], 1), None

        return matte

    def task(name: str) -> Task:
        result = Result.of(tmp_path / name, "alpha")
        return Task([result], segment=0.3, settings=[1], steadier=WAYS[way]())

    assert cut(Clip(clip), matter(0), task("whole.mkv")).frames == 40
    seen.clear()
    with pytest.raises(Stopped):
        cut(Clip(clip), matter(20), task("a.mkv"))
    done = len(moving.times(tmp_path / "a.mkv"))
    assert 0 < done < 20 and cut(Clip(clip), matter(0), task("a.mkv")).resumed == done
    whole, again = (moving.decoded(tmp_path / name, "gray") for name in ("whole.mkv", "a.mkv"))
    assert len(whole) == 40 and all(map(np.array_equal, whole, again))
    assert whole[10].max() > 100 and (way == "flow" or whole[25].max() == 0)  # one frame's flicker goes


def test_no_more_than_a_few_frames_are_held(clip: Path, tmp_path: Path) -> None:
    alive: set[int] = set()
    most = []

    def matte(image: np.ndarray) -> tuple:
        number = len(most)
        alive.add(number)
        weakref.finalize(image, alive.discard, number)
        most.append(len(alive))
        return moving.level(image)

    cut(Clip(clip), matte, Task([Result.of(tmp_path / "a.mp4", "alpha")], segment=0.1))
    assert len(most) == 24 and max(most) <= 8


def test_a_camera_is_written_with_its_own_times_and_told_latency(tmp_path: Path) -> None:
    camera = Camera(0, lambda number: Fake(100))

    def slow(image: np.ndarray) -> tuple:
        time.sleep(0.02)
        return moving.level(image)

    done = cut(camera, slow, Task([Result.of(tmp_path / "a.mp4", "alpha")]))
    times = [float(at) for at in moving.times(tmp_path / "a.mp4")]
    assert len(times) == done.frames and done.frames + camera.dropped >= 95 and camera.dropped > 20
    assert 0.02 < done.latency[1] < 0.5 and "ms late" in done.timing()
    assert times == sorted(times) and 0.3 < times[-1] < 2
