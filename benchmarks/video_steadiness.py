"""How steady mattes of clips are: each frame by itself, by one frame's delay, by flow, and of RVM where it has weights.

The clips are made: people of a folder of photographs and mattes, moving, growing and turning before photographs that
move another way, with a camera's noise; so the true matte of every frame is known.

python benchmarks/video_steadiness.py --people data/PPM-100/val --backgrounds photographs --size 1280x720
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from matting import load
from matting.foreground import estimate_foreground
from matting.metrics import dtssd, errors
from matting.pictures.files import quantise, read_alpha, read_image
from matting.video import steadying

NOISE = 2.0
"""Standard deviation of what a camera adds to every frame, in levels of 255."""

TURN, GROWTH, SHIFT, PERIOD = 3.0, 0.04, 0.03, 5.0
"""How far a person turns (degrees), grows, and moves (in widths) to either side, in about so many seconds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=Path, required=True, help="a folder with fg/ and alpha/")
    parser.add_argument("--backgrounds", type=Path, required=True, help="a folder of photographs")
    parser.add_argument("--size", default="1280x720", help="of the clips")
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rate", type=int, default=25, help="frames a second")
    parser.add_argument("--weights", nargs="+", default=["modnet-photographic"], help="those with a memory are RVM's")
    args = parser.parse_args()
    size = tuple(int(side) for side in args.size.split("x"))
    frames = round(args.seconds * args.rate)
    print(f"{args.clips} clips of {frames} frames, {args.size}")
    print("| weights | way | MAD x 1000 | dtSSD x 100 | processor ms a frame |\n|---|---|---|---|---|")
    for weights in args.weights:
        for way, scores in measured(
            weights, args.people, args.backgrounds, size, frames, args.rate, args.clips
        ).items():
            mad, flicker, cost = np.mean(scores, axis=0)
            print(f"| {weights} | {way} | {1e3 * mad:.2f} | {100 * flicker:.3f} | {cost:.1f} |", flush=True)


def measured(
    weights: str, people: Path, backgrounds: Path, size: tuple[int, ...], frames: int, rate: int, clips: int
) -> dict[str, list[tuple[float, float, float]]]:
    """Return by way, for every clip, MAD, dtSSD, and processor time in ms a frame."""
    predictor = load(weights)
    ways: dict[str, Callable[[], steadying.Steadier] | None] = {"per frame": None}
    if not predictor.network.interface.states:
        ways |= getattr(steadying, "WAYS", {})
    found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
    for number in range(clips):
        shown, truths = zip(*clip(people, backgrounds, size, frames, rate, number), strict=True)
        stream, alphas = predictor.stream(), []
        stream(shown[0])
        stream.reset()
        started = time.process_time()
        for image in shown:
            alphas.append(stream(image)[0])
        network = time.process_time() - started
        for way, make in ways.items():
            started = time.process_time()
            mattes = alphas if make is None else steadied(make(), shown, alphas)
            cost = network + (time.process_time() - started if make else 0)
            found[way].append((*scored(mattes, truths), 1e3 * cost / frames))
    return found


def steadied(steadier: steadying.Steadier, images: tuple[np.ndarray, ...], alphas: list[np.ndarray]) -> list:
    """Return the mattes of a clip made steady."""
    mattes = [matte for image, alpha in zip(images, alphas, strict=True) for _, matte in steadier.push(image, alpha)]
    return mattes + [matte for _, matte in steadier.finish()]


def scored(mattes: list[np.ndarray], truths: tuple[np.ndarray, ...]) -> tuple[float, float]:
    """Return the means of MAD and dtSSD over a clip, of mattes in 8 bits as a file holds them."""
    eight = [quantise(matte) for matte in mattes]
    mad = np.mean([errors(matte, truth).mad for matte, truth in zip(eight, truths, strict=True)])
    pairs = zip(eight[1:], eight, truths[1:], truths, strict=False)
    return float(mad), float(np.mean([dtssd(*pair) for pair in pairs]))


def clip(
    people: Path, backgrounds: Path, size: tuple[int, ...], frames: int, rate: int, number: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the frames of a clip, (H, W, 3) RGB uint8, and their true mattes, (H, W) uint8."""
    width, height = size
    rng = np.random.default_rng(number)
    premultiplied = person(people, number, height)
    behind = sorted(path for path in backgrounds.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    background = covering(read_image(behind[number % len(behind)]), 1.4 * width, 1.4 * height)
    phases, speeds = rng.uniform(0, 2 * np.pi, 5), rng.uniform(0.5, 1.5, 5) / PERIOD
    for frame in range(frames):
        waves = np.sin(phases + speeds * 2 * np.pi * frame / rate)
        move = similarity(premultiplied.shape, size, TURN * waves[0], 1 + GROWTH * waves[1], SHIFT * waves[2:4])
        warped = cv2.warpAffine(premultiplied, move, (width, height), flags=cv2.INTER_AREA)
        drift = similarity(background.shape, size, 0, 1.1 + GROWTH * waves[4], SHIFT * waves[3::-2])
        scene = cv2.warpAffine(background, drift, (width, height), borderMode=cv2.BORDER_REFLECT)
        alpha = np.clip(warped[..., 3:], 0, 1)
        image = 255 * warped[..., :3] + (1 - alpha) * scene + rng.normal(0, NOISE, (height, width, 1))
        yield np.clip(np.rint(image), 0, 255).astype(np.uint8), quantise(alpha[..., 0])


def person(people: Path, number: int, height: int) -> np.ndarray:
    """Return the premultiplied colours and alpha of a person at about a frame's height, (h, w, 4) float32 in [0, 1]."""
    paths = sorted((people / "alpha").iterdir())
    path = paths[number % len(paths)]
    photograph = next((people / "fg").glob(f"{path.stem}.*"))
    alpha, image = read_alpha(path), read_image(photograph)
    ratio = 1.3 * height / len(alpha)
    small = (max(round(alpha.shape[1] * ratio), 1), max(round(alpha.shape[0] * ratio), 1))
    alpha, image = (cv2.resize(layer, small, interpolation=cv2.INTER_AREA) for layer in (alpha, image))
    return np.dstack((estimate_foreground(image, alpha) / np.float32(255) * alpha[..., None], alpha))


def covering(image: np.ndarray, width: float, height: float) -> np.ndarray:
    """Return a photograph just large enough to cover a frame."""
    ratio = max(width / image.shape[1], height / image.shape[0])
    return cv2.resize(image, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA)


def similarity(
    shape: tuple[int, ...], size: tuple[int, ...], degrees: float, scale: float, shift: np.ndarray
) -> np.ndarray:
    """Return the (2, 3) map that turns and scales a layer about its middle, and brings that to the frame's."""
    centre = shape[1] / 2, shape[0] / 2
    move = cv2.getRotationMatrix2D(centre, degrees, scale)
    move[:, 2] += np.array(size) / 2 - centre + shift * size[0]
    return move


if __name__ == "__main__":
    main()
