"""One photograph cut out by one call: the shortest way from a program to a person without background."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from matting.deployment.loading import load
from matting.errors import MattingError
from matting.pictures.files import Photograph, read_photograph
from matting.prediction import backgrounds
from matting.prediction.outputs import Outputs
from matting.predictor import Predictor
from matting.weights.published import DEFAULT


def cutout(
    picture: str | Path | np.ndarray,
    weights: str | Path | Predictor = DEFAULT,
    *,
    trimap: np.ndarray | None = None,
    background: str | Path | None = None,
    **options: Any,
) -> np.ndarray:
    """Return the person of a photograph with the foreground's own colours, transparent or before a background.

    Args:
        picture: a path, or (H, W, 3) RGB uint8.
        weights: what `load` takes, kept for the next call; or a predictor. The MODNet authors' network for photographs
            of people if not given, fetched at its first use.
        trimap: (H, W) uint8 in {0, 128, 255}, for a network that needs one.
        background: `#rrggbb`, `r,g,b`, or the path of a picture.
        options: of `load`.

    Returns:
        (H, W, 4) RGBA uint8, black where nothing shows; with a background (H, W, 3) RGB uint8.

    Raises:
        MattingError: the picture, the weights, the trimap or the background cannot be used.

    Example:
        >>> write_image("cutout.png", cutout("photo.jpg", "output/best_model"))  # doctest: +SKIP
    """
    predictor = weights if isinstance(weights, Predictor) else _loaded(weights, options)
    if not isinstance(picture, (str, Path, np.ndarray)):
        raise MattingError(f"the picture is {type(picture).__name__}; give a path, or an array (H, W, 3) uint8")
    photograph = Photograph(picture, picture) if isinstance(picture, np.ndarray) else read_photograph(picture)
    alpha = predictor(photograph.srgb, trimap)
    outputs = Outputs(("rgba",))
    if background is not None:
        outputs = Outputs(("composite",), background=backgrounds.parse(str(background)))
    (pixels,) = outputs.render(photograph, alpha).values()
    return pixels


def _loaded(weights: str | Path, options: Mapping[str, Any]) -> Predictor:
    """Return the predictor of the last call where weights and options are the same, files included."""
    global _last
    key = repr((_state(weights), sorted(options.items())))
    if _last is None or _last[0] != key:
        _last = key, load(weights, **options)
    return _last[1]


_last: tuple[str, Predictor] | None = None


def _state(weights: str | Path) -> tuple[Any, ...]:
    """Return what tells weights from others of that name: where they lie, and the sizes and times of their files."""
    path = Path(weights).absolute()
    files = sorted(path.glob("*")) if path.is_dir() else [path] if path.is_file() else []
    return str(weights), str(path), *((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
