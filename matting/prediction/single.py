"""Photographs cut out by one call: the shortest way from a program to a person without background."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from matting.deployment.loading import load
from matting.errors import MattingError
from matting.pictures.encoding import PNG, Format
from matting.pictures.files import Photograph, read_photograph
from matting.pictures.pillow import from_pillow, to_pillow
from matting.prediction.backgrounds import AnyBackground
from matting.prediction.framing import Framing
from matting.prediction.outputs import Outputs
from matting.predictor import Predictor
from matting.system import memory
from matting.system.prefetching import in_three_stages
from matting.weights.published import DEFAULT

Picture = str | Path | bytes | np.ndarray | Image.Image
"""A path, the content of a file, (H, W, 3) RGB uint8, or one of Pillow's images."""

Behind = str | Path | tuple[int, int, int] | np.ndarray | AnyBackground
"""A background, as `backgrounds.parse` takes it."""


def cutout(
    picture: Picture,
    weights: str | Path | Predictor = DEFAULT,
    *,
    trimap: np.ndarray | None = None,
    kind: str | None = None,
    background: Behind | None = None,
    crop: bool = False,
    margin: int | str = 0,
    canvas: tuple[int, int] | str | None = None,
    position: str = "center",
    max_size: int | None = None,
    format: str | Format | None = None,
    **options: Any,
) -> Any:
    """Return the person of a photograph with the foreground's own colours, transparent or before a background.

    Args:
        picture: a path; the content of a file as bytes; (H, W, 3) RGB uint8; or one of Pillow's images.
        weights: what `load` takes, kept for the next call; or a predictor. The MODNet authors' network for photographs
            of people if not given, fetched at its first use.
        trimap: (H, W) uint8 in {0, 128, 255}, for a network that needs one.
        kind: of `choices.KINDS`; `rgba`, and with a background `composite`, if not given.
        background: a colour (`white`, `#rgb`, `#rrggbb`, `r,g,b`, or a tuple), `blur`, the path of a picture or of a
            folder of pictures, a picture (H, W, 3) RGB uint8, or an object of `matting.prediction.backgrounds`.
        crop, margin, canvas, position, max_size: which part is shown, and how large, as `Framing` says.
        format: of the bytes that bytes become: `png`, `webp`, `jpeg`, `tiff`, or a `Format`; PNG if not given.
        options: of `load`.

    Returns:
        Of the kind that was given. For a path or an array an array, in sRGB: (H, W, 4) RGBA uint8, black where nothing
        shows; with a background (H, W, 3) RGB uint8; a matte (H, W) uint8. For bytes the content of a file, and for an
        image an image, each in the colours of the photograph's own profile and with that profile.

    Raises:
        MattingError: the picture, the weights, the trimap, the background or another choice cannot be used.

    Example:
        >>> write_image("cutout.webp", cutout("photo.jpg", "output/best_model", crop=True))  # doctest: +SKIP
    """
    outputs = _outputs(kind, background, Framing.parse(crop, margin, canvas, position, max_size), format)
    (result,) = _stream(_Cutter(_predictor(weights, options), outputs), [_Work(picture, trimap)], 0, None)
    return result


def cutouts(
    pictures: Iterable[Picture],
    weights: str | Path | Predictor = DEFAULT,
    *,
    trimaps: Iterable[np.ndarray | None] | None = None,
    num_workers: int = 1,
    on_error: Callable[[Picture, MattingError], object] | None = None,
    kind: str | None = None,
    background: Behind | None = None,
    crop: bool = False,
    margin: int | str = 0,
    canvas: tuple[int, int] | str | None = None,
    position: str = "center",
    max_size: int | None = None,
    format: str | Format | None = None,
    **options: Any,
) -> Iterator[Any]:
    """Yield what `cutout` returns for each picture, in order; decoding, network and the rest run at the same time.

    However many pictures there are, a few are in memory: `pictures` may be a generator without an end.

    Args:
        trimaps: one for each picture, for a network that needs them.
        num_workers: threads that decode, and as many that finish; 0 does everything in turn.
        on_error: gets a picture that cannot be used and why; None is yielded for it, and the next ones follow. Without
            it the error is raised, and nothing follows.

    Raises:
        MattingError: as `cutout`; what is wrong with weights or choices at once, with a picture when it is its turn.

    Example:
        >>> for path, person in zip(paths, cutouts(paths, crop=True)): ...  # doctest: +SKIP
    """
    outputs = _outputs(kind, background, Framing.parse(crop, margin, canvas, position, max_size), format)
    given = zip(pictures, itertools.repeat(None) if trimaps is None else trimaps, strict=trimaps is not None)
    works = (_Work(picture, trimap) for picture, trimap in given)
    return _stream(_Cutter(_predictor(weights, options), outputs), works, num_workers, on_error)


