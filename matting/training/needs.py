"""Whether training samples hold what the network and its loss read, asked before the first of them is made."""

from __future__ import annotations

from typing import Any

from matting.errors import MattingError


def check_needs(network: Any, criterion: Any, dataset: Any) -> None:
    """Check that samples have the trimap where it is read.

    Args:
        network: its `inputs` are the layers that it takes.
        criterion: its `needs` are the layers beside image and alpha without which it cannot work.
        dataset: its `gives_trimaps` says whether every sample has one; of other data sets than ours nothing is known.

    Raises:
        MattingError: the trimap is read and not given.
    """
    readers = [type(network).__name__] if "trimap" in network.inputs else []
    readers += [type(criterion).__name__] if "trimap" in criterion.needs else []
    if readers and not getattr(dataset, "gives_trimaps", True):
        raise MattingError(
            f"{' and '.join(readers)} cannot train without a trimap, and train_dataset gives none; set get_trimap: "
            "True and keep it out of key_del, or name one for every sample in the list and set listed_trimaps: True"
        )
