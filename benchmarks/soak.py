"""Whether memory stays flat: thousands of predictions, and thousands of training iterations, in one process each.

python benchmarks/soak.py [--predictions 2000] [--iterations 2000]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

CONFIG = """
batch_size: 2
iters: {iterations}
train_dataset:
  type: MattingDataset
  dataset_root: {root}
  train_file: train.txt
  transforms:
    - {{type: RandomCrop, crop_size: [64, 64]}}
    - {{type: RandomDistort}}
    - {{type: RandomHorizontalFlip}}
    - {{type: Normalize}}
val_dataset:
  type: MattingDataset
  dataset_root: {root}
  val_file: val.txt
  transforms: [{{type: ResizeByShort, short_size: 128}}, {{type: ResizeToIntMult}}, {{type: Normalize}}]
  mode: val
model: {{type: MODNet, hr_channels: 8, backbone: {{type: MobileNetV2}}}}
optimizer: {{type: Adam}}
lr_scheduler: {{type: PolynomialDecay, learning_rate: 0.001}}
"""


def resident(pid: int) -> float:
    """Return the megabytes that a process holds in memory; 0 when it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((float(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0)


def watch(command: list[str]) -> None:
    """Run a command to its end and print what it held over time, as tenths of its run."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    errors: list[str] = []
    reader = threading.Thread(target=lambda: errors.extend(process.stderr or []), daemon=True)
    reader.start()
    started, samples = time.monotonic(), []
    while process.poll() is None:
        if held := resident(process.pid):
            samples.append((time.monotonic() - started, held))
        time.sleep(0.25)
    reader.join(5)
    if process.returncode:
        sys.exit("".join(errors[-5:]))
    seconds, held = np.array(samples).T
    tenths = [
        held[(seconds >= low) & (seconds < low + seconds[-1] / 10)] for low in np.linspace(0, seconds[-1], 11)[:-1]
    ]
    print(f"  {seconds[-1]:.0f} s; median MB in each tenth: " + " ".join(f"{np.median(part):.0f}" for part in tenths))
    late = seconds > seconds[-1] / 3  # the first third fills caches and heaps
    slope = np.polyfit(seconds[late], held[late], 1)[0] * (seconds[-1] * 2 / 3)
    print(f"  peak {held.max():.0f} MB; the line through the last two thirds rises by {slope:.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", type=int, default=2000)
    parser.add_argument("--iterations", type=int, default=2000)
    args = parser.parse_args()
    from demo.drawn_people import draw_portrait
    from demo.drawn_people.dataset import write_dataset
    from matting import builder, config, weights
    from matting.pictures.files import write_png

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_dataset(folder / "data", train=8, val=2, height=120, width=96)
        (folder / "config.yml").write_text(CONFIG.format(root=folder / "data", iterations=args.iterations))
        state = builder.model(config.load(folder / "config.yml")).state_dict()
        weights.write_weights(folder / "w.pdparams", {key: value.numpy() for key, value in state.items()})
        (folder / "photos").mkdir()
        for number in range(8):  # of different sizes, as a folder of photographs is
            size = 240 + 40 * number, 200 + 30 * number
            write_png(folder / f"{number}.png", draw_portrait(np.random.default_rng(number), *size)[0])
        for number in range(args.predictions):
            (folder / f"photos/{number:05d}.png").hardlink_to(folder / f"{number % 8}.png")
        tools = [sys.executable, str(ROOT / "tools/predict.py"), "--config", str(folder / "config.yml")]
        print(f"{args.predictions} predictions, 8 sizes, alpha and rgba")
        watch([*tools, "--model_path", str(folder / "w.pdparams"), "--image_path", str(folder / "photos"),
               "--save_dir", str(folder / "mattes")])  # fmt: skip
        for workers in (0, 2):
            print(f"{args.iterations} training iterations, {workers} workers")
            every = str(max(1, args.iterations // 10))
            watch(
                [sys.executable, str(ROOT / "tools/train.py"), "--config", str(folder / "config.yml"), "--do_eval",
                 "--save_dir", str(folder / f"run{workers}"), "--save_interval", every, "--num_workers", str(workers)]
            )  # fmt: skip


if __name__ == "__main__":
    main()
