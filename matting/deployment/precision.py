"""Which precision `auto` stands for: the lower one where the processor has it and photographs show no harm."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from matting.deployment.description import Deployment, open_predictor
from matting.engines import FILES
from matting.engines.table import TABLE
from matting.errors import MattingError
from matting.pictures.files import read_image
from matting.system import atomic, cpu
from matting.weights.download import cache_dir

BOUND = 0.002
"""The mean absolute difference from the float32 matte up to which bfloat16 is taken: half a level of 255."""

_JUDGED = 4
"""Photographs that are cut out in both precisions, once for a network."""

_NATIVE = ("amx_bf16", "avx512_bf16", "bf16")
"""Of a processor's flags those of which one says that it multiplies in bfloat16; others would imitate it slowly."""


def choose(folder: Path | None, engine: str, photographs: Sequence[Path]) -> tuple[str, str]:
    """Return the precision for a network on this machine, and why in a few words.

    The first run compares mattes on photographs of its own and keeps what it found in the cache, so that later runs, of
    other photographs too, take the same precision. One of fewer photographs than are wanted decides for itself, and the
    next ones add theirs: a single odd picture does not decide for good.

    Args:
        folder: the export; None for the dynamic graph.
        engine: which runs it.
        photographs: to compare on; those that cannot be read are passed over.
    """
    if folder is None or "bf16" not in TABLE[engine].precisions:
        return "fp32", f"{TABLE[engine].title} computes in nothing lower"
    if not cpu.flags() & set(_NATIVE):
        return "fp32", "this processor does not compute in bfloat16"
    described = Deployment.read(folder)
    if described.interface.inputs != ("image",) or described.interface.states:
        return "fp32", "only networks that take an image alone are compared"
    kept = cache_dir() / "precisions" / f"{_key(described)}.json"
    apart, judged = _read(kept)
    if judged < _JUDGED and (new := _compare(folder, engine, photographs, _JUDGED - judged)):
        apart, judged = (apart * judged + sum(new)) / (judged + len(new)), judged + len(new)
        with suppress(MattingError):  # where nothing can be written, each run compares for itself
            atomic.write_text(kept, json.dumps((apart, judged)))
    if not judged:
        return "fp32", "there is no photograph to compare on"
    precision = "bf16" if apart <= BOUND else "fp32"
    return precision, f"bfloat16 moves alpha by a MAD of {apart:.5f} on {judged} photographs, {BOUND} is allowed"


def _compare(folder: Path, engine: str, photographs: Sequence[Path], most: int) -> list[float]:
    """Return the mean absolute difference of the mattes of some photographs, of those that can be read."""
    if not photographs:
        return []
    exact, lower = open_predictor(folder, engine), open_predictor(folder, engine, "bf16")
    apart: list[float] = []
    chosen = np.linspace(0, len(photographs) - 1, min(len(photographs), most)).round().astype(int)
    for path in (photographs[index] for index in chosen):
        with suppress(MattingError):
            image = read_image(path)
            apart.append(float(np.abs(exact(image) - lower(image)).mean()))
    return apart


def _key(described: Deployment) -> str:
    import openvino

    matters = (described.files.get(FILES["onnx"]), openvino.__version__, sorted(cpu.flags()), described.transforms)
    return hashlib.sha256(repr(matters).encode()).hexdigest()[:20]


def _read(kept: Path) -> tuple[float, int]:
    """Return the mean absolute difference that earlier runs found, and on how many photographs."""
    try:
        apart, judged = json.loads(kept.read_bytes())
        return float(apart), int(judged)
    except (OSError, ValueError, TypeError):
        return 0.0, 0
