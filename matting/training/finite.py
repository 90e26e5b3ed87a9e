"""A loss that is not finite ends a run, with what is wrong and where to go on from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from matting.errors import MattingError
from matting.training import checkpoint


def check_finite(terms: Mapping[str, float], progress: checkpoint.Progress, save_dir: Path) -> None:
    """Check the loss terms of an iteration; raises MattingError that names the wrong ones and the last checkpoint."""
    wrong = ", ".join(f"{name}={value}" for name, value in terms.items() if not math.isfinite(value))
    if not wrong:
        return
    saved = checkpoint.own(save_dir, progress)
    kept = f"the last good checkpoint is {saved[-1]}" if saved else "no checkpoint had been saved yet"
    raise MattingError(
        f"iteration {progress.iteration}: the loss is not finite ({wrong}); {kept}. Lower --learning_rate, add "
        "warmup_iters to lr_scheduler, or check the data"
    )
