"""What the last frame of a clip tells a refined matte, for the benchmark of refinement."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import video_steadiness
from refine_tried import enlarged, reduced, small_matte

from matting import load
from matting import refine as refining
from matting.refine import refine
from matting.video import steadying

SIZE, FRAMES, RATE = (1920, 1080), 20, 25


class LastFrame:
    """Within the band, a refined matte takes the mean with the last one's, brought along the flow, where it is to be
    trusted and where the corrections around agree (`steadying.FlowFusion`, which looks ahead too)."""

    def __init__(self) -> None:
        self._fusion = steadying.FlowFusion()
        self._last: steadying._Seen | None = None

    def __call__(self, image: np.ndarray, alpha: np.ndarray, small: np.ndarray) -> np.ndarray:
        now, last = steadying._Seen(image, alpha, 320), self._last
        if last is not None:
            there, back = self._fusion._motion(now, last), self._fusion._motion(last, now)
            brought = self._fusion._neighbour(now, last, there, back)
            correction = brought.trust * (brought.alpha - alpha) / (1 + brought.trust)
            band = enlarged(refining._band(small), alpha.shape)
            now.alpha = alpha + band * steadying._agreement(correction) * correction
        self._last = now
        return now.alpha


def measure(model_path: str, people: Path, backgrounds: Path, clips: int) -> None:
    """Print MAD, dtSSD and the processor's ms a frame beyond those of the network and bilinear enlargement."""
    predictor, found = load(model_path), {}
    for number in range(clips):
        clip = video_steadiness.clip(people, backgrounds, SIZE, FRAMES, RATE, number)
        images, truths = zip(*clip, strict=True)
        smalls = [small_matte(predictor, image) for image in images]
        for way, mattes, seconds in _ways(images, smalls):
            scores = (*video_steadiness.scored(mattes, truths), 1e3 * seconds / FRAMES)
            found.setdefault(way, []).append(scores)
    print(f"{clips} clips of {FRAMES} frames, {SIZE[0]}x{SIZE[1]}\n")
    print("| | MAD x 1000 | dtSSD x 100 | ms a frame |\n|---|---|---|---|")
    for way, scores in found.items():
        mad, flicker, cost = np.mean(scores, axis=0)
        print(f"| {way} | {1e3 * mad:.2f} | {100 * flicker:.3f} | {cost:.0f} |", flush=True)


def _ways(images: tuple[np.ndarray, ...], smalls: list[np.ndarray]) -> list[tuple[str, list[np.ndarray], float]]:
    """Return name, mattes and processor time of every way."""
    shape = images[0].shape[:2]
    frames = list(zip(images, [enlarged(small, shape) for small in smalls], smalls, strict=True))
    plain = [alpha for _, alpha, _ in frames]
    begun = time.process_time()
    refined = [refine(*frame, "fast") for frame in frames]
    fast = time.process_time() - begun
    made = [("none", plain, 0.0), ("`fast`", refined, fast)]

    begun, last = time.process_time(), LastFrame()
    helped = [last(image, alpha, small) for (image, _, small), alpha in zip(frames, refined, strict=True)]
    made.append(("`fast`, then the last refined matte", helped, fast + time.process_time() - begun))

    for name, alphas, before in (("none", plain, 0.0), ("`fast`", refined, fast)):
        begun = time.process_time()
        steady = video_steadiness.steadied(steadying.WAYS["flow"](), images, alphas)
        made.append((f"{name}, then `--steady flow`", steady, before + time.process_time() - begun))

    begun = time.process_time()
    shrunk = tuple(reduced(image, small.shape) for image, small in zip(images, smalls, strict=True))
    steadied = video_steadiness.steadied(steadying.WAYS["flow"](), shrunk, smalls)
    refined = [
        refine(image, enlarged(small, shape), small, "fast") for image, small in zip(images, steadied, strict=True)
    ]
    made.append(("flow on the small mattes, then `fast`", refined, time.process_time() - begun))
    return made
