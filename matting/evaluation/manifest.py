"""The manifest of an evaluation: what was scored, with which weights, by which rules, on what machine, as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from matting.evaluation.table import Evaluation
from matting.metrics.protocols import Protocol
from matting.system import atomic, cpu
from matting.system.digest import sha256
from matting.version import __version__

_LIBRARIES = ("paddlepaddle", "paddlepaddle-gpu", "paddleseg", "numpy", "opencv-python-headless", "scipy")


def write_manifest(path: Path, evaluation: Evaluation, **about: Any) -> None:
    """Write what was measured; `about` holds what only the caller knows (weights, configuration, data set, device)."""
    manifest = {
        "version": __version__,
        "protocol": describe(evaluation.protocol),
        **about,
        "images": len(evaluation.rows),
        "trimaps": {"listed": evaluation.listed_trimaps, "made": len(evaluation.rows) - evaluation.listed_trimaps},
        "means": {name: None if value != value else value for name, value in evaluation.means.items()},
        "machine": {
            "system": platform.platform(),
            "processor": cpu.name(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            **{name: version for name in _LIBRARIES if (version := _version(name))},
        },
    }
    atomic.write_text(path, json.dumps(manifest, indent=1, ensure_ascii=False, default=str) + "\n")


def describe(protocol: Protocol) -> dict[str, Any]:
    """Return the rules of a protocol as plain values."""
    return {
        "name": protocol.name,
        "source": protocol.source,
        "columns": {column.name: column.heading for column in protocol.columns},
        "rounding": "8 bits, nearest" if protocol.eight_bits else "none",
        "size": protocol.size,
        "sums_beyond_unknown": protocol.sums_beyond_unknown,
        "connectivity": {"thresholds": list(protocol.thresholds), "skip_empty": protocol.skip_empty},
    }


def files(paths: Iterable[Mapping[str, Path | None]]) -> list[dict[str, dict[str, str]]]:
    """Return path and sha256 of every file of every sample, by layer."""
    return [
        {layer: {"path": str(path), "sha256": sha256(path)} for layer, path in sample.items() if path is not None}
        for sample in paths
    ]


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
