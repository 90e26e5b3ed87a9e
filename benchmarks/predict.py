"""predict.py as its users run it: one cold picture, and a hundred against the slowest stage alone.

python benchmarks/predict.py --config CONFIG --model_path WEIGHTS [--images FOLDER] [--count 100]

Without a folder, photographs of 2 megapixels are drawn.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

IMPORTS = """
import sys, time
sys.path.insert(0, "tools")
started = time.perf_counter()
import cv2, numpy, yaml, openvino
import matting.deployment.loading, matting.prediction.pipeline, matting.prediction.outputs
print(time.perf_counter() - started)
"""


def run(arguments: list[str]) -> tuple[float, float, str]:
    """Return seconds, peak MB and output of a process of its own."""
    started = time.perf_counter()
    done = subprocess.run(
        ["/usr/bin/env", "python3", "-c", _PEAK, sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return time.perf_counter() - started, float(done.stderr.split()[-1]), done.stdout


_PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, file=sys.stderr)
sys.exit(done.returncode)
"""


def draw(folder: Path, count: int, height: int, width: int) -> None:
    """Fill a folder with photographs of drawn people; the tenth repeats the first, as decoding costs the same."""
    import cv2

    from demo.drawn_people import draw_background, draw_portrait
    from matting.composite import composite

    folder.mkdir()
    encoded = []
    for number in range(min(count, 10)):
        rng = np.random.default_rng(number)
        foreground, alpha = draw_portrait(rng, height, width)
        image = composite(foreground, alpha.astype(np.float32), draw_background(rng, height, width))
        encoded.append(cv2.imencode(".jpg", image[..., ::-1])[1].tobytes())
    for number in range(count):
        (folder / f"{number:03}.jpg").write_bytes(encoded[number % len(encoded)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", required=True)
    parser.add_argument("--model_path", required=True)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--num_workers", default="1")
    args = parser.parse_args()
    tool = ["tools/predict.py", "--config", args.config, "--model_path", args.model_path, "--device", "cpu"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        draw(folder / "one", 1, 1080, 1920)
        run([*tool, "--image_path", str(folder / "one"), "--save_dir", str(folder / "first")])  # fills the cache
        imports = subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True, check=True)
        print(f"imports {float(imports.stdout):.2f} s")
        for number in range(3):
            seconds, peak, _ = run(
                [*tool, "--image_path", str(folder / "one"), "--save_dir", str(folder / f"{number}")]
            )
            print(f"one 1080p picture, cold: {seconds:.2f} s, {peak:.0f} MB")
        images = args.images
        if images is None:
            images = folder / "many"
            draw(images, args.count, 1224, 1632)
        for label, workers in (("in turn", "0"), ("pipeline", args.num_workers)):
            save = ["--image_path", str(images), "--save_dir", str(folder / label), "--num_workers", workers]
            _, peak, output = run([*tool, *save])
            print(f"{label}: {output.splitlines()[-1]}, {peak:.0f} MB")


if __name__ == "__main__":
    main()