@dataclass
class _Work:
    """A picture on its way through the stages, or what was wrong with it."""

    picture: Picture
    trimap: np.ndarray | None = None
    photograph: Any = None
    alpha: Any = None
    result: Any = None
    error: MattingError | None = None

    @property
    def name(self) -> str:
        """What it is called, by messages and by a folder of backgrounds."""
        if isinstance(self.picture, (str, Path)):
            return str(self.picture)
        return {bytes: "the bytes", np.ndarray: "the array"}.get(type(self.picture), "the image")


def _stream(
    cutter: _Cutter,
    works: Iterable[_Work],
    num_workers: int,
    on_error: Callable[[Any, MattingError], object] | None,
) -> Iterator[Any]:
    for work in in_three_stages(cutter.read, cutter.matte, cutter.finish, works, num_workers):
        if work.error is None:
            yield work.result
        elif on_error is None:
            raise work.error
        else:
            on_error(work.picture, work.error)
            yield None


def _guarded(stage: Callable[[_Cutter, _Work], None]) -> Callable[[_Cutter, _Work], _Work]:
    """Return a stage that notes what is wrong with a picture, and passes over one with which something was."""

    def attempt(cutter: _Cutter, work: _Work) -> _Work:
        if work.error is None:
            try:
                with memory.explained(Path(work.name)):
                    stage(cutter, work)
            except MattingError as error:
                work.error = error
        return work

    return attempt


@dataclass(frozen=True)
class _Cutter:
    """What is done with a picture in turn."""

    predictor: Predictor
    outputs: Outputs

    @_guarded
    def read(self, work: _Work) -> None:
        picture = work.picture
        if isinstance(picture, (str, Path)):
            srgb = read_photograph(picture).srgb
            work.photograph = Photograph(srgb, srgb)
        elif isinstance(picture, bytes):
            work.photograph = read_photograph(work.name, data=picture)
        elif isinstance(picture, Image.Image):
            work.photograph = from_pillow(picture)
        elif isinstance(picture, np.ndarray):
            work.photograph = Photograph(picture, picture)
        else:
            raise MattingError(
                f"the picture is {type(picture).__name__}; give a path, the bytes of a file, an array (H, W, 3) uint8, "
                "or one of Pillow's images"
            )

    @_guarded
    def matte(self, work: _Work) -> None:
        (kind,) = self.outputs.kinds
        work.alpha, drawn = self.predictor.run(work.photograph.srgb, work.trimap, kind == "trimap")
        work.trimap = drawn if kind == "trimap" else work.trimap

    @_guarded
    def finish(self, work: _Work) -> None:
        name = Path(work.name).stem
        if isinstance(work.picture, bytes):
            (work.result,) = self.outputs.encode(work.photograph, work.alpha, work.trimap, name).values()
        else:
            outputs = replace(self.outputs, format=PNG)  # arrays and images have 8 bits, whatever files have
            (work.result,) = outputs.render(work.photograph, work.alpha, work.trimap, name).values()
            if isinstance(work.picture, Image.Image):
                work.result = to_pillow(work.result, work.photograph.metadata)
        work.photograph = work.alpha = work.trimap = None


def _outputs(kind: str | None, background: Behind | None, framing: Framing, format: str | Format | None) -> Outputs:
    """Return what is made of each picture: one kind."""
    kind = kind or ("rgba" if background is None else "composite")
    named = format if isinstance(format, Format) else Format(format or "png")
    return Outputs.parse((kind,), background=background, format=named, framing=framing)


def _predictor(weights: str | Path | Predictor, options: Mapping[str, Any]) -> Predictor:
    """Return the predictor of the last call where weights and options are the same, files included."""
    global _last
    if isinstance(weights, Predictor):
        return weights
    if not isinstance(weights, (str, Path)):
        raise MattingError(f"the weights are {type(weights).__name__}; give a name, a path or a predictor")
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
