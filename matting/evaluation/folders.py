"""Scoring a folder of mattes, whatever made them, against a folder of true ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from matting.errors import MattingError
from matting.evaluation import scoring
from matting.evaluation.collecting import collected
from matting.evaluation.table import Evaluation
from matting.metrics.protocols import Protocol
from matting.pictures.files import image_size, read_alpha, read_image, read_trimap
from matting.pictures.pairing import by_unique_key, partners
from matting.sample import PictureFiles
from matting.system.progress_meter import progress
from matting.text import natural, shortened, sizes_differ

SUFFIXES = ("_alpha", "_matte", "_pred")
"""What a tool may have appended to the name of the photograph; `predict.py` writes NAME_alpha.png."""


@dataclass(frozen=True)
class Pair:
    """The matte to be scored, and the picture that it was made for.

    Attributes:
        files: `matte` is the truth, by whose path below its folder the picture is called.
        prediction: the matte to be scored.
        before: files of the frame before, the matte and the truth; of the first frame of a clip its own.
    """

    files: PictureFiles
    prediction: Path
    before: tuple[Path, Path] | None = None


def find_pairs(alpha: Path, pred: Path, trimap: Path | None = None, image: Path | None = None) -> list[Pair]:
    """Pair files by relative path without the ending: `x/a.png` with `x/a.jpg` or `x/a_alpha.png`.

    Everything is found and every size compared, from the files' headers, before anything is scored. Mattes that have
    no truth are passed over.

    Args:
        alpha: the true mattes; each needs its partner in `pred`, and in `trimap` if given.
        image: the photographs, for the report alone; those missing are left out.

    Raises:
        MattingError: a folder is missing or empty, files have no partner, or sizes differ.
    """
    truths = _below(alpha, "--alpha")
    predictions = _below(pred, "--pred")
    trimaps = _below(trimap, "--trimap") if trimap else {}
    images = _below(image, "--image") if image else {}
    names = [truth.relative_to(alpha) for truth in truths.values()]
    whose, cure = "true mattes", "add them, or give --alpha a folder without those"
    mattes = partners(names, _without_suffix(predictions), f"--pred {pred}", whose, "partner", cure)
    if trimap is not None:
        partners(names, trimaps, f"--trimap {trimap}", whose, "partner", cure)
    pairs = []
    for name, (stem, truth), matte in zip(names, truths.items(), mattes, strict=True):
        photograph = images.get(stem)
        files = PictureFiles(name.as_posix(), photograph or truth, truth if photograph else None, trimaps.get(stem))
        pairs.append(Pair(files, matte))
    _check_sizes(pairs)
    return pairs


def score_folder(
    pairs: Sequence[Pair],
    *,
    protocol: str | Protocol = "default",
    names: Sequence[str] | None = None,
    workers: int = 0,
    with_panels: bool = False,
) -> Evaluation:
    """Score every pair, in processes that read the files themselves.

    Raises:
        MattingError: the protocol counts in trimaps of which some are missing, or a file cannot be used.
    """
    chosen = scoring.choose(protocol, names, frames=True)
    listed = sum(pair.files.trimap is not None for pair in pairs)
    if chosen.needs_trimap and listed < len(pairs):
        raise MattingError(
            f"the protocol {chosen.name} counts in the set's own trimaps; name their folder by --trimap, or choose "
            "the protocol paddleseg, which makes them from the true mattes"
        )
    if chosen.uses_frame_before:
        pairs = in_sequence(pairs)
    tasks = ((pair, chosen, with_panels) for pair in pairs)
    scores = scoring.run(_score_pair, tasks, workers)
    return collected(progress(scores, len(pairs), "image", "scoring"), chosen, listed)


def in_sequence(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs with what was before each: the frames of a folder are a clip, in the order of their numbers.

    Raises:
        MattingError: frames of one folder are of different sizes.
    """
    ordered = sorted(pairs, key=lambda pair: (_clip(pair).as_posix(), natural(pair.files.name)))
    found: list[Pair] = []
    for pair in ordered:
        last = found[-1] if found and _clip(found[-1]) == _clip(pair) else pair
        before, now = last.files.matte, pair.files.matte
        if image_size(before) != image_size(now):
            raise MattingError(
                sizes_differ(before, image_size(before), now, image_size(now))
                + "; the frames of a folder are those of a clip: give every clip a folder of its own"
            )
        found.append(replace(pair, before=(last.prediction, before)))
    return found


def _clip(pair: Pair) -> Path:
    return Path(pair.files.name).parent


def _score_pair(task: tuple[Pair, Protocol, bool]) -> scoring.Score:
    pair, protocol, with_panels = task
    files = pair.files
    truth = read_alpha(files.matte)
    trimap = read_trimap(files.trimap) if files.trimap and protocol.uses_trimap else None
    image = read_image(files.image) if with_panels and files.alpha else None
    if image is not None and image.shape[:2] != truth.shape:
        raise MattingError(sizes_differ(files.image, image.shape, files.matte, truth.shape) + "; they must agree")
    matte, links = read_alpha(pair.prediction), scoring.links(files, pair.prediction)
    before = (read_alpha(pair.before[0]), read_alpha(pair.before[1])) if pair.before else None
    job = scoring.Job(files.name, matte, truth, trimap, protocol, image, links, with_panels, before)
    return scoring.score(job)


def _below(folder: Path, flag: str) -> dict[str, Path]:
    """Return the pictures below a folder by relative path without the ending."""
    if not folder.is_dir():
        raise MattingError(f"{flag} {folder} is no folder; name one that holds the files")
    pictures = by_unique_key(folder, flag)
    if not pictures:
        raise MattingError(f"{flag} {folder} holds no picture; name another folder")
    return pictures


def _without_suffix(predictions: dict[str, Path]) -> dict[str, Path]:
    """Return mattes by what their names may stand for: `x/a_alpha` for itself, or else for `x/a`."""
    stripped = {
        stem.removesuffix(suffix): path
        for suffix in reversed(SUFFIXES)
        for stem, path in predictions.items()
        if stem.endswith(suffix)
    }
    return stripped | predictions


def _check_sizes(pairs: Sequence[Pair]) -> None:
    wrong = []
    for pair in pairs:
        truth = pair.files.matte
        size = image_size(truth)
        for path in (pair.prediction, pair.files.trimap):
            if path is not None and image_size(path) != size:
                wrong.append(sizes_differ(path, image_size(path), truth, size))
    if wrong:
        raise MattingError(
            f"{len(wrong)} files are of another size than the truth: {shortened(wrong)}; a matte is scored at the size "
            "of the truth: bring it there as it is meant to be used"
        )
