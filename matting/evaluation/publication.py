"""What an evaluation leaves on disk: the table, the manifest and the report, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matting.evaluation.manifest import write_manifest
from matting.evaluation.report.over_time import clips_of
from matting.evaluation.report.page import Report, write_report
from matting.evaluation.table import Evaluation, trimap_rule
from matting.version import __version__

CSV, MANIFEST, REPORT = "metrics.csv", "manifest.json", "report.html"
"""Names of the files in the folder of results."""


def publish(
    evaluation: Evaluation,
    save_dir: Path,
    *,
    title: str,
    facts: Sequence[tuple[str, str]],
    about: Mapping[str, Any],
    report: bool,
) -> list[Path]:
    """Write CSV and manifest, and with `report` the page; returns their paths."""
    written = [save_dir / CSV, save_dir / MANIFEST]
    evaluation.write_csv(written[0])
    write_manifest(written[1], evaluation, **about)
    if report:
        written.append(save_dir / REPORT)
        write_evaluation(evaluation, written[2], title=title, facts=facts)
    else:
        (save_dir / REPORT).unlink(missing_ok=True)  # it would show another evaluation beside this one's numbers
    return written


def write_evaluation(
    evaluation: Evaluation,
    path: Path,
    *,
    title: str,
    facts: Sequence[tuple[str, str]],
    players: Mapping[str, Sequence[Path]] | None = None,
) -> None:
    """Write the report of an evaluation.

    Args:
        players: by the name of a clip the files of it that browsers play.
    """
    columns = [column for column in evaluation.protocol.columns if column.name in evaluation.means]
    rule = evaluation.protocol.describe()
    if any(column.region != "whole" for column in columns):
        rule += "; " + trimap_rule(evaluation.listed_trimaps, len(evaluation.rows))
    facts = [*facts, ("matting", __version__)]
    clips = clips_of(evaluation.rows, players or {}) if evaluation.protocol.uses_frame_before else []
    rows, means, panels = evaluation.rows, evaluation.means, evaluation.panels
    write_report(path, Report(title, rule, facts, columns, rows, means, panels, clips))
