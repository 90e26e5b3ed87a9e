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
            background, unknown, foreground; "foreground", (N, 3, H, W) RGB in [0, 1], its own colours.
        states: what a recurrent network remembers from frame to frame. It takes them behind its inputs and gives each
            as `next_` and its name.
    """

    inputs: tuple[str, ...] = ("image",)
    stride: int = 1
    smallest: int = 1
    size: tuple[int, int] | None = None
    outputs: tuple[str, ...] = ("alpha",)
    states: tuple[str, ...] = ()

    @property
    def takes(self) -> tuple[str, ...]:
        """Everything that goes in, in order: inputs, then states."""
        return (*self.inputs, *self.states)

    @property
    def gives(self) -> tuple[str, ...]:
        """Everything that comes out, in order: outputs, then the states for the next frame."""
        return (*self.outputs, *(f"next_{name}" for name in self.states))

    def check_names(self, file: Path, inputs: Sequence[str], outputs: Sequence[str]) -> None:
        """Refuse a file that takes other inputs, or lacks an output, as an engine found them in it.

        Raises:
            MattingError: with the names and the rule.
        """
        if sorted(inputs) != sorted(self.takes) or set(self.gives) - set(outputs):
            raise MattingError(
                f"{file} takes {', '.join(inputs) or 'nothing'} and gives {', '.join(outputs) or 'nothing'}; it must "
                f"take {', '.join(self.takes)} and give {', '.join(self.gives)}; export again"
            )

    def completed(self, arrays: tuple[np.ndarray, ...]) -> dict[str, np.ndarray]:
        """Return what a network is called with by name: for a first frame, which comes without states, with empty ones.

        Raises:
            MattingError: the network does not take inputs of this size.
        """
        import numpy as np

        self.check(arrays)
        if len(arrays) == len(self.inputs):
            arrays += (np.zeros((len(arrays[0]), 1, 1, 1), np.float32),) * len(self.states)
        return dict(zip(self.takes, arrays, strict=True))

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
        """Map float32 (N, C, H, W) inputs, in the order of `interface.takes`, to float32 `interface.gives`.

        Without its states a recurrent network sees a first frame.
        """
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
