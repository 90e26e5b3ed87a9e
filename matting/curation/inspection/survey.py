"""Inspecting a whole data set: every file read once, then what only shows between files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matting.curation.inspection.duplicates import find_duplicates
from matting.curation.inspection.findings import ERROR, WARNING, Finding, Remark
from matting.curation.inspection.reading import Seen, read_and_check
from matting.curation.inspection.subjects import Subject
from matting.pictures.listing import list_images
from matting.system.prefetching import read_ahead
from matting.system.progress_meter import progress


@dataclass
class Inspection:
    """All findings, and the numbers of the set as a whole.

    Attributes:
        photographs: how many different ones there are.
        sizes: (height, width) of each that could be read.
        depths: how many mattes of each depth.
    """

    subjects: list[Subject]
    findings: list[Finding] = field(default_factory=list)
    photographs: int = 0
    sizes: list[tuple[int, int]] = field(default_factory=list)
    depths: Counter[str] = field(default_factory=Counter)

    def count(self, severity: str) -> int:
        return sum(finding.remark.severity == severity for finding in self.findings)


def inspect(subjects: Sequence[Subject], alone: Sequence[str] = (), num_workers: int = 0) -> Inspection:
    """Read and check all files of the subjects; what cannot be read is a finding, not an end.

    Args:
        alone: files of folders that have no partner, as `path: reason`.
        num_workers: threads beside this one.
    """
    result = Inspection(list(subjects))
    # A foreground of a hundred composites is read and checked once.
    first: dict[Path, Subject] = {}
    work = [(subject, first.setdefault(subject.files.image, subject) is subject) for subject in subjects]
    result.photographs = len(first)
    seen = read_ahead(lambda item: read_and_check(item[0].files, item[1]), work, num_workers)
    shown = progress(seen, len(work), "photograph", "checking")
    readable: list[tuple[Subject, Seen]] = []
    for subject, one in zip(subjects, shown, strict=True):
        result.findings += one.findings
        if one.size is not None:
            result.sizes.append(one.size)
            readable.append((subject, one))
        if one.depth:
            result.depths[one.depth] += 1
    result.findings += _repeated(subjects)
    result.findings += _alike(readable)
    result.findings += _beside(subjects)
    for line in alone:
        file, _, reason = line.rpartition(": ")
        result.findings.append(Finding(Remark(WARNING, "no partner", reason), Path(file).parent.name, file))
    return result


def _repeated(subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Find lines that are the same twice, and photographs that two splits share."""
    lines: dict[tuple, Subject] = {}
    splits: dict[Path, Subject] = {}
    for subject in subjects:
        before = splits.setdefault(subject.files.image, subject)
        if before.split != subject.split:
            remark = Remark(ERROR, "in two splits", f"{before.files.where} has it too: what is tested was trained on")
            yield Finding(remark, subject.files.where, str(subject.files.image))
            continue
        line = subject.files.image, subject.files.background, subject.files.trimap
        if lines.setdefault(line, subject) is not subject:
            remark = Remark(WARNING, "listed twice", f"{lines[line].files.where} is the same")
            yield Finding(remark, subject.files.where, str(subject.files.image))


def _alike(readable: Sequence[tuple[Subject, Seen]]) -> Iterator[Finding]:
    """Find different files that show the same picture: an error across splits, a warning within one."""
    codes = [seen.code for _, seen in readable if seen.code is not None]
    thumbnails = [seen.thumbnail for _, seen in readable if seen.thumbnail is not None]
    for earlier, later in find_duplicates(codes, thumbnails):
        one, other = readable[earlier][0], readable[later][0]
        across = one.split != other.split
        remark = Remark(
            ERROR if across else WARNING,
            "duplicate across splits" if across else "duplicate",
            f"shows the same as {one.files.image} ({one.files.where})",
        )
        yield Finding(remark, other.files.where, str(other.files.image))


def _beside(subjects: Sequence[Subject]) -> Iterator[Finding]:
    """Find pictures in the folders of the listed ones that no list names, one finding a folder."""
    for role in ("image", "alpha"):
        named = {path for subject in subjects if (path := getattr(subject.files, role)) is not None}
        for folder in sorted({path.parent for path in named}):
            pictures = list_images(folder, recursive=False) if folder.is_dir() else []
            unlisted = [path for path in pictures if path not in named]
            if unlisted:
                detail = f"{len(unlisted)} pictures are in no list given, the first is {unlisted[0].name}"
                yield Finding(Remark(WARNING, "unlisted", detail), folder.name, str(folder))
