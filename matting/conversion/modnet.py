"""The names of the MODNet authors' PyTorch checkpoints, and ours for the same parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from matting.conversion.names import Taken, norm_names

_ENCODER = "lr_branch.backbone.model.features"

_UNITS = {
    # our `head.<branch>.<unit>` and theirs; a dash marks a plain convolution, without normalisation
    "lr_branch": ("conv_lr16x", "conv_lr8x", "conv_lr-"),
    "hr_branch": ("tohr_enc2x", "conv_enc2x", "tohr_enc4x", "conv_enc4x", "conv_hr4x.0", "conv_hr4x.1",
                  "conv_hr4x.2", "conv_hr2x.0", "conv_hr2x.1", "conv_hr2x.2", "conv_hr2x.3", "conv_hr.0",
                  "conv_hr.1-"),
    "f_branch": ("conv_lr4x", "conv_f2x", "conv_f.0", "conv_f.1-"),
}  # fmt: skip


def from_torch(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the weights of MODNet with MobileNetV2, in the authors' variant, under our names.

    The two linear layers of their SE block become the 1x1 convolutions that they are.

    Raises:
        MattingError: a parameter is missing, or one is left over that the network has no place for.
    """
    # The encoder stands twice in a checkpoint, under two names for one storage; its classifier is never used.
    taken = Taken(arrays, ignored=("backbone.", "lr_branch.backbone.model.classifier"))
    converted = {ours: taken[theirs] for ours, theirs in names()}
    for ours, value in converted.items():
        if value.ndim == 2:
            converted[ours] = value[:, :, None, None]
    taken.finish("the MODNet authors' network with MobileNetV2")
    return converted


def names() -> Iterator[tuple[str, str]]:
    """Yield (our name, the authors' name) of every parameter and statistic."""
    yield from encoder_names(_ENCODER)
    for index in (0, 2):
        yield f"head.lr_branch.se_block.conv.{index}.weight", f"lr_branch.se_block.fc.{index}.weight"
    for branch, units in _UNITS.items():
        for unit in units:
            at = f"{branch}.{unit.rstrip('-')}.layers"
            for leaf in ("weight", "bias"):
                yield f"head.{at}.0.{leaf}", f"{at}.0.{leaf}"
            if not unit.endswith("-"):
                yield from norm_names(f"head.{at}.1.bnorm", f"{at}.1.bnorm")


def encoder_names(features: str) -> Iterator[tuple[str, str]]:
    """Yield (our name, the authors' name) within their MobileNetV2, whose first block lacks the 1x1 expansion."""
    yield from _unit("backbone.conv1", f"{features}.0", 0)
    number = 1
    for stage, blocks in enumerate((1, 2, 3, 4, 3, 3, 1), start=2):
        for block in range(1, blocks + 1):
            ours = f"backbone.conv{stage}." + ("_first_block" if block == 1 else f"conv{stage}_{block}")
            parts = ["_expand_conv", "_bottleneck_conv", "_linear_conv"][0 if stage > 2 else 1 :]
            for position, part in enumerate(parts):
                yield from _unit(f"{ours}.{part}", f"{features}.{number}.conv", 3 * position)
            number += 1
    yield from _unit("backbone.conv9", f"{features}.{number}", 0)


def _unit(ours: str, theirs: str, at: int) -> Iterator[tuple[str, str]]:
    yield f"{ours}._conv.weight", f"{theirs}.{at}.weight"
    yield from norm_names(f"{ours}._batch_norm", f"{theirs}.{at + 1}")
