"""A training step of MODNet-MobileNetV2 on the CPU, with and without the process settings of `matting.system.cpu`.

python benchmarks/training_step.py [--sides 256 512] [--batch 4]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

STEP = """
import sys, time
sys.path.insert(0, {root!r})
from matting.system import cpu
cpu.tune()
import paddle
from matting import config
from matting import builder, devices
from matting.training.optimizers import make_optimizer
devices.use("cpu")
values = config.load({root!r} + "/configs/modnet/modnet-mobilenetv2.yml")
network = builder.model(values, pretrained=False)
criterion = builder.criterion(values, network)
optimizer = make_optimizer(values, network)
side, batch = {side}, {batch}
image = paddle.rand([batch, 3, side, side])
alpha = paddle.zeros([batch, 1, side, side])
alpha[:, :, side // 4 : -side // 4, side // 4 : -side // 4] = 1
trimap = paddle.full([batch, 1, side, side], 128.0)
target = dict(image=image, alpha=alpha, trimap=trimap, foreground=image, background=1 - image)
network.train()
for turn in range(4):
    started = time.perf_counter()
    sum(criterion(network(image), target).values()).backward()
    optimizer.step()
    optimizer.clear_grad()
    print(time.perf_counter() - started if turn else "")
"""


def step(side: int, batch: int, tuned: bool) -> float:
    """Return the fastest of three steps in a new process, the first not counted."""
    program = STEP.format(root=str(ROOT), side=side, batch=batch)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env=os.environ | {"MATTING_CPU_TUNING": "1" if tuned else "0"},
    )  # fmt: skip
    return min(float(line) for line in done.stdout.splitlines() if line.replace(".", "", 1).isdigit())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sides", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--batch", type=int, default=4)
    args = parser.parse_args()
    for side in args.sides:
        pairs = [(step(side, args.batch, True), step(side, args.batch, False)) for _ in range(2)]
        tuned, untuned = (statistics.median(times) for times in zip(*pairs, strict=True))
        print(f"batch {args.batch} at {side}: {tuned:.2f} s tuned, {untuned:.2f} s not, ratio {tuned / untuned:.2f}")


if __name__ == "__main__":
    main()
