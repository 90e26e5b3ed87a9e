"""Files of weights: read them without running what they hold, write them whole or not at all, put them into a layer."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import pickle
import tarfile
import urllib.parse
import urllib.request
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from matting.errors import MattingError

logger = logging.getLogger(__name__)


class Layer(Protocol):
    """What this module needs of a network: Paddle's `nn.Layer` has it."""

    def state_dict(self) -> Mapping[str, Any]: ...

    def set_state_dict(self, state_dict: Mapping[str, np.ndarray]) -> Any: ...


def _plain_array_parts() -> dict[tuple[str, str], Any]:
    """Return the only globals that a pickle of arrays and plain containers needs, by (module, name)."""
    # Taken from what NumPy itself puts into pickles, because their module moved between its versions.
    reconstruct, scalar = np.zeros(0).__reduce__()[0], np.float32(0).__reduce__()[0]
    parts: dict[tuple[str, str], Any] = {
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("collections", "OrderedDict"): OrderedDict,
        ("builtins", "tuple"): tuple,
        ("__builtin__", "tuple"): tuple,
        ("_codecs", "encode"): _latin1_bytes,
    }
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        parts[module, "_reconstruct"] = reconstruct
        parts[module, "scalar"] = scalar
    return parts


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """Stand in for `_codecs.encode`, which Python 2 pickles call for raw bytes; nothing but latin1 is admitted."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"the text encoding {encoding!r} does not belong into a file of weights")
    return text.encode("latin1")


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that admits arrays and plain containers, and refuses everything else before it runs."""

    _admitted = _plain_array_parts()

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._admitted[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no weights need") from None


def unpickle_arrays(data: bytes, origin: str | Path) -> Any:
    """Return the arrays and plain containers pickled in `data`; `origin` names them in messages.

    Raises:
        MattingError: the pickle is broken, or asks for anything that is no array or plain container.
    """
    try:
        return _ArraysOnly(io.BytesIO(data)).load()
    except Exception as error:  # a hostile or cut pickle can fail in any way; none may pass as a traceback
        raise MattingError(f"{origin} is no readable file of weights: {error}; fetch or save it again") from None


def read_weights(path: str | Path) -> dict[str, np.ndarray]:
    """Read a `.pdparams` file, plain or in the `.tar.gz` in which PaddleSeg publishes backbones, by state_dict key.

    A file can hold an array or a (name, array) pair for a key, as different versions of Paddle wrote it.

    Raises:
        MattingError: the file is missing, broken, or holds something else.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "model.pdparams"
    if not path.is_file():
        raise MattingError(f"the weights {path} do not exist; give a .pdparams file or the folder that holds one")
    content = unpickle_arrays(_pickle_bytes(path), path)
    if not isinstance(content, Mapping):
        raise MattingError(f"{path} holds {type(content).__name__}; weights are a mapping from names to arrays")
    arrays = {}
    for key, value in content.items():
        if key == "StructuredToParameterName@@":
            continue
        if isinstance(value, tuple) and len(value) == 2:
            value = value[1]
        if not isinstance(key, str) or not isinstance(value, np.ndarray):
            raise MattingError(f"{path}: {key!r} is {type(value).__name__}, not an array; this is no file of weights")
        arrays[key] = value
    return arrays


def _pickle_bytes(path: Path) -> bytes:
    """Return the pickle in a file; of a tar archive, its one `.pdparams` member, which is never unpacked to disk."""
    if not path.name.endswith((".tar.gz", ".tgz", ".tar")):
        return path.read_bytes()
    try:
        with tarfile.open(path) as archive:
            members = [member for member in archive if member.isfile() and member.name.endswith(".pdparams")]
            if len(members) != 1:
                raise MattingError(f"the archive {path} holds {len(members)} .pdparams files; it must hold exactly one")
            return archive.extractfile(members[0]).read()  # type: ignore[union-attr]
    except (tarfile.TarError, EOFError, OSError) as error:
        raise MattingError(f"the archive {path} cannot be read ({error}); fetch it again") from None


def write_weights(path: str | Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays (or containers of them) as `.pdparams`, which Paddle reads too; whole or not at all."""
    path = Path(path)
    beside = path.with_name(path.name + ".part")
    with open(beside, "wb") as file:
        pickle.dump(dict(arrays), file, protocol=4)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def load_weights(layer: Layer, source: str | Path) -> None:
    """Put the weights of a file into a network of exactly the same names and shapes.

    Keys that the layer lists as `ignored_keys` may be in the file without being in the network.

    Raises:
        MattingError: anything is missing, left over, or of another shape.
    """
    arrays = read_weights(source)
    missing, unexpected, ill_shaped = _compare(layer, arrays)
    if missing or unexpected or ill_shaped:
        raise MattingError(
            f"the weights {source} do not fit the network {type(layer).__name__}: "
            + "; ".join(filter(None, (
                _listed("missing", missing), _listed("unexpected", unexpected), _listed("of another shape", ill_shaped)
            )))
            + ". Give the configuration that the weights were trained with, or other weights"
        )  # fmt: skip
    layer.set_state_dict(arrays)


def load_pretrained(layer: Layer, source: str) -> None:
    """Start a network, or a part of one, from what fits in a file or behind a URL.

    Where the network takes more than the three channels that the file was trained on, the others start from zero.

    Raises:
        MattingError: nothing fits, a name fits with another shape, or the URL cannot be fetched.
    """
    arrays = read_weights(fetch(source) if "://" in source else source)
    arrays = _widened(layer, arrays)
    missing, unexpected, ill_shaped = _compare(layer, arrays)
    fitting = {key: value for key, value in arrays.items() if key not in unexpected}
    name = type(layer).__name__
    if ill_shaped or not fitting:
        problem = _listed("of another shape", ill_shaped) or "no name agrees"
        raise MattingError(
            f"pretrained: {source} does not fit {name}: {problem}; give other weights or `pretrained: Null`"
        )
    if missing:
        logger.warning("%s starts from %s; %s", name, source, _listed("not in it, so left as they are", missing))
    layer.set_state_dict(fitting)


def _widened(layer: Layer, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give kernels that were trained on RGB the further input channels of the network's stem, with weight zero."""
    own, widened = layer.state_dict(), dict(arrays)
    for key, value in arrays.items():
        shape = tuple(own[key].shape) if key in own else value.shape
        if (
            value.ndim == 4
            and value.shape[1] == 3 < shape[1]
            and value.shape[:1] + value.shape[2:] == shape[:1] + shape[2:]
        ):
            widened[key] = np.zeros(shape, value.dtype)
            widened[key][:, :3] = value
    return widened


def fetch(url: str) -> Path:
    """Return the local copy of a file behind a URL, fetching it into the user's cache once.

    Raises:
        MattingError: it cannot be fetched; the message says how to go on without it.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matting"
    digest = hashlib.sha256(url.encode()).hexdigest()[:12]
    target = cache / f"{digest}-{Path(urllib.parse.urlparse(url).path).name or 'weights'}"
    if target.is_file():
        return target
    beside = target.with_name(f"{target.name}.{os.getpid()}.part")
    try:
        if urllib.parse.urlparse(url).scheme not in ("http", "https"):
            raise ValueError("only http and https are fetched")
        logger.info("fetching %s", url)
        cache.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=30) as response, open(beside, "wb") as file:
            while chunk := response.read(1 << 20):
                file.write(chunk)
        os.replace(beside, target)
    except (OSError, ValueError) as error:
        beside.unlink(missing_ok=True)
        raise MattingError(
            f"pretrained: {url} cannot be fetched ({error}); fetch it elsewhere and give the path of the file, "
            "or go on without it by `pretrained: Null` (--opts model.backbone.pretrained=Null)"
        ) from None
    return target


def _compare(layer: Layer, arrays: Mapping[str, np.ndarray]) -> tuple[list[str], list[str], list[str]]:
    own = layer.state_dict()
    ignored = getattr(layer, "ignored_keys", ())
    missing = [key for key in own if key not in arrays]
    unexpected = [key for key in arrays if key not in own and key not in ignored]
    ill_shaped = [
        f"{key} {list(arrays[key].shape)} for {list(own[key].shape)}"
        for key in own
        if key in arrays and list(arrays[key].shape) != list(own[key].shape)
    ]
    return missing, unexpected, ill_shaped


def _listed(what: str, names: Iterable[str], first: int = 10) -> str:
    names = list(names)
    if not names:
        return ""
    more = ", ..." if len(names) > first else ""
    return f"{len(names)} {what} ({', '.join(names[:first])}{more})"
