"""One picture of a prepared set: read, checked, and written or linked layer by layer."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from matting import trimap
from matting.curation.preparation import placing
from matting.curation.preparation.foregrounds import extend
from matting.curation.preparation.plan import Choices, Item
from matting.errors import MattingError
from matting.pictures.decoding import decode
from matting.pictures.files import PIXEL_LIMIT, image_size, quantise, read_image, to_alpha, write_png
from matting.system.places import below
from matting.text import sizes_differ


@dataclass(frozen=True)
class Prepared:
    """A picture that is in the target, and its lines of the list."""

    item: Item
    lines: list[str]


@dataclass
class _Layers:
    """What was read of a picture; None where the file itself is linked."""

    alpha: np.ndarray
    written_alpha: np.ndarray | None
    written_foreground: np.ndarray | None


def write_item(item: Item, target: Path, choices: Choices) -> Prepared | str:
    """Bring one picture into the target; one that is there already is left as it is.

    Returns:
        What was made, or `path: reason` if the picture cannot be used.

    Raises:
        MattingError: the target cannot be written.
    """
    folder = target / item.part
    rewritten = item.files.alpha is None or choices.extend
    photograph = below(target, f"{item.part}/fg/{item.files.name}{'.png' if rewritten else item.files.image.suffix}")
    trimaps = _trimap_names(item, choices)
    result = Prepared(item, _lines(item, photograph.relative_to(target).as_posix(), trimaps))
    if photograph.is_file():  # it is brought last, so all the rest is there
        return result
    try:
        layers = _read(item, choices)
    except MattingError as error:
        return str(error) if str(error).startswith(str(item.files.image)) else f"{item.files.image}: {error}"
    _write_mattes(item, folder, layers, choices)
    for source, name in zip(item.trimaps, trimaps, strict=False):
        placing.link(source, below(target, name))
    if trimaps and not item.trimaps:
        write_png(below(target, trimaps[0]), _draw_trimap(item, layers.alpha, choices))
    if layers.written_foreground is not None:
        write_png(photograph, layers.written_foreground)
    else:
        placing.link(item.files.image, photograph)
    return result


def _read(item: Item, choices: Choices) -> _Layers:
    """Read what must be rewritten, and compare the sizes of the rest by their headers."""
    source = item.files.matte
    pixels = decode(source, PIXEL_LIMIT)
    has_fourth = pixels.ndim == 3 and pixels.shape[2] == 4
    if item.files.alpha is None and not has_fourth:
        raise MattingError(f"{source} is no cutout: it has no fourth channel, and no folder of mattes was found")
    alpha = to_alpha(pixels, source)
    for path in (item.files.image, *item.trimaps):
        if (of_file := image_size(path)) != alpha.shape:
            differ = sizes_differ(path, of_file, f"its matte {source}", alpha.shape)
            raise MattingError(f"{differ}; the sizes must agree")
    foreground = None
    if item.files.alpha is None or choices.extend:
        foreground = extend(read_image(item.files.image), alpha)
    return _Layers(alpha, quantise(alpha) if has_fourth else None, foreground)


def _write_mattes(item: Item, folder: Path, layers: _Layers, choices: Choices) -> None:
    if layers.written_alpha is not None:
        write_png(below(folder, f"alpha/{item.files.name}.png"), layers.written_alpha)
    elif item.files.alpha is not None:
        placing.link(item.files.alpha, below(folder, f"alpha/{item.files.name}{item.files.alpha.suffix}"))
    if choices.masks:
        mask = np.where(layers.alpha >= 0.5, np.uint8(255), np.uint8(0))
        write_png(below(folder, f"mask/{item.files.name}.png"), mask)


def _draw_trimap(item: Item, alpha: np.ndarray, choices: Choices) -> np.ndarray:
    alpha = trimap.certain(alpha, choices.tolerance) if choices.tolerance else alpha
    if choices.trimap == "fixed":
        return trimap.from_mask(alpha, choices.kernel)
    # By the picture's name, so that it does not depend on which other pictures there are.
    rng = np.random.default_rng((choices.seed, zlib.crc32(item.files.name.encode())))
    return trimap.for_training(alpha, rng)


def _trimap_names(item: Item, choices: Choices) -> list[str]:
    """Return where the trimaps go, relative to the target: the set's own, else one that is made, or none."""
    folder = f"{item.part}/trimap/{item.files.name}"
    if len(item.trimaps) > 1:
        return [f"{folder}_{number}{path.suffix}" for number, path in enumerate(item.trimaps)]
    if item.trimaps:
        return [f"{folder}{item.trimaps[0].suffix}"]
    return [] if choices.trimap == "none" else [f"{folder}.png"]


def _lines(item: Item, photograph: str, trimaps: list[str]) -> list[str]:
    if not item.backgrounds:
        return [f"{photograph} trimap={trimaps[0]}" if trimaps else photograph]
    lines = []
    for number, path in enumerate(item.backgrounds):
        own = trimaps[number if len(trimaps) > 1 else 0] if trimaps else ""
        lines.append(f"{photograph} {placing.background_name(item.part, path)} {own}".rstrip())
    return lines
