"""From weights, or an export, to a predictor in the fastest engine: exported once, then without importing Paddle."""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from matting import builder, config, trimap, weights
from matting.deployment import precision
from matting.deployment.cached import cached_export
from matting.deployment.description import DESCRIPTION, open_predictor
from matting.engines import classic
from matting.engines.table import CHOICES, TABLE, choose
from matting.engines.tiles import MARGIN, tiled
from matting.errors import MattingError
from matting.predictor import Predictor
from matting.registry import nearest
from matting.transforms.resize import LimitLong
from matting.weights.published import PUBLISHED
from matting.weights.trained import CONFIG, NETWORK, load_trained

logger = logging.getLogger(__name__)

_DRAWN_WIDTH = 0.05
"""How far a drawn trimap's unknown region reaches beyond the uncertain pixels, in object sizes."""


@dataclass(frozen=True)
class Runtime:
    """How a network is run.

    Attributes:
        engine: one of `matting.engines.table.CHOICES`; "auto" takes Paddle's dynamic graph on a GPU and the fastest
            engine installed on a CPU.
        precision: one of `PRECISIONS` there that the engine computes in, or "auto" (`precision.choose`).
        device: one of `DEVICES` there.
        threads: 0 takes all cores.
        tile_size: pixels; larger pictures go through a network that takes a trimap tile by tile. 0 takes them whole.
        tile_margin: pixels around a tile that are seen and dropped.
        refine: how edges are found at the photograph's size, one of `matting.choices.REFINEMENTS`.
    """

    engine: str = "auto"
    precision: str = "fp32"
    device: str = "auto"
    threads: int = 0
    tile_size: int = 0
    tile_margin: int = MARGIN
    refine: str = "none"


def load(
    source: str | Path, config: str | Path | Mapping[str, Any] | None = None, *, partial: bool = False, **runtime: Any
) -> Predictor:
    """Return the predictor of trained weights or of an export, in the fastest engine that is installed.

    Args:
        source: a checkpoint folder, whose configuration lies inside; a folder that `export` made; a published name; a
            file or URL of weights; or a method without a network, of `matting.choices.CLASSIC`.
        config: the configuration, where the source does not state it: a path, the name of one that comes along
            (`modnet/modnet-mobilenetv2`), or loaded values.
        partial: take weights that fit in part only.
        runtime: fields of `Runtime`: engine, precision, device, threads, tile_size, tile_margin, refine.

    Raises:
        MattingError: the source or the configuration is at fault, or the engine is not there.

    Example:
        >>> alpha = load("output/best_model")(read_image("photo.jpg"))  # doctest: +SKIP
    """
    if not isinstance(source, (str, Path)):
        raise MattingError(f"the weights are {type(source).__name__}; give a name or a path")
    known = [field.name for field in fields(Runtime)]
    for name in runtime:
        if name not in known:
            raise MattingError(f"load takes no {name!r}; {nearest(name, known)}")
    values = config if isinstance(config, Mapping) else configuration(source, config)
    return make_predictor(values, source, Runtime(**runtime), partial)


def configuration(
    source: str | Path | None, given: str | Path | None = None, opts: Sequence[str] = ()
) -> dict[str, Any] | None:
    """Return the configuration of weights: the one that was given, or else the one that they state themselves.

    A checkpoint folder, and the file in it, state the one saved with them, a published name the one it was trained
    with. None for an export, which needs none, and for other weights.

    Args:
        opts: `key=value` changes of it.

    Raises:
        MattingError: the configuration cannot be used.
    """
    if given is not None:
        return config.load(given, opts)
    if source is None:
        return None
    if str(source) in PUBLISHED:
        stated = PUBLISHED[str(source)].config
        return config.load(stated, opts) if stated else None
    folder = Path(source) if Path(source).is_dir() else Path(source).parent
    saved = folder / CONFIG
    if (folder / DESCRIPTION).is_file() or not saved.is_file() or Path(source).name not in (folder.name, NETWORK):
        return None
    return config.load(saved, opts)


def make_predictor(
    values: Mapping[str, Any] | None,
    model_path: str | Path | None,
    runtime: Runtime | None = None,
    partial: bool = False,
) -> Predictor:
    """Return the predictor of trained weights, of an export or of a method without a network.

    Args:
        values: the configuration; not needed for an export, which holds its own, nor for a method, which has none.
        model_path: a checkpoint folder, a file of weights, a URL, a published name, a folder that tools/export.py made,
            or one of `matting.choices.CLASSIC`.
        partial: take weights that fit in part only.

    Raises:
        MattingError: no weights are given, they do not fit, or the engine or precision is not there.
    """
    runtime = runtime or Runtime()
    if classic.is_classic(model_path):
        return _classic(str(model_path), runtime)
    folder = _folder(values, model_path, runtime, partial)
    if folder is None:
        assert values is not None and model_path is not None  # nothing else has a dynamic graph
        return _dynamic(values, model_path, runtime, partial)
    return open_predictor(
        folder, runtime.engine, runtime.precision, runtime.threads, runtime.tile_size, runtime.tile_margin,
        runtime.refine,
    )  # fmt: skip


