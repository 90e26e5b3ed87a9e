"""One import for programs built on PaddleSeg: `import matting.plugin` publishes every part in PaddleSeg's managers.

Afterwards PaddleSeg's own `Config` and `SegBuilder` make the networks, losses and data sets of a matting configuration.
Nothing of PaddleSeg's is replaced. Names that PaddleSeg uses itself stay its own: of its backbones HRNet_W18,
HRNet_W48, ResNet50_vd and STDC1, and of its transforms, the networks and data sets here take the settings and weights
that they were given.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import paddle
from paddleseg.cvlibs import manager
from paddleseg.models.backbones.hrnet import HRNet
from paddleseg.models.backbones.resnet_vd import ResNet_vd
from paddleseg.models.backbones.stdcnet import STDCNet

from matting.datasets.matting_dataset import MattingDataset
from matting.errors import MattingError
from matting.models.backbones import STDC1, HRNet_W18, HRNet_W48, ResNet50_vd
from matting.registry import BACKBONES, LOSSES, MODELS, TRANSFORMS, Registry, nearest

for _room in ("models", "losses", "datasets", "transforms"):
    importlib.import_module(f"matting.{_room}")  # their components register themselves

_OURS = {HRNet: (HRNet_W18, HRNet_W48), ResNet_vd: (ResNet50_vd,), STDCNet: (STDC1,)}
"""PaddleSeg's backbones that do not promise what the networks need, and the classes here with the same layers."""


def publish() -> None:
    """Put what PaddleSeg has no name of its own for into its managers; a second call changes nothing."""
    for name in MODELS:
        _add(manager.MODELS, name, _model(MODELS[name]))
    _add_free(manager.BACKBONES, BACKBONES)
    _add_free(manager.TRANSFORMS, TRANSFORMS)
    for name in LOSSES:
        _add(manager.LOSSES, name, _loss(LOSSES[name]))
    _add(manager.DATASETS, MattingDataset.__name__, _DataSet)


def _add_free(theirs: Any, ours: Registry) -> None:
    for name in ours:
        if name not in theirs.components_dict:
            _add(theirs, name, ours[name])


def _add(theirs: Any, name: str, component: Callable[..., Any]) -> None:
    known = theirs.components_dict.get(name)
    if known is None:
        theirs.add_component(component)
    elif not known.__module__.startswith(__name__.partition(".")[0]):
        raise MattingError(f"the name {name} is taken among PaddleSeg's {theirs.name}; another plugin registered it")


def _named(component: Any, original: Any) -> Any:
    """Give a component the name under which it is published."""
    component.__name__ = component.__qualname__ = original.__name__
    component.__doc__ = original.__doc__
    return component


def _model(model: Any) -> Any:
    """Return a network's class that takes what PaddleSeg's builder adds, and PaddleSeg's backbones."""

    class Published(model):
        def __init__(self, backbone: paddle.nn.Layer, num_classes: int = 1, **options: Any) -> None:
            super().__init__(backbone=adopted(backbone), **options)

    return _named(Published, model)


def _loss(loss: Any) -> Any:
    class Published(loss):
        def __init__(self, ignore_index: int = 255, **options: Any) -> None:
            super().__init__(**options)

    return _named(Published, loss)


def adopted(backbone: paddle.nn.Layer) -> paddle.nn.Layer:
    """Return a backbone that gives the five maps at strides 2 to 32: itself, or ours with the weights of PaddleSeg's.

    Raises:
        MattingError: it is one of PaddleSeg's that has no counterpart here.
    """
    ours: tuple[Any, ...] = next((own for theirs, own in _OURS.items() if isinstance(backbone, theirs)), ())
    if not ours or isinstance(backbone, ours):
        return backbone
    state = backbone.state_dict()
    channels = next(iter(state.values())).shape[1]
    for own in ours:
        twin = own(in_channels=channels)
        if {key: value.shape for key, value in twin.state_dict().items()} == {k: v.shape for k, v in state.items()}:
            twin.set_state_dict(state)
            return twin
    names = " and ".join(own.__name__ for own in ours)
    raise MattingError(f"the backbone is PaddleSeg's, of other layers than {names}; use one of these")


class _DataSet(MattingDataset):
    """See `matting.datasets.MattingDataset`; the constants are what PaddleSeg's builder asks of a data set."""

    NUM_CLASSES = 1
    IMG_CHANNELS = 3
    IGNORE_INDEX = 255

    def __init__(self, transforms: Sequence[Any], **options: Any) -> None:
        super().__init__(transforms=[_transform(transform) for transform in transforms], **options)


_named(_DataSet, MattingDataset)


def _transform(given: Any) -> Any:
    """Return the transform here of the same name and settings as one of PaddleSeg's, which knows no alpha."""
    name = type(given).__name__
    if not type(given).__module__.startswith("paddleseg."):
        return given
    if name not in TRANSFORMS:
        raise MattingError(
            f"PaddleSeg's {name} knows no alpha, and there is none here; {nearest(name, list(TRANSFORMS))}"
        )
    ours = TRANSFORMS[name]
    taken = inspect.signature(ours).parameters
    for key, parameter in inspect.signature(type(given)).parameters.items():
        if key not in taken and key != "label_padding_value" and getattr(given, key, None) != parameter.default:
            raise MattingError(f"{name}: {key} of PaddleSeg's is not among what it takes here, {', '.join(taken)}")
    return ours(**{key: _triple(key, getattr(given, key)) for key in taken if key in vars(given)})


def _triple(key: str, value: Any) -> Any:
    """Return one number a channel where PaddleSeg gives one for all."""
    if key not in ("mean", "std", "im_padding_value"):
        return value
    values = np.ravel(value).tolist()
    return values * 3 if len(values) == 1 else values


publish()
