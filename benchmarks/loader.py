"""What a training sample costs on one core: the usual way, from files, and packed: python benchmarks/loader.py

All ways read the same pictures, drawn here: 2000x2000 JPEG photographs and backgrounds, PNG mattes; and all end in a
crop of 512 with distorted colours, normalised. They take turns, so that whatever else the machine does hits them alike.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np
from usual_loader import UsualLoader

from demo.drawn_people import draw_background, draw_portrait
from matting.curation.packing import pack, plan_packing
from matting.datasets.loader import train_batches
from matting.datasets.matting_dataset import MattingDataset
from matting.datasets.sampler import BatchSampler
from matting.pictures.files import quantise, write_png
from matting.transforms import crop, geometry, photometric

CROP = 512


def draw_sources(root: Path, count: int, side: int) -> None:
    """Write `fg`, `alpha`, `bg` and the lists `one.txt` (photographs) and `two.txt` (with backgrounds)."""
    lines: dict[str, list[str]] = {"one": [], "two": []}
    for number in range(count):
        rng = np.random.default_rng(number)
        foreground, alpha = draw_portrait(rng, side, side)
        pictures = {"fg": foreground, "bg": draw_background(rng, side, side)}
        for folder, picture in pictures.items():
            # A camera's noise, without which a JPEG is small and decodes in half the time.
            noise = rng.normal(0, 3, picture.shape).astype(np.float32)
            picture = cv2.cvtColor(np.clip(picture + noise, 0, 255).astype(np.uint8), cv2.COLOR_RGB2BGR)
            (root / folder).mkdir(exist_ok=True)
            cv2.imwrite(str(root / folder / f"{number}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])
        write_png(root / "alpha" / f"{number}.png", quantise(alpha))
        lines["one"].append(f"fg/{number}.jpg")
        lines["two"].append(f"fg/{number}.jpg bg/{number}.jpg")
    for name, found in lines.items():
        (root / f"{name}.txt").write_text("\n".join(found) + "\n")


def dataset(root: Path, file: str) -> MattingDataset:
    """Return the data set with the transforms of the MODNet configurations."""
    transforms = [
        crop.RandomCrop([CROP, CROP]),
        photometric.RandomDistort(),
        photometric.RandomBlur(),
        geometry.RandomHorizontalFlip(),
        photometric.Normalize(),
    ]
    return MattingDataset(str(root), transforms, train_file=file)


def milliseconds(ways: dict[str, Callable[[int], object]], rounds: int) -> dict[str, float]:
    """Return the median time of each way, which take turns sample by sample."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 2):
        for name, make in ways.items():
            start = time.perf_counter()
            make(number)
            if number >= 2:  # the first ones warm up
                times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(found) for name, found in times.items()}


def samples_per_second(data: MattingDataset, workers: int, batches: int, batch_size: int = 8) -> float:
    """Return the rate of a reader with worker processes, after they have started."""
    numerous = MattingDataset.__new__(MattingDataset)
    numerous.__dict__.update(data.__dict__, entries=data.entries * 64)
    reader = train_batches(numerous, BatchSampler(len(numerous), batch_size, 0, batches + 4), workers)
    for _ in range(4):
        next(reader)
    start = time.perf_counter()
    count = sum(1 for _ in reader)
    return count * batch_size / (time.perf_counter() - start)


def resident() -> float:
    """Return the process's memory in MB, without files that it has mapped."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def memory(data: MattingDataset, samples: int) -> list[float]:
    """Return the memory in MB at ten points of a long run."""
    found = []
    for number in range(samples):
        data[number // len(data), number % len(data)]
        if (number + 1) % max(1, samples // 10) == 0:
            found.append(resident())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--side", type=int, default=2000)
    parser.add_argument("--short_side", type=int, default=800, help="of the packed copy")
    parser.add_argument("--memory", type=int, default=0, help="samples of the memory test, such as 5000")
    parser.add_argument("--workers", action="store_true", help="also compare one and two worker processes")
    args = parser.parse_args()
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        root, target = Path(folder, "source"), Path(folder, "packed")
        root.mkdir()
        draw_sources(root, 4, args.side)
        pack(plan_packing([Path("one.txt"), Path("two.txt")], root, args.short_side), target, args.short_side, root)
        for file, what in (("two.txt", "composited over a background"), ("one.txt", "photograph alone")):
            usual, ours, packed = UsualLoader(root, file, CROP), dataset(root, file), dataset(target, file)
            ways = {
                "usual": lambda n, made=usual: made[n % 4],
                "files": lambda n, made=ours: made[n // 4, n % 4],
                "packed": lambda n, made=packed: made[n // 4, n % 4],
            }
            took = milliseconds(ways, args.rounds)
            print(f"{what}, milliseconds a sample (times the usual rate):")
            for name, each in took.items():
                print(f"  {name:7} {each:7.1f}  ({took['usual'] / each:.1f}x)")
        if args.memory:
            found = memory(dataset(target, "two.txt"), args.memory)
            print(f"memory over {args.memory} packed samples, MB:", " ".join(f"{mb:.0f}" for mb in found))
        if args.workers:
            os.sched_setaffinity(0, cores)
            rates = [[samples_per_second(dataset(root, "two.txt"), n, 12) for n in (1, 2)] for _ in range(5)]
            one, two = (statistics.median(column) for column in zip(*rates, strict=True))
            print(f"from files, 1 and 2 workers: {one:.1f} and {two:.1f} samples/s ({two / one:.2f}x)")


if __name__ == "__main__":
    main()
