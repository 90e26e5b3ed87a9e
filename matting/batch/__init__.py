"""Pictures without number cut out on many processors and machines, from and to any storage, each exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matting.weights.published import DEFAULT

if TYPE_CHECKING:
    from matting.batch.plan import Plan, Report
    from matting.prediction.outputs import Outputs


def run(
    input: str | Path,
    output: str | Path,
    weights: str | Path = DEFAULT,
    *,
    kinds: Sequence[str] = ("rgba",),
    outputs: Outputs | None = None,
    plan: Plan | None = None,
    **options: Any,
) -> Report:
    """Cut out everything that `input` names into `output`; a second call goes on where the first was stopped.

    Args:
        input: a folder, a manifest (.txt, .csv, .parquet) or a .tar, local or as fsspec's URLs (`s3://bucket/photos`).
        output: a folder or such a URL.
        weights: as for `matting.load`, the same on every machine.
        kinds: of `outputs.KINDS`, where nothing but the kinds is chosen.
        outputs: all that can be chosen of results; its pattern is used as it stands.
        plan: how the work is shared; on this machine, with Ray started for it, if not given.
        options: of `matting.load`, the same on every machine.

    Raises:
        MattingError: something cannot be used, the limit of failures is passed, or another run holds the output.

    Example:
        >>> matting.batch.run("s3://photos/2026", "s3://cutouts/2026")  # doctest: +SKIP
    """
    from matting.batch.extra import require

    require()
    from matting.batch.opening import Opening
    from matting.batch.plan import Plan
    from matting.batch.running import cut_out
    from matting.prediction.outputs import Outputs

    chosen = outputs or Outputs(kinds, pattern=pattern_of(kinds))
    return cut_out(str(input), str(output), chosen, Opening(str(weights), options), plan or Plan())


def pattern_of(kinds: Sequence[str]) -> str:
    """Return what results are called by default: as by `matting cut`."""
    return "{stem}_cutout.{ext}" if len(kinds) == 1 else "{stem}_{kind}.{ext}"
