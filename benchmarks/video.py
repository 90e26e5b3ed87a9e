"""Clips whose true mattes are known, and what cutting them out costs.

python benchmarks/video.py make --target clips [--source data/PPM-100/val --backgrounds photographs]
python benchmarks/video.py check --target clips
python benchmarks/video.py speed --clip clips/00.mp4
python benchmarks/video.py memory
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from demo.drawn_people import draw_portrait  # noqa: E402
from matting.composite import composite, fit_background  # noqa: E402
from matting.pictures.files import read_alpha, read_image  # noqa: E402
from matting.pictures.listing import list_images  # noqa: E402
from matting.video.colours import Colour, from_pixels, label  # noqa: E402

RATES = (Fraction(24000, 1001), Fraction(30000, 1001), None)
"""None is a clip whose frames come unevenly."""
UNIT = Fraction(1, 30000)


def people(source: Path | None, backgrounds: Path | None, count: int, height: int) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield photograph, matte and background: from folders `fg` and `alpha`, or drawn."""
    rng = np.random.default_rng(0)
    if source is None:
        for _ in range(count):
            image, alpha = draw_portrait(rng, height, height)[:2]
            yield image, alpha, cv2.GaussianBlur(rng.integers(0, 255, (height, 2 * height, 3), np.uint8), (0, 0), 9)
        return
    photographs = list_images(source / "fg")
    behind = list_images(backgrounds) if backgrounds else []
    for number in range(count):
        path = photographs[number % len(photographs)]
        alpha = read_alpha(next((source / "alpha").glob(f"{path.stem}.*")))
        other = behind[number % len(behind)] if behind else photographs[(number + 1) % len(photographs)]
        yield read_image(path), alpha, read_image(other)


def moments(rate: Fraction | None, seconds: float) -> list[int]:
    """Return the stamps of a clip's frames, in `UNIT`s."""
    if rate is not None:
        return [round(number / rate / UNIT) for number in range(int(seconds * rate))]
    rng, stamps = np.random.default_rng(1), [0]
    while stamps[-1] * UNIT < seconds:
        stamps.append(stamps[-1] + int(rng.choice([500, 1001, 1250, 2002])))
    return stamps


