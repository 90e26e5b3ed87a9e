"""Telling what an inspection found: a table for the terminal, a CSV for machines, a contact sheet for eyes."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from matting.curation.inspection.findings import ERROR, Finding
from matting.curation.inspection.survey import Inspection
from matting.errors import MattingError
from matting.pictures.contact_sheet import Row, contact_sheet, over_checkerboard
from matting.pictures.files import quantise, read_alpha, read_image, write_png
from matting.sample import PictureFiles
from matting.system import atomic
from matting.text import cell, visible_lines

_PANELS = ("image", "matte", "cutout", "trimap")


def table(inspection: Inspection) -> str:
    """Return a summary of the set and a line a check: severity, name, count, and an example."""
    lines = [
        f"{len(inspection.subjects)} lines, {inspection.photographs} photographs"
        + (f", short side {_range(inspection)} px" if inspection.sizes else "")
        + "".join(f", {count} mattes of {depth}" for depth, count in sorted(inspection.depths.items()))
    ]
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in inspection.findings:
        groups.setdefault((finding.remark.severity, finding.remark.check), []).append(finding)
    width = max((len(check) for _, check in groups), default=0)
    for (severity, check), of_check in sorted(groups.items()):
        example = of_check[0]
        lines.append(
            f"{severity:7}  {check:{width}}  {len(of_check):5}  {example.where}: {Path(example.file).name}: "
            f"{example.remark.detail}"
        )
    return visible_lines(lines)


def _range(inspection: Inspection) -> str:
    short = sorted(min(size) for size in inspection.sizes)
    return f"{short[0]} to {short[-1]} (median {short[len(short) // 2]})"


def write_csv(path: Path, findings: Sequence[Finding]) -> None:
    """Write one row a finding: severity, check, where, file, detail.

    Raises:
        MattingError: the file cannot be written.
    """
    with atomic.replacing(path) as beside, open(beside, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["severity", "check", "where", "file", "detail"])
        for finding in findings:
            remark = finding.remark
            row = (remark.severity, remark.check, finding.where, finding.file, remark.detail)
            writer.writerow(map(cell, row))


def write_sheet(path: Path, inspection: Inspection, most: int = 40) -> int:
    """Draw the suspicious pictures with matte, cutout and trimap, and return how many there are.

    Errors come first, then what was found least often.

    Args:
        most: rows at most; a sheet of thousands is of no use.
    """
    # What is true of every picture is no reason to look at one: the rarer a check, the earlier its rows.
    often = Counter(finding.remark.check for finding in inspection.findings)
    by_file: dict[str, list[Finding]] = {}
    for finding in sorted(inspection.findings, key=lambda one: (one.remark.severity != ERROR, often[one.remark.check])):
        by_file.setdefault(finding.file, []).append(finding)
    owners: dict[str, PictureFiles] = {}
    for subject in inspection.subjects:
        for file in (subject.files.image, subject.files.alpha, subject.files.trimap):
            owners.setdefault(str(file), subject.files)
    checks: dict[PictureFiles, list[str]] = {}
    for name, findings in by_file.items():
        if name in owners:
            checks.setdefault(owners[name], []).extend(finding.remark.check for finding in findings)
    shown = list(checks.items())[:most]
    if shown:
        rows = [_row(files, ", ".join(dict.fromkeys(names))) for files, names in shown]
        titles = [title for title in _PANELS if any(title in panels for panels, _ in rows)]
        write_png(path, contact_sheet(rows, titles, cell_height=180))
    return len(checks)


def _row(files: PictureFiles, checks: str) -> Row:
    """Return what of a picture can still be shown; a panel that cannot be read is left out."""
    panels: dict[str, np.ndarray] = {}
    image = _try(read_image, files.image)
    alpha = _try(read_alpha, files.alpha)
    trimap = _try(read_alpha, files.trimap)
    if image is not None:
        panels["image"] = image
    if alpha is not None:
        panels["matte"] = quantise(alpha)
        if image is not None and image.shape[:2] == alpha.shape:
            panels["cutout"] = over_checkerboard(image, alpha)
    if trimap is not None:
        panels["trimap"] = quantise(trimap)
    return panels, f"{files.where} {files.image.name}: {checks}"


def _try(read, path: Path | None) -> np.ndarray | None:
    try:
        return None if path is None else read(path)
    except MattingError:
        return None
