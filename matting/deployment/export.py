"""A network as files for other programs: Paddle's static program and ONNX, each verified against the network itself."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import paddle

from matting import builder, weights
from matting.builder import section
from matting.deployment.description import Deployment, put_into_place
from matting.engines import FILES, PARAMETERS, Interface, Network, installed, open_engine, paddle_file
from matting.engines.dynamic import DynamicNetwork
from matting.engines.trial import trial_inputs
from matting.errors import MattingError, UnwritableError
from matting.registry import TRANSFORMS
from matting.system import atomic
from matting.system.digest import sha256
from matting.system.filling import filling, remove_abandoned
from matting.text import is_utf8
from matting.transforms import resize
from matting.weights.trained import load_trained

logger = logging.getLogger(__name__)

TOLERANCE = 1e-4
"""How far an exported alpha may lie from the exact one."""

MEAN_TOLERANCE = 5e-4
"""The same on average, for networks that jump: an eighth of a level of 255."""

_OPSET = 17


@dataclass(frozen=True)
class Exported:
    """Where an export lies, and how far its answers are from the exact ones by engine (`verify`).

    Attributes:
        average: whether differences are the mean over all pixels, not the largest.
    """

    folder: Path
    differences: dict[str, float]
    average: bool = False


class _Outputs(paddle.nn.Layer):
    """A network reduced to what its interface names, in that order."""

    def __init__(self, network: paddle.nn.Layer) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: list[paddle.Tensor]) -> list[paddle.Tensor]:  # no *inputs: they cannot be traced
        outputs = self.network(*inputs)
        return [outputs[name] for name in self.network.interface.gives]


def export(
    values: Mapping[str, Any],
    model_path: str | Path,
    folder: Path,
    size: tuple[int, int] | None = None,
    partial: bool = False,
) -> Exported:
    """Export what a configuration and weights describe; the folder appears when every engine agrees, or not at all.

    Args:
        size: (height, width) of the only input that the files shall take; photographs are then brought to exactly this.
            None leaves height and width free. The batch is free in both cases.
        partial: take weights that fit in part only.

    Raises:
        MattingError: the weights do not fit, the converter is not installed, the folder holds something else, or an
            engine's alpha is farther off than `verify` allows.
    """
    target = _checked(folder)
    builder.check(values)
    file = weights.weights_file(weights.located(model_path))
    network = builder.model(values, pretrained=False)
    load_trained(network, file, values, partial)
    network.eval()
    interface = replace(network.interface, size=size)
    _check_input_size(interface)
    spec = section(values, "model")
    backbone = (spec.get("backbone") or {}).get("type")
    described = Deployment(
        f"{spec['type']} ({backbone})" if backbone else spec["type"],
        interface,
        _fixed(section(values, "val_dataset").get("transforms") or [], size),
        sha256(file),
    )
    with filling(target, inside=target.is_dir()) as beside:
        _write_paddle(network, interface, beside)
        _write_onnx(beside, described)
        described.write(beside)
        differences = verify(network, beside, interface)
        put_into_place(beside, target)
    return Exported(folder, differences, network.jumps)


def verify(network: paddle.nn.Layer, folder: Path, interface: Interface) -> dict[str, float]:
    """Return by engine how far its answers are from what the network computes in float64, on noise and on a picture.

    "dynamic" is the network in float32 as Paddle runs it, which can be farther off than the engines: on large maps its
    instance norms lose digits. The largest difference counts; for networks that jump, where any engine's rounding, and
    Paddle's own from run to run, sends a few values elsewhere, it is the mean. The network is left in float64.

    Raises:
        MattingError: an engine is farther off than `TOLERANCE`, or on average `MEAN_TOLERANCE`, and than five times
            what Paddle itself is (untrained networks amplify rounding).
    """
    inputs = trial_inputs(interface)
    found = {"dynamic": _answers(DynamicNetwork(network), inputs)}
    for name in installed():
        engine = open_engine(folder, interface, name)
        found[name] = _answers(engine, inputs)
    network.to(dtype="float64")
    exact = _answers(_Exact(network), inputs)
    jumps = network.jumps
    distance = np.mean if jumps else np.max
    differences = {
        # NumPy's maximum: Python's would pass over what is no number.
        name: float(np.max([distance(np.abs(answer - truth)) for answer, truth in zip(answers, exact, strict=True)]))
        for name, answers in found.items()
    }
    bound = max(MEAN_TOLERANCE if jumps else TOLERANCE, 5 * differences["dynamic"])
    for name, difference in differences.items():
        if not difference <= bound:
            raise MattingError(
                f"the exported network is {difference:.2e} off in {name}, more than {bound:.1e}; nothing was exported"
            )
    return differences


class _Exact:
    """A network of float64 as a function on arrays."""

    def __init__(self, network: paddle.nn.Layer) -> None:
        self.network, self.interface = network, network.interface

    def __call__(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        with paddle.no_grad():
            outputs = self.network(*(paddle.to_tensor(array, "float64") for array in inputs))
        return {name: outputs[name].numpy() for name in self.interface.gives}


def _answers(network: Network, inputs: list[tuple[np.ndarray, ...]]) -> list[np.ndarray]:
    """Return all that a network draws, alpha among it: of two frames in turn, if it has a memory."""
    interface, answers = network.interface, []
    for arrays in inputs:
        outputs = network(*arrays)
        answers += [outputs[name] for name in interface.outputs]
        if interface.states:
            states = [outputs[name] for name in interface.gives[len(interface.outputs) :]]
            outputs = network(*(np.roll(array, 5, axis=3) for array in arrays), *states)
            answers += [outputs[name] for name in interface.outputs]
    return answers


def _write_paddle(network: paddle.nn.Layer, interface: Interface, folder: Path) -> None:
    sides = interface.size or (None, None)
    shapes = {"image": [None, 3, *sides], "trimap": [None, 1, *sides]}
    specs = [paddle.static.InputSpec(shapes.get(name, [None] * 4), "float32", name) for name in interface.takes]
    reduced = _Outputs(network)
    reduced.eval()
    traced = paddle.jit.to_static(reduced, input_spec=[specs], full_graph=True)
    paddle.jit.save(traced, str(folder / "model"))
    try:
        paddle_file.check(folder / FILES["paddle"], folder / PARAMETERS)
    except MattingError as error:  # where room runs out Paddle says nothing
        raise UnwritableError(f"{folder} cannot be written ({error}); make room, or choose another folder") from None


def _write_onnx(folder: Path, described: Deployment) -> None:
    try:
        import paddle2onnx

        from matting.deployment import onnx_graph
    except ImportError as error:
        raise MattingError(
            f"exporting needs {error.name}; pip install 'onnx==1.17.0' 'paddle2onnx==2.1.0', with Python 3.11 or 3.12"
        ) from None
    program, parameters = folder / FILES["paddle"], folder / PARAMETERS
    # Its own constant folding would install packages by itself.
    with _quiet():
        content = paddle2onnx.export(str(program), str(parameters), None, opset_version=_OPSET, optimize_tool="none")
    (folder / FILES["onnx"]).write_bytes(onnx_graph.finish(content, described.interface, described.model))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what compiled code reports off the terminal; what goes wrong is raised all the same."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _fixed(transforms: list[dict[str, Any]], size: tuple[int, int] | None) -> list[dict[str, Any]]:
    """Return the transforms of a photograph; for a fixed size one that gives it replaces the resizing ones."""
    specs = [dict(spec) for spec in transforms]
    if size is None:
        return specs
    kept = [spec for spec in specs if not _resizes(spec["type"])]
    return [{"type": "Resize", "target_size": [size[1], size[0]]}, *kept]


def _resizes(name: str) -> bool:
    return name == "Padding" or TRANSFORMS[name].__module__ == resize.__name__


def _check_input_size(interface: Interface) -> None:
    if interface.size:
        # Asked of the interface itself, so that an export and its engine say the same.
        interface.check((np.empty((1, 3, *interface.size), np.float32),))


def _checked(folder: Path) -> Path:
    """Return where an export goes, with links followed; an empty folder that is there is filled, and not replaced."""
    if not is_utf8(folder):
        raise MattingError(f"--save_dir {folder} is not UTF-8, and Paddle writes to no other names; choose another")
    with atomic.explained(folder):
        try:
            target = folder.resolve()
        except RuntimeError:  # so Python calls a circle of links
            raise MattingError(f"{folder} is a circle of links; give another --save_dir") from None
        if target.is_dir():
            remove_abandoned(target, target.name)
            if any(target.iterdir()):
                raise MattingError(f"{folder} holds something already; remove it, or give another --save_dir")
        elif target.exists():
            raise MattingError(f"{folder} is no folder; give another --save_dir")
        target.parent.mkdir(parents=True, exist_ok=True)
    return target