def scene(
    image: np.ndarray, alpha: np.ndarray, background: np.ndarray, at: float, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return a frame and its matte: the person sways and nears, the background slides the other way."""
    height, width = size
    scale = 0.9 * height / image.shape[0] * (1 + 0.05 * np.sin(2 * np.pi * at / 4))
    left = (width - scale * image.shape[1]) / 2 + 0.08 * width * np.sin(2 * np.pi * at / 3)
    place = np.float32([[scale, 0, left], [0, scale, height - scale * image.shape[0]]])
    area = {"flags": cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR}
    moved = cv2.warpAffine(image, place, (width, height), borderMode=cv2.BORDER_REPLICATE, **area)
    matte = cv2.warpAffine(alpha, place, (width, height), **area)
    wide = fit_background(background, round(1.2 * height), round(1.2 * width))
    down, right = (int(0.1 * side * (1 + np.sin(2 * np.pi * at / 5))) for side in size)
    return composite(moved, matte, np.ascontiguousarray(wide[down : down + height, right : right + width])), matte


def make(target: Path, source: Path | None, backgrounds: Path | None, count: int, seconds: float, height: int) -> None:
    """Write the clips that are missing, H.264 with AAC, and their mattes beside, exactly: 00.mp4 and 00_alpha.mov."""
    target.mkdir(parents=True, exist_ok=True)
    size = height, height * 16 // 9
    for number, person in enumerate(people(source, backgrounds, count, height)):
        if (target / f"{number:02d}_alpha.mov").exists():
            continue
        scaled = [fit_background(layer, height, round(height * layer.shape[1] / layer.shape[0])) for layer in person]
        stamps = moments(RATES[number % 3], seconds)
        frames = (scene(*scaled, float(stamp * UNIT), size) for stamp in stamps)
        write(target / f"{number:02d}.mp4", target / f"{number:02d}_alpha.mov", stamps, frames, size)


def write(path: Path, truth: Path | None, stamps: list[int], frames: Any, size: tuple[int, int]) -> None:
    """Encode a clip with a tone, and the mattes of its frames if they are wanted."""
    with av.open(str(path), "w") as clip:
        outputs = [(clip, _stream(clip, "libx264", "yuv420p", size, {"crf": "16", "preset": "veryfast"}))]
        _sound(clip, float((stamps[-1] + 1001) * UNIT))
        mattes = av.open(str(truth), "w") if truth else None
        if mattes:
            outputs.append((mattes, _stream(mattes, "png", "gray", size, {})))
        for stamp, pair in zip(stamps, frames, strict=False):
            layers = pair[0], np.rint(pair[1] * 255).astype(np.uint8)
            for (container, stream), pixels in zip(outputs, layers, strict=False):
                frame = from_pixels(pixels, stream.codec_context.pix_fmt, Colour())
                frame.pts, frame.time_base = stamp, UNIT
                container.mux(stream.encode(frame))
        for container, stream in outputs:
            container.mux(stream.encode(None))
        if mattes:
            mattes.close()


def _stream(container: Any, codec: str, pixels: str, size: tuple[int, int], options: dict[str, str]) -> Any:
    stream = container.add_stream(
        codec, rate=Fraction(30000, 1001), options=options, width=size[1], height=size[0], pix_fmt=pixels,
        time_base=UNIT,
    )  # fmt: skip
    label(stream.codec_context, pixels, Colour())
    return stream


def _sound(clip: Any, seconds: float) -> None:
    stream = clip.add_stream("aac", rate=48000)
    stream.codec_context.layout = "mono"
    clip.start_encoding()
    tone = (0.2 * np.sin(np.arange(int(48000 * seconds)) * 2 * np.pi * 440 / 48000)).astype(np.float32)
    for start in range(0, len(tone), 1024):
        frame = av.AudioFrame.from_ndarray(tone[None, start : start + 1024], format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 48000, start
        clip.mux(stream.encode(frame))
    clip.mux(stream.encode(None))


def check(folder: Path, seconds: float) -> None:
    """Write every clip with its true matte in every form, decode it back, and print what differs."""
    from matting.video.backdrop import parse
    from matting.video.clip import Clip
    from matting.video.cutting import cut
    from matting.video.formats import Result
    from matting.video.source import Span
    from matting.video.task import Task

    sys.path.insert(0, str(ROOT / "tests"))
    import moving

    for path in sorted(folder.glob("??.mp4")):
        with tempfile.TemporaryDirectory() as target:
            place = Path(target)
            kinds = {"a.mov": "rgba", "a.mkv": "rgba", "frames": "rgba", "a.mp4": "composite", "a.webm": "rgba"}
            for names, carried in ((list(kinds)[:4], ("audio",)), (["a.webm"], ())):
                results = [Result.of(place / name, kinds[name]) for name in names]
                mattes = Clip(path.with_name(f"{path.stem}_alpha.mov")).frames()
                truth = (frame.image[..., 0] / np.float32(255) for frame in mattes)
                task = Task(results, Span(0, seconds), backdrop=parse("green")[0], carried=carried, segment=0.7)
                cut(Clip(path), lambda _, truth=truth: (next(truth), None), task)
            times = [at for at in moving.times(path) if at < seconds]
            mattes = Clip(path.with_name(f"{path.stem}_alpha.mov")).frames()
            truth = [frame.image[..., 0] for frame, _ in zip(mattes, times, strict=False)]
            sound = [packet for packet in moving.packets(path) if packet in set(moving.packets(place / "a.mov"))]
            told = [f"{path.name}: {len(times)} frames"]
            for name in ("a.mov", "a.webm", "a.mkv"):
                far = [
                    float(np.abs(one - two).mean()) for one, two in zip(moving.alphas(place / name), truth, strict=True)
                ]
                late = max(abs(one - two) for one, two in zip(moving.times(place / name), times, strict=True))
                told.append(f"{name} alpha {max(far):.3f}, times {float(1000 * late):.3f} ms")
            exact = all(
                np.array_equal(cv2.imread(str(file), cv2.IMREAD_UNCHANGED)[..., 3], matte)
                for file, matte in zip(sorted((place / "frames").glob("*.png")), truth, strict=True)
            )
            same = [moving.packets(place / name) == sound for name in ("a.mov", "a.mp4")]
            print(", ".join([*told, f"frames exact {exact}, sound equal {same}, {len(sound)} packets"]), flush=True)


def speed(path: Path, model: str) -> None:
    """Print frames a second with the stages at once, one after the other, and in a loop as PaddleSeg's tool has it."""
    from matting import load
    from matting.video.backdrop import parse
    from matting.video.clip import Clip
    from matting.video.cutting import cut
    from matting.video.formats import Result
    from matting.video.task import Task

    predictor = load(model)
    predictor(np.zeros((720, 1280, 3), np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        for overlap in (True, False):
            result = Result.of(Path(folder) / f"{overlap}.mp4", "composite")
            done = cut(Clip(path), predictor.stream(), Task([result], backdrop=parse("green")[0], overlap=overlap))
            how = "stages at once" if overlap else "one after the other"
            print(f"{how:24s} {done.frames / done.total:6.2f} frames a second")
        print(f"{'a plain loop':24s} {plain(path, predictor, Path(folder) / 'plain.avi'):6.2f} frames a second")


def plain(path: Path, predictor: Any, target: Path) -> float:
    """Read, predict, composite and write frame by frame with OpenCV, as usual; return frames a second."""
    capture, writer, count = cv2.VideoCapture(str(path)), None, 0
    started = time.monotonic()
    while True:
        there, bgr = capture.read()
        if not there:
            break
        alpha = predictor(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))[..., None]
        shown = (alpha * bgr + (1 - alpha) * np.array([0, 255, 0])).astype(np.uint8)
        if writer is None:
            writer = cv2.VideoWriter(str(target), cv2.VideoWriter_fourcc(*"MJPG"), 30, bgr.shape[1::-1])
        writer.write(shown)
        count += 1
    return count / (time.monotonic() - started)


def memory(seconds: float, height: int) -> None:
    """Print the peak of a process for a clip of 10 s, and for one of `seconds`; its predictor costs nothing.

    The clips have 10 frames a second, so that this takes minutes; the long one is the short one, over and over.
    """
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        noise = np.random.default_rng(0).integers(0, 255, (height // 8, height * 2 // 9, 3), np.uint8)
        image = cv2.resize(noise, (height * 16 // 9, height))
        stamps = moments(Fraction(10), 10)
        moved = ((np.roll(image, 4 * number, axis=1), np.zeros((1, 1))) for number in range(len(stamps)))
        write(clip, None, stamps, moved, image.shape[:2])
        for length in (10, int(seconds)):
            long = Path(folder) / f"{length}.mp4"
            repeat(clip, long, length // 10)
            done = subprocess.run([sys.executable, __file__, "stub", "--clip", long], capture_output=True, text=True)
            size = long.stat().st_size / 1e6
            print(f"{length} s of {size:.0f} MB: {done.stdout or done.stderr}", end="", flush=True)


def repeat(clip: Path, target: Path, times: int) -> None:
    """Write a clip's pictures over and over, as they are."""
    with av.open(str(target), "w") as output:
        for lap in range(times):
            with av.open(str(clip)) as source:
                stream = source.streams.video[0]
                if not output.streams:
                    output.add_stream_from_template(stream, opaque=True)
                for packet in source.demux(stream):
                    if packet.size:
                        shift = round(10 * lap / stream.time_base)
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = output.streams[0]
                        output.mux(packet)


def stub(path: Path) -> None:
    """Cut a clip out by a predictor that costs nothing, and print what this process held at most."""
    from matting.system.memory import peak
    from matting.video.backdrop import parse
    from matting.video.clip import Clip
    from matting.video.cutting import cut
    from matting.video.formats import Result
    from matting.video.task import Task

    clip = Clip(path)
    alpha = np.zeros((clip.height, clip.width), np.float32)
    alpha[:, : clip.width // 2] = 1
    result = Result.of(path.with_name("result.mp4"), "composite")
    result.codec.options["preset"] = "ultrafast"  # type: ignore[index]
    done = cut(clip, lambda _: (alpha, None), Task([result], backdrop=parse("green")[0]))
    print(f"peak {(peak() or 0) / 1e6:.0f} MB, {done.timing()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "check", "speed", "memory", "stub"))
    parser.add_argument("--target", type=Path, default=Path("clips"))
    parser.add_argument("--source", type=Path, help="a folder with fg and alpha; drawn people if not given")
    parser.add_argument("--backgrounds", type=Path, help="a folder of photographs")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seconds", type=float, help="of a clip: 5, or 600 for memory")
    parser.add_argument("--height", type=int, help="720, or 1080 for memory")
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--model", default="modnet-photographic")
    args = parser.parse_args()
    if args.what == "make":
        make(args.target, args.source, args.backgrounds, args.count, args.seconds or 5, args.height or 720)
    elif args.what == "check":
        check(args.target, args.seconds or 5)
    elif args.what == "speed":
        speed(args.clip, args.model)
    elif args.what == "memory":
        memory(args.seconds or 600, args.height or 1080)
    else:
        stub(args.clip)


if __name__ == "__main__":
    main()
