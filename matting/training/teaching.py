"""Learning without labels: photographs get the mattes of a trained network, made once, as their truth."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matting.builder import section
from matting.deployment.description import DESCRIPTION
from matting.deployment.loading import Runtime, configuration, make_predictor
from matting.errors import MattingError
from matting.prediction.jobs import find_jobs
from matting.prediction.outputs import Outputs
from matting.prediction.pipeline import predict
from matting.prediction.provenance import made_with
from matting.system import atomic, exchange

logger = logging.getLogger(__name__)

FOLDER = "taught"
"""Below the folder of a run: the teacher's mattes, and the list of photographs with them."""

_LIST = "train.txt"


def taught(values: Mapping[str, Any], teacher: str, save_dir: Path, device_name: str = "auto") -> dict[str, Any]:
    """Return a configuration that trains on a teacher's mattes (soft alpha as target: Hinton et al., arXiv 1503.02531).

    The mattes are made before training, at the photographs' size and by the teacher's own transforms, and lie in
    `save_dir`; those that are there already, of these photographs by this teacher, are taken as they are. A photograph
    that cannot be used is named in the log and left out.

    Args:
        values: its `train_dataset.train_file` names photographs, one a line (or a folder of them), without `alpha`.
        teacher: a published name, a checkpoint folder, or another source that states its configuration, or an export.

    Raises:
        MattingError: the teacher cannot be used or needs a trimap, or no photograph can.
    """
    spec, folder = dict(section(values, "train_dataset")), save_dir / FOLDER
    if exchange.rank() == 0:
        files = spec.get("train_file")
        if not files:
            raise MattingError("--teacher needs train_dataset.train_file: a list of photographs, or a folder of them")
        sources = [Path(spec.get("dataset_root", "."), file) for file in ([files] if isinstance(files, str) else files)]
        _write_list(_mattes(sources, teacher, folder, device_name), folder)
    exchange.wait_for_all()
    spec |= {"dataset_root": str(folder), "train_file": _LIST, "mode": "train", "separator": "\t"}
    return {**values, "train_dataset": {**spec, "allow_outside": True}}


def _mattes(sources: list[Path], teacher: str, folder: Path, device_name: str) -> dict[Path, Path]:
    """Have the teacher matte all photographs; return the matte of each, by its path."""
    values, runtime, outputs = configuration(teacher), Runtime(device=device_name), Outputs(("alpha",))
    if values is None and not (Path(teacher) / DESCRIPTION).is_file():
        raise MattingError(f"--teacher {teacher} states no configuration; name a checkpoint folder or an export")
    predictor = make_predictor(values, teacher, runtime)
    if predictor.takes_trimap:
        raise MattingError(f"--teacher {teacher} needs a trimap, which photographs alone do not have; name another one")
    mattes: dict[Path, Path] = {}
    for number, source in enumerate(sources):
        below = folder / str(number)
        jobs = find_jobs(source, save_dir=folder)
        made = made_with(values, teacher, runtime)
        done = predict(predictor, jobs, below, 1, outputs, skip_existing=True, made_with=made)
        logger.info("%s taught %d photographs of %s, %d before", teacher, done.written, source, done.skipped)
        own = {job.image: outputs.paths(below / job.name)["alpha"] for job in jobs}
        mattes |= {image: matte for image, matte in own.items() if matte.is_file()}
    if not mattes:
        raise MattingError(f"--teacher {teacher} could cut out none of the photographs; the log says why")
    return mattes


def _write_list(mattes: Mapping[Path, Path], folder: Path) -> None:
    lines = (f"{image.resolve()}\talpha={matte.resolve()}" for image, matte in mattes.items())
    atomic.write_text(folder / _LIST, "\n".join(lines) + "\n")
