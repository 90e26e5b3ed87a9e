"""Time and memory of refinement, in a process of its own each, for its benchmark."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from refine_tried import SIDE, reduced

SIZES = (12, 50)
"""Megapixels."""

PROGRAM = """
import json, resource, sys, time
import cv2, numpy as np
from matting.refine import refine
image, small = (np.load(f"{sys.argv[1]}/{name}.npy") for name in ("image", "small"))
alpha = cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
before, clocks = peak(), []
for _ in range(5):
    begun, used = time.perf_counter(), time.process_time()
    refine(image, alpha, small, sys.argv[2])
    clocks.append((time.perf_counter() - begun, time.process_time() - used))
print(json.dumps([*np.min(clocks, axis=0), before, peak()]))
"""


def measure(image: np.ndarray, truth: np.ndarray) -> None:
    """Print a table: the least of five times, and the process's peak without and with refinement.

    Args:
        image, truth: enlarged to each of `SIZES`; the true alpha at the network's size is the small matte.
    """
    print("| megapixels | | seconds | of the processor | MB before | MB at most |\n|---|---|---|---|---|---|")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    for megapixels in SIZES:
        ratio = (megapixels * 1e6 / truth.size) ** 0.5
        shape = tuple(round(side * ratio) for side in truth.shape)
        small = reduced(truth, tuple(round(side * SIDE / min(shape)) for side in shape))
        with tempfile.TemporaryDirectory() as folder:
            np.save(f"{folder}/small.npy", small)
            np.save(f"{folder}/image.npy", cv2.resize(image, shape[::-1], interpolation=cv2.INTER_CUBIC))
            for how in ("fast", "best"):
                program = [sys.executable, "-c", PROGRAM, folder, how]
                told = subprocess.run(program, check=True, capture_output=True, env=environment).stdout
                wall, used, before, peak = json.loads(told)
                print(f"| {megapixels} | `{how}` | {wall:.2f} | {used:.2f} | {before} | {peak} |", flush=True)
