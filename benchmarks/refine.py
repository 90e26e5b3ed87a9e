"""Edges at full size: the matte enlarged bilinearly beside `--refine fast` and `best`, in the unknown region.

python benchmarks/refine.py --images FOLDER --alphas FOLDER [--model_path modnet-photographic | --reduce 8]
    [--half even] [--crops FOLDER] [--pymatting PYTHON]

Pictures and mattes are paired by their names without endings. The network's matte of each is enlarged and refined; with
--reduce no network runs, but the true alpha is reduced by areas so many times. --half takes every second picture, by
name. --crops writes the 384 pixels around where `fast` changes most, at 1:1: picture, truth, bilinear, fast, best.
PYTHON is that of an environment in which `pip install pymatting` was done; its closed-form matting is run as `rembg -a`
runs it, on the trimap of the bilinear matte (from 240 up, below 10, both eroded by 10 pixels).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

NAMES = ("SAD", "MSE", "Grad")
CROP = 384

PYMATTING = """
import sys, numpy as np
from pymatting import estimate_alpha_cf
with np.load(sys.argv[1], allow_pickle=False) as given:
    alpha = estimate_alpha_cf(given["image"] / 255.0, given["trimap"] / 255.0)
np.save(sys.argv[2], alpha.astype(np.float32))
"""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--alphas", type=Path, required=True)
    parser.add_argument("--model_path", default="modnet-photographic")
    parser.add_argument("--reduce", type=float)
    parser.add_argument("--half", choices=("even", "odd"))
    parser.add_argument("--crops", type=Path)
    parser.add_argument("--pymatting", type=Path)
    return parser.parse_args()


def pairs(args: argparse.Namespace) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, picture and true alpha."""
    from matting.pictures.files import read_alpha, read_image

    mattes = {path.stem: path for path in args.alphas.iterdir()}
    found = sorted(path for path in args.images.iterdir() if path.stem in mattes)
    start, stride = {None: (0, 1), "even": (0, 2), "odd": (1, 2)}[args.half]
    for path in found[start::stride]:
        yield path.stem, read_image(path), read_alpha(mattes[path.stem])


def small_mattes(args: argparse.Namespace) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Return what gives the small matte of a picture, whose true alpha it may look at."""
    if args.reduce:

        def reduced(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
            height, width = (max(round(side / args.reduce), 1) for side in truth.shape)
            return cv2.resize(truth, (width, height), interpolation=cv2.INTER_AREA)

        return reduced
    from matting import load
    from matting.transforms.geometry import undo

    predictor = load(args.model_path)

    def predicted(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
        batch, steps = predictor.prepare(image)
        return undo(predictor.network(batch["image"])["alpha"][0, 0], steps[1:])

    return predicted


def closed_form(python: Path, image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return what pymatting makes of the picture and a matte, by the rule of `rembg -a`."""
    square = np.ones((10, 10), np.uint8)
    solid, empty = (cv2.erode(part.astype(np.uint8), square) for part in (alpha >= 240 / 255, alpha <= 10 / 255))
    trimap = np.where(solid, 255, np.where(empty, 0, 128)).astype(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "given.npz", Path(folder) / "alpha.npy"
        np.savez(given, image=image, trimap=trimap)
        subprocess.run([python, "-c", PYMATTING, given, made], check=True, capture_output=True)
        return np.clip(np.load(made, allow_pickle=False), 0, 1)


def sheet(image: np.ndarray, mattes: list[np.ndarray]) -> np.ndarray:
    """Return picture and mattes (truth, bilinear, fast, best) side by side where bilinear and fast differ most."""
    changed = cv2.boxFilter(np.abs(mattes[2] - mattes[1]), -1, (CROP, CROP), borderType=cv2.BORDER_CONSTANT)
    middle = np.unravel_index(np.argmax(changed), changed.shape)
    top, left = (
        int(np.clip(place - CROP // 2, 0, max(side - CROP, 0)))
        for place, side in zip(middle, changed.shape, strict=True)
    )
    part = slice(top, top + CROP), slice(left, left + CROP)
    grey = [cv2.cvtColor(np.rint(255 * matte[part]).astype(np.uint8), cv2.COLOR_GRAY2BGR) for matte in mattes]
    return np.hstack([image[part][..., ::-1], *grey])


def main() -> None:
    args = parse_args()
    from matting import metrics, trimap
    from matting.refine import refine

    small_matte, rows = small_mattes(args), []
    ways: dict[str, Callable] = {how: lambda *given, how=how: refine(*given, how) for how in ("fast", "best")}
    if args.pymatting:
        ways["pymatting"] = lambda image, alpha, small: closed_form(args.pymatting, image, alpha)
    for name, image, truth in pairs(args):
        small = small_matte(image, truth)
        bilinear = np.clip(cv2.resize(small, truth.shape[::-1], interpolation=cv2.INTER_LINEAR), 0, 1)
        region, mattes = trimap.for_evaluation(truth), {"bilinear": bilinear}
        line = f"{name[:24]:24} {truth.size / 1e6:5.1f} MP"
        row = []
        for way, function in ways.items():
            begun = time.perf_counter()
            mattes[way] = function(image, bilinear, small)
            row.append([time.perf_counter() - begun])
        scores = [metrics.score(matte, truth, region, NAMES) for matte in mattes.values()]
        columns = [f"{metric}_unknown" for metric in NAMES]
        for way, timed, score in zip(ways, row, scores[1:], strict=True):
            timed.extend(100 * (score[column] / scores[0][column] - 1) for column in columns)
            line += f" | {way} {timed[0]:5.2f} s" + "".join(f" {number:+6.1f}" for number in timed[1:])
        print(line, flush=True)
        rows.append(row)
        if args.crops:
            args.crops.mkdir(parents=True, exist_ok=True)
            shown = [truth, *(mattes[way] for way in ("bilinear", "fast", "best"))]
            cv2.imwrite(str(args.crops / f"{name}.png"), sheet(image, shown))
    table = np.array(rows)
    print(f"\n{len(table)} pictures; changes from bilinear in percent, in the unknown region: {', '.join(NAMES)}")
    for number, way in enumerate(ways):
        mean, worse, worst = (part.round(1) for part in (
            table[:, number].mean(0), (table[:, number, 1:] > 0).sum(0), table[:, number, 1:].max(0),
        ))  # fmt: skip
        print(f"{way:10} {table[:, number, 0].mean():.2f} s  mean {mean[1:]}  worse on {worse}  at worst {worst}")


if __name__ == "__main__":
    main()
