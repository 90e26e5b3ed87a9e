"""What every way of running a network has in common: what the network takes and gives, and how it is called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from matting.errors import MattingError

if TYPE_CHECKING:  # the commands read the table beside it, and do not wait for NumPy to show their flags
    import numpy as np


@dataclass(frozen=True)
class Interface:
    """What a network takes and gives, by the names that also stand in the file of an export.

    Attributes:
        inputs: ("image",) or ("image", "trimap").
        stride: height and width must be multiples of this.
        smallest: and not below this.
        size: (height, width) if the network takes no other.
        outputs: "alpha", (N, 1, H, W) in [0, 1], and what it draws besides: "trimap", (N, 3, H, W) probabilities of
            background, unknown, foreground.
    """

    inputs: tuple[str, ...] = ("image",)
    stride: int = 1
    smallest: int = 1
    size: tuple[int, int] | None = None
    outputs: tuple[str, ...] = ("alpha",)

    def check_names(self, file: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Refuse a file that takes other inputs, or lacks an output, as an engine found them in it.

        Raises:
            MattingError: with the names and the rule.
        """
        if sorted(inputs) != sorted(self.inputs) or set(self.outputs) - set(outputs):
            raise MattingError(
                f"{file} takes {', '.join(inputs) or 'nothing'} and gives {', '.join(outputs) or 'nothing'}; it must "
                f"take {', '.join(self.inputs)} and give {', '.join(self.outputs)}; export again"
            )

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


class Network(Protocol):
    """A network as a function on arrays, whatever computes it."""

    interface: Interface

    def __call__(self, *inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Map float32 (N, C, H, W) inputs, in the order of `interface.inputs`, to float32 `interface.outputs`."""
        ...


@contextmanager
def explained(engine: str, file: Path) -> Iterator[None]:
    """Turn what an engine says about a file that it cannot load or run into a sentence.

    Raises:
        MattingError: instead of any other exception but a want of memory; the engines' have no common base.
    """
    try:
        yield
    except (MattingError, MemoryError):
        raise
    except Exception as error:
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise MattingError(f"{engine} cannot run {file}: {reason}; export again, or use another --engine") from None