def settled(
    values: Mapping[str, Any] | None,
    model_path: str | Path | None,
    runtime: Runtime,
    photographs: Sequence[Path] = (),
    partial: bool = False,
) -> Runtime:
    """Return how a network is run, with a precision in place of "auto"; it says which, and why.

    Args:
        photographs: that will be cut out, on a few of which a lower precision is judged at the network's first use.

    Raises:
        MattingError: as `make_predictor`.
    """
    if runtime.precision != "auto":
        return runtime
    exact = replace(runtime, precision="fp32")
    if classic.is_classic(model_path):
        return exact
    folder = _folder(values, model_path, exact, partial)
    engine = "dynamic" if folder is None else choose(exact.engine).name
    chosen, why = precision.choose(folder, engine, photographs)
    logger.info("precision auto is %s: %s", chosen, why)
    return replace(runtime, precision=chosen)


def unstated(model_path: str | Path | None) -> MattingError:
    """Return what to raise where weights, or none, state no configuration: most often there are none of that name.

    Raises:
        MattingError: there are none, or they are no weights.
    """
    if model_path is not None:
        if not str(model_path):
            raise MattingError("the weights are named by an empty text; give a name, a path or a URL")
        is_elsewhere = "://" in str(model_path) or str(model_path) in PUBLISHED
        if not is_elsewhere and not (Path(model_path) / DESCRIPTION).is_file():
            weights.weights_file(model_path)
    return MattingError("--config is missing: weights need the configuration that they were trained with; name it")


def _folder(
    values: Mapping[str, Any] | None, model_path: str | Path | None, runtime: Runtime, partial: bool
) -> Path | None:
    """Return the export that is run, making it at its first use; None for the dynamic graph."""
    if model_path is None:
        raise MattingError(
            "--model_path is missing: a network without trained weights gives no matte; name the weights"
        )
    if (Path(model_path) / DESCRIPTION).is_file():
        if runtime.engine == "dynamic":
            raise MattingError(f"{model_path} is an export, which has no dynamic graph; use another --engine")
        return Path(model_path)
    if values is None:
        raise unstated(model_path)
    return None if _engine(runtime) == "dynamic" else cached_export(values, model_path, partial)


def engine_used(runtime: Runtime, model_path: str | Path | None = None) -> str:
    """Return what computes under these settings, with its version and precision."""
    if classic.is_classic(model_path):
        return classic.version(str(model_path))
    engine = TABLE[_engine(runtime)]
    try:
        version = importlib.metadata.version(engine.distribution)
    except importlib.metadata.PackageNotFoundError:  # the GPU build goes by another name
        version = "?"
    return f"{engine.title} {version}, {runtime.precision}"


def trimap_drawer(source: str, runtime: Runtime | None = None) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that draws a trimap of a photograph with a network that needs none.

    Args:
        source: `CONFIG:WEIGHTS`, such as configs/modnet/modnet-mobilenetv2.yml:output/best_model.

    Raises:
        MattingError: it is not of this form, or that network needs a trimap itself.
    """
    path, colon, model_path = source.partition(":")
    if not colon:
        raise MattingError(f"--trimap_from {source}: expected CONFIG:WEIGHTS, such as modnet.yml:output/best_model")
    predictor = make_predictor(config.load(path), model_path, runtime)
    if predictor.takes_trimap:
        raise MattingError(f"--trimap_from {source}: this network needs a trimap itself; name a MODNet")

    def draw(image: np.ndarray) -> np.ndarray:
        alpha = trimap.certain(predictor(image))
        return trimap.from_mask(alpha, trimap.relative_kernel(alpha, _DRAWN_WIDTH))

    return draw


def _classic(name: str, runtime: Runtime) -> Predictor:
    usual = {"engine": ("auto", "dynamic"), "precision": ("fp32",), "device": ("auto", "cpu")}
    for flag, values in usual.items():
        if getattr(runtime, flag) not in values:
            raise MattingError(
                f"--{flag} {getattr(runtime, flag)} is for networks, and {name} is a method without one; leave it out"
            )
    logger.info("%s finds mattes from trimaps, without a network (%s)", name, classic.version(name))
    return Predictor(classic.ClassicNetwork(name), [LimitLong(classic.LONGEST)], runtime.refine)


def _engine(runtime: Runtime) -> str:
    if runtime.engine not in CHOICES:
        raise MattingError(f"--engine {runtime.engine}: it must be one of {', '.join(CHOICES)}")
    if runtime.engine != "auto":
        TABLE[runtime.engine].check(runtime.precision, runtime.device)
        return runtime.engine
    on_gpu = runtime.device not in ("auto", "cpu") or (runtime.device == "auto" and Path("/dev/nvidiactl").exists())
    # Without the converter there is nothing that the other engines could run.
    return "dynamic" if on_gpu or not _can_export() else choose("auto").name


def _can_export() -> bool:
    from importlib.util import find_spec

    return bool(find_spec("paddle2onnx") and find_spec("onnx"))


def _dynamic(values: Mapping[str, Any], model_path: str | Path, runtime: Runtime, partial: bool) -> Predictor:
    from matting import devices
    from matting.engines.dynamic import DynamicNetwork

    TABLE["dynamic"].check(runtime.precision)
    builder.check(values)
    devices.use(runtime.device)
    # Starting weights would be fetched only to be overwritten.
    network = builder.model(values, pretrained=False)
    load_trained(network, model_path, values, partial)
    return Predictor(
        tiled(DynamicNetwork(network), runtime.tile_size, runtime.tile_margin), builder.val_transforms(values),
        runtime.refine,
    )  # fmt: skip
