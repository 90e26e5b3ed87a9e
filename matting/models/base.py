"""What every network promises: what it takes and gives, of which sizes, its usual loss, and which keys it ignores."""

from __future__ import annotations

from paddle import nn

from matting.engines.network import Interface
from matting.errors import MattingError
from matting.models.backbones.base import FIVE, Backbone


class MattingModel(nn.Layer):
    """A network from a photograph, and for some a trimap, to its matte.

    `forward(image, trimap=None)` takes float32 (N, C, H, W) and returns a mapping that always holds `alpha`
    (N, 1, H, W); in evaluation mode everything named by `outputs`, while training also what its loss needs. It never
    sees the truth and computes no loss. State that outlives a call is an input and an output, not an attribute: a
    network with `states` takes them behind its inputs, or none of them, and returns each as `next_` and its name.

    Attributes:
        inputs: the layers of a sample that `forward` takes, in its order.
        outputs: what it gives in evaluation mode; see `Interface`.
        states: what it remembers from frame to frame; see `Interface`.
        stride: height and width must be multiples of this.
        smallest: and not below this.
        default_loss: the criterion that a configuration without `loss:` gets; None if it is for prediction alone.
        ignored_keys: names that published weights carry along without being of this network.
        map_strides: of a backbone's maps, each of the sets that it can work with.
        unread_maps: places of maps that it does not look at, so that what leads to them alone never learns.
        in_channels: that its backbone takes.
        jumps: whether the last digit of a map can move alpha at once, so that engines agree on average only.
    """

    inputs: tuple[str, ...] = ("image",)
    outputs: tuple[str, ...] = ("alpha",)
    states: tuple[str, ...] = ()
    stride: int = 32
    smallest: int = 32
    default_loss: str | None
    ignored_keys: tuple[str, ...] = ()
    map_strides: tuple[tuple[int, ...], ...] = (FIVE,)
    unread_maps: tuple[int, ...] = ()
    in_channels: int = 3
    jumps: bool = False

    def __init__(self, backbone: nn.Layer | None = None) -> None:
        """Take a backbone, if the network has one.

        Raises:
            MattingError: it does not say what it promises, or its maps or input are not those that this network needs.
        """
        super().__init__()
        if backbone is not None:
            self._check_backbone(backbone)
            self.backbone = backbone

    @property
    def interface(self) -> Interface:
        """What an engine has to know of this network."""
        return Interface(self.inputs, self.stride, self.smallest, outputs=self.outputs, states=self.states)

    def _check_backbone(self, backbone: nn.Layer) -> None:
        name, given = type(self).__name__, type(backbone).__name__
        if not isinstance(backbone, Backbone):
            raise MattingError(
                f"the backbone of {name}, a {given}, does not state in_channels, feat_channels and strides; use one of "
                "this package, or let it state them"
            )
        if tuple(backbone.strides) not in self.map_strides:
            needed = " or ".join(", ".join(map(str, strides)) for strides in self.map_strides)
            raise MattingError(
                f"the maps of this {given} are at strides {', '.join(map(str, backbone.strides))}; {name} needs them "
                f"at {needed}: set another model.backbone, or its options so"
            )
        if backbone.in_channels != self.in_channels:
            raise MattingError(
                f"the backbone of {name} takes {backbone.in_channels} channels; it must take {self.in_channels}, "
                f"{' and '.join(self.inputs)}: set model.backbone.in_channels to {self.in_channels}"
            )
