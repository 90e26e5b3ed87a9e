"""Matting without a network: error in the unknown region and seconds of every method, from a trimap.

python benchmarks/classic.py --images FOLDER --alphas FOLDER --trimaps FOLDER [--methods guided closed-form ...]
    [--half odd] [--sheets FOLDER]

Photographs, true mattes and trimaps are paired by their names without endings. --half takes every second one, by name.
--sheets writes picture, trimap, truth and the methods' mattes side by side. Seconds are of a call alone: what pymatting
compiles at its first use on a machine is compiled by then.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from matting.choices import CLASSIC  # noqa: E402

NAMES = ("SAD", "MSE", "Grad")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("images", "alphas", "trimaps"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", choices=CLASSIC, default=CLASSIC)
    parser.add_argument("--half", choices=("even", "odd"))
    parser.add_argument("--sheets", type=Path)
    return parser.parse_args()


def found(args: argparse.Namespace) -> list[tuple[Path, Path, Path]]:
    """Return photograph, true matte and trimap of every picture that has all three."""
    mattes, trimaps = ({path.stem: path for path in folder.iterdir()} for folder in (args.alphas, args.trimaps))
    names = sorted(path for path in args.images.iterdir() if path.stem in mattes and path.stem in trimaps)
    start, stride = {None: (0, 1), "odd": (0, 2), "even": (1, 2)}[args.half]
    return [(path, mattes[path.stem], trimaps[path.stem]) for path in names[start::stride]]


def main() -> None:
    args = parse_args()
    from matting import load, metrics
    from matting.pictures.files import quantise, read_alpha, read_image, read_trimap

    methods = {name: load(name) for name in args.methods}
    readers = read_image, read_alpha, read_trimap
    columns = [f"{name}_unknown" for name in NAMES]
    rows = []
    for paths in found(args):
        image, truth, trimap = (read(path) for read, path in zip(readers, paths, strict=True))
        row, mattes = [], [trimap, quantise(truth)]
        for method in methods.values():
            begun = time.perf_counter()
            alpha = method(image, trimap)
            seconds = time.perf_counter() - begun
            score = metrics.score(alpha, truth, trimap, NAMES)
            row.append([seconds, *(score[column] for column in columns)])
            mattes.append(quantise(alpha))
        rows.append(row)
        parts = zip(methods, row, strict=True)
        line = " | ".join(f"{name} {' '.join(f'{value:.4g}' for value in part)}" for name, part in parts)
        print(f"{paths[0].stem[:16]:16} {truth.size / 1e6:.2f} MP | {line}", flush=True)
        if args.sheets:
            args.sheets.mkdir(parents=True, exist_ok=True)
            grey = [cv2.cvtColor(matte, cv2.COLOR_GRAY2BGR) for matte in mattes]
            cv2.imwrite(str(args.sheets / f"{paths[0].stem}.png"), np.hstack([image[..., ::-1], *grey]))
    table = np.array(rows)
    print(f"\nmeans of {len(table)} pictures: seconds, {', '.join(NAMES)}; on how many each is the best of all")
    for number, name in enumerate(methods):
        best = (table[:, number, 1:] == table[:, :, 1:].min(axis=1)).sum(axis=0)
        mean = "".join(f"{value:10.4f}" for value in table[:, number].mean(axis=0))
        print(f"{name:16}{mean}   {best}   slowest {table[:, number, 0].max():.1f} s")


if __name__ == "__main__":
    main()
