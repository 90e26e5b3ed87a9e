"""How fast Grad, Conn and SAD+MSE+MAD are beside the usual way of computing them, and that the values are equal.

    python benchmarks/metrics.py --size 2000

Usual here means: the whole picture in float64, two-dimensional filters; one labelling with statistics a threshold;
a pass of its own for each of SAD, MSE and MAD. Both ways run in one process on one thread, in turns.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import cv2
import numpy as np

from demo.drawn_people import draw_portrait
from matting import metrics, trimap
from matting.pictures.files import quantise

Region = np.ndarray | None
TOLERANCE = 1e-6


def usual_gradient(prediction: np.ndarray, truth: np.ndarray, region: Region) -> float:
    """Filter both mattes whole with the two-dimensional derivative of a Gaussian, sigma 1.4, of unit norm."""
    at = np.arange(-4, 5)
    gaussian = np.exp(-(at**2) / (2 * 1.4**2)) / (1.4 * np.sqrt(2 * np.pi))
    kernel = np.outer(gaussian, -at * gaussian / 1.4**2)
    kernel /= np.sqrt((kernel**2).sum())
    steepness = []
    for matte in (prediction, truth):
        values = cv2.normalize(matte / 255.0, None, 0.0, 1.0, cv2.NORM_MINMAX)
        across = cv2.filter2D(values, -1, kernel, borderType=cv2.BORDER_REPLICATE)
        down = cv2.filter2D(values, -1, kernel.T, borderType=cv2.BORDER_REPLICATE)
        steepness.append(np.sqrt(across**2 + down**2))
    error = (steepness[0] - steepness[1]) ** 2
    return float(error.sum() if region is None else error[region].sum())


def usual_connectivity(prediction: np.ndarray, truth: np.ndarray, region: Region) -> float:
    """Label what both mattes share once a threshold, with the statistics of every component."""
    predicted, true = prediction / 255.0, truth / 255.0
    left_at = np.full(truth.shape, -1.0)
    for step in range(1, 11):
        both = ((predicted >= step / 10) & (true >= step / 10)).astype(np.uint8)
        _, labels, table, _ = cv2.connectedComponentsWithStats(both, connectivity=4)
        areas = table[1:, cv2.CC_STAT_AREA]
        omega = labels == 1 + areas.argmax() if len(areas) else np.zeros(truth.shape, bool)
        left_at[(left_at == -1) & ~omega] = (step - 1) / 10
    left_at[left_at == -1] = 1.0
    gaps = [matte - left_at for matte in (predicted, true)]
    phi = [1 - gap * (gap >= 0.15) for gap in gaps]
    error = np.abs(phi[0] - phi[1])
    return float(error.sum() if region is None else error[region].sum())


def usual_sums(prediction: np.ndarray, truth: np.ndarray, region: Region) -> tuple[float, float, float]:
    """SAD, MSE and MAD, each by a function that knows nothing of the others."""
    weight = np.ones(truth.shape) if region is None else region.astype(np.float64)

    def sad() -> float:
        return float((np.abs(prediction / 255.0 - truth / 255.0) * weight).sum())

    def mse() -> float:
        return float((((prediction / 255.0 - truth / 255.0) * weight) ** 2).sum() / weight.sum())

    def mad() -> float:
        return float((np.abs(prediction / 255.0 - truth / 255.0) * weight).sum() / weight.sum())

    return sad(), mse(), mad()


def pictures(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a matte as a network spoils it, the true one and its trimap: (size, size) uint8 each.

    The error is soft and lies about the edge, with a grey patch inside and haze outside, far from the edge.
    """
    rng = np.random.default_rng(7)
    alpha = draw_portrait(rng, size, size)[1]
    truth = quantise(alpha)
    known = trimap.for_evaluation(truth / np.float32(255))
    noise = cv2.resize(rng.standard_normal((size // 4, size // 4)).astype(np.float32), (size, size))
    edge = cv2.GaussianBlur((known == 128).astype(np.float32), (0, 0), 8)
    wrong = cv2.GaussianBlur(noise, (0, 0), 3) * edge * 0.6
    wrong[size // 20 : size // 6, size // 20 : size // 5] += 0.2
    wrong[-size // 6 : -size // 20, size // 2 - size // 12 : size // 2] -= 0.3
    return quantise(alpha + wrong), truth, known


def compare(title: str, ours: Callable[[], object], usual: Callable[[], object], rounds: int) -> float:
    """Print a line, and return by how many times ours is faster in the median round."""
    seconds: dict[str, list[float]] = {"ours": [], "usual": []}
    values = {}
    for _ in range(rounds):
        for name, run in (("usual", usual), ("ours", ours)):
            start = time.perf_counter()
            values[name] = np.atleast_1d(run())
            seconds[name].append(time.perf_counter() - start)
    difference = float(np.max(np.abs(values["ours"] - values["usual"]) / np.abs(values["usual"])))
    if difference > TOLERANCE:
        sys.exit(f"{title}: the values differ by {difference:.1e}, more than {TOLERANCE:g}")
    mean = {name: statistics.median(spent) * 1000 for name, spent in seconds.items()}
    ratio = mean["usual"] / mean["ours"]
    print(f"{title:<48}{mean['usual']:>9.1f}{mean['ours']:>9.1f}{ratio:>8.1f}x{difference:>12.1e}")
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=2000, help="height and width of the pictures")
    parser.add_argument("--rounds", type=int, default=7, help="how often each way runs; the median counts")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    spoilt, truth, known = pictures(args.size)
    unknown = known == 128
    grain = np.random.default_rng(1).integers(-2, 3, truth.shape)
    grainy = np.clip(spoilt + grain, 0, 255).astype(np.uint8)
    cases: list[tuple[str, np.ndarray, Region]] = [
        ("whole image", spoilt, None),
        ("whole image, wrong everywhere", grainy, None),
        ("unknown region", trimap.impose(spoilt, known), unknown),
    ]
    print(f"{args.size}x{args.size}, {unknown.mean():.1%} unknown, one thread, median of {args.rounds}")
    print(f"{'':<48}{'usual ms':>9}{'ours ms':>9}{'ratio':>9}{'difference':>12}")
    rows = (
        ("Grad", metrics.gradient_error, usual_gradient),
        ("Conn", metrics.connectivity_error, usual_connectivity),
        ("SAD, MSE and MAD", metrics.errors, usual_sums),
    )
    for name, ours, usual in rows:
        for region_name, prediction, region in cases:
            given = (prediction, truth, region)
            compare(f"{name}, {region_name}", partial(ours, *given), partial(usual, *given), args.rounds)


if __name__ == "__main__":
    main()
