"""Pictures as arrays in files and back: what a chip vendor's toolchain takes, and the mattes it gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from matting.errors import MattingError
from matting.pictures.files import quantise, read_image, read_trimap, write_png
from matting.prediction.record import Record
from matting.predictor import Network, Predictor
from matting.sample import PictureFiles
from matting.system import atomic
from matting.system.lines import BLANKS, read_lines
from matting.system.progress_meter import progress
from matting.text import restored, written
from matting.transforms.geometry import undo
from matting.trimap import impose

DATALIST = "datalist.txt"


def pack(predictor: Predictor, jobs: Sequence[PictureFiles], save_dir: Path) -> Path:
    """Write what the network gets of every photograph, `<stem>.npz` with an array an input, and a list of them.

    Returns:
        The list, a file a line, relative to its folder.
    """
    record, lines = Record(save_dir, [path for job in jobs for path in job.paths]), []
    for job in progress(jobs, len(jobs), "image", leave=True):
        name = f"{job.name}.npz"
        inputs = record.claim(job.paths, [name]).paths[name]
        batch, _ = predictor.prepare(read_image(job.image), read_trimap(job.trimap) if job.trimap else None)
        _save(inputs, batch)
        lines.append(written(name) + "\n")
    atomic.write_text(save_dir / DATALIST, "".join(lines))
    return save_dir / DATALIST


def run(network: Network, datalist: Path, save_dir: Path) -> int:
    """Run the network on the files of a list, as `pack` writes it; return how many.

    Of each an `alpha` (1, 1, H, W) is written under the same name.

    Raises:
        MattingError: the list or a file is missing or of another kind, or a result would leave `save_dir`, or replace
            an input or the result of another one; that is seen before anything is written.
    """
    names = [restored(line.strip(BLANKS)) for _, line in read_lines(datalist, "`pack` writes one")]
    record = Record(save_dir, [datalist, *(datalist.parent / name for name in names)])
    results = [record.claim([datalist.parent / name], [name]).paths[name] for name in names]
    for name, result in progress(zip(names, results, strict=True), len(names), "file", leave=True):
        arrays = _load(datalist.parent / name, network.interface.inputs)
        _save(result, {"alpha": network(*arrays.values())["alpha"]})
    return len(names)


def unpack(predictor: Predictor, jobs: Sequence[PictureFiles], results: Path, save_dir: Path) -> int:
    """Turn the `alpha` of `results/<stem>.npz` into mattes at the photographs' own sizes; return how many.

    Raises:
        MattingError: a result is missing or of another size than the network's input.
    """
    record = Record(save_dir, [path for job in jobs for path in job.paths])
    for job in progress(jobs, len(jobs), "image", leave=True):
        name = f"{job.name}.png"
        matte = record.claim(job.paths, [name]).paths[name]
        trimap = read_trimap(job.trimap) if job.trimap else None
        batch, steps = predictor.prepare(read_image(job.image), trimap)
        path = results / f"{job.name}.npz"
        alpha = np.squeeze(_load(path, ("alpha",))["alpha"])
        if alpha.shape != batch["image"].shape[2:]:
            raise MattingError(
                f"{path}: alpha is {alpha.shape}, the network's input {batch['image'].shape[2:]}; give the results of "
                "these pictures, packed with this configuration"
            )
        alpha = undo(alpha.astype(np.float32), steps)
        write_png(matte, quantise(alpha if trimap is None else impose(alpha, trimap)))
    return len(jobs)


def _load(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in names}
    except Exception as error:  # a broken archive or header can fail in any way
        raise MattingError(f"{path} cannot be used ({error}); it must be an .npz with {', '.join(names)}") from None


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with atomic.replacing(path) as beside, open(beside, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
