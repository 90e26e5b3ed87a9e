"""What an exported network takes and gives: all that an engine has to know besides the file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matting.errors import MattingError


@dataclass(frozen=True)
class Interface:
    """The inputs of an exported network, by the names that stand in its file; its output is named `alpha`.

    Attributes:
        inputs: ("image",) or ("image", "trimap").
        stride: height and width must be multiples of this.
        smallest: and not below this.
        size: (height, width) if the file takes no other.
    """

    inputs: tuple[str, ...]
    stride: int
    smallest: int
    size: tuple[int, int] | None = None

    def check(self, arrays: tuple[np.ndarray, ...]) -> None:
        """Refuse inputs that the network does not take, before an engine says so in its own words.

        Raises:
            MattingError: with the sizes and the rule.
        """
        height, width = arrays[0].shape[2:]
        if self.size and (height, width) != self.size:
            raise MattingError(
                f"this export takes pictures of {self.size[1]}x{self.size[0]} and got {width}x{height}; resize "
                "them, or export without --input_size"
            )
        if height % self.stride or width % self.stride or min(height, width) < self.smallest:
            raise MattingError(
                f"the network got a picture of {width}x{height}; sides must be multiples of {self.stride} and at least "
                f"{self.smallest}"
            )
