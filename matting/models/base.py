"""What every network promises: what it takes and gives, of which sizes, its usual loss, and which keys it ignores."""

from __future__ import annotations

from paddle import nn

from matting.engines.network import Interface


class MattingModel(nn.Layer):
    """A network from a photograph, and for some a trimap, to its matte.

    `forward(image, trimap=None)` takes float32 (N, C, H, W) and returns a mapping that always holds `alpha`
    (N, 1, H, W); in evaluation mode everything named by `outputs`, while training also what its loss needs. It never
    sees the truth and computes no loss. State that outlives a call is an input and an output, not an attribute.

    Attributes:
        inputs: the layers of a sample that `forward` takes, in its order.
        outputs: what it gives in evaluation mode; see `Interface`.
        stride: height and width must be multiples of this.
        smallest: and not below this.
        default_loss: the criterion that a configuration without `loss:` gets.
        ignored_keys: names that published weights carry along without being of this network.
        jumps: whether the last digit of a map can move alpha at once, so that engines agree on average only.
    """

    inputs: tuple[str, ...] = ("image",)
    outputs: tuple[str, ...] = ("alpha",)
    stride: int = 32
    smallest: int = 32
    default_loss: str
    ignored_keys: tuple[str, ...] = ()
    jumps: bool = False

    @property
    def interface(self) -> Interface:
        """What an engine has to know of this network."""
        return Interface(self.inputs, self.stride, self.smallest, outputs=self.outputs)
