"""What all converters share: the leaves of a batch norm in both worlds, and the account of what was taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from matting.errors import MattingError

_NORM_LEAVES = {"weight": "weight", "bias": "bias", "_mean": "running_mean", "_variance": "running_var"}


def norm_names(ours: str, theirs: str) -> Iterator[tuple[str, str]]:
    """Yield (our name, PyTorch's name) of a batch norm's parameters and statistics."""
    for leaf, their_leaf in _NORM_LEAVES.items():
        yield f"{ours}.{leaf}", f"{theirs}.{their_leaf}"


class Taken:
    """The arrays of a checkpoint, with a record of which were asked for.

    Args:
        arrays: by the checkpoint's names.
        ignored: prefixes of what may stay behind; PyTorch's counters of batches always may.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], ignored: tuple[str, ...] = ()) -> None:
        self._arrays = arrays
        self._left = {
            key for key in arrays if not key.endswith("num_batches_tracked") and not key.startswith(ignored or "\0")
        }

    def __getitem__(self, name: str) -> np.ndarray:
        """Return an array in float32.

        Raises:
            MattingError: the checkpoint lacks it.
        """
        if name not in self._arrays:
            raise MattingError(
                f"the checkpoint has no {name}, so it is of another network; its {len(self._arrays)} names begin with "
                + ", ".join(sorted({key.partition(".")[0] for key in self._arrays})[:8])
            )
        self._left.discard(name)
        return self._arrays[name].astype(np.float32)

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def left(self) -> list[str]:
        """Return the names that nobody asked for."""
        return sorted(self._left)

    def finish(self, network: str) -> None:
        """Check that nothing was left behind.

        Raises:
            MattingError: something was.
        """
        if self._left:
            raise MattingError(
                f"the checkpoint holds {len(self._left)} arrays that {network} has no place for "
                f"({', '.join(self.left()[:10])}); it is of another network"
            )
