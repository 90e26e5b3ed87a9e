"""One self-contained HTML file of an evaluation: summary, distributions, pictures of the worst and best, all images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path
from typing import Any

from matting.evaluation.report.over_time import Clip, over_time
from matting.evaluation.report.panels import TITLES, Panels
from matting.metrics.protocols import REGION_TITLES, Column
from matting.pages import plots
from matting.pages.page import picture, plot, relative, write_page
from matting.text import written

_SEARCH = '<div class="controls"><label>name holds <input id="filter" type="search"></label></div>'


@dataclass(frozen=True)
class Report:
    """What the page shows.

    Attributes:
        title: the heading.
        rule: one line on how the numbers were measured.
        facts: name and value of what stands at the top: weights, data, version.
        columns: of the metrics.
        rows: one an image: `name`, `height`, `width`, and a value by column name.
        means: by column name.
        panels: pictures by image name.
        clips: whose frames the rows are; none where they are photographs.
    """

    title: str
    rule: str
    facts: Sequence[tuple[str, str]]
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    means: Mapping[str, float]
    panels: Mapping[str, Panels] = field(default_factory=dict)
    clips: Sequence[Clip] = ()

    @property
    def called(self) -> str:
        """What its rows are."""
        return "frames" if self.clips else "images"


def write_report(path: Path, report: Report) -> None:
    """Write the page; links to full files are relative, so that folders may be moved together."""
    # Plots, pictures and rows refer to one another by name, so names change before any of them is made.
    report = replace(
        report,
        rows=[{**row, "name": written(row["name"])} for row in report.rows],
        panels={written(name): panels for name, panels in report.panels.items()},
    )
    sections = [_summary(report)]
    if report.clips:
        sections.append(over_time(report.clips, report.columns, path.parent))
    sections.append(_distributions(report))
    if report.panels:
        sections.append(_gallery(report))
    sections.append(_table(report))
    write_page(path, report.title, report.rule, report.facts, sections, _data(report, path.parent))


def pictures(panels: Mapping[str, Panels], folder: Path) -> dict[str, list[dict[str, str]]]:
    """Return panels as the script reads them: title, embedded picture, and the full file relative to `folder`."""
    shown = {}
    for name, kept in panels.items():
        shown[name] = [
            {
                "title": title,
                "small": picture(kept.jpegs[title]),
                **({"full": relative(kept.links[title], folder)} if title in kept.links else {}),
            }
            for title in TITLES
            if title in kept.jpegs
        ]
    return shown


def _summary(report: Report) -> str:
    regions = list(dict.fromkeys(column.region for column in report.columns))
    head = "".join(f"<th>{escape(REGION_TITLES[region])}</th>" for region in regions)
    lines = []
    for metric in dict.fromkeys(column.metric for column in report.columns):
        cells = []
        for region in regions:
            column = next((c for c in report.columns if (c.metric, c.region) == (metric, region)), None)
            value = report.means.get(column.name) if column else None
            cells.append(f"<td>{'' if value is None else plots.number(value)}</td>")
        better = "lower is better" if metric.lower_is_better else "higher is better"
        unit = escape(f"{metric.unit}; {better}")
        lines.append(f'<tr><td>{escape(metric.name)}</td>{"".join(cells)}<td class="unit">{unit}</td></tr>')
    return (
        f"<h2>Means over {len(report.rows)} {report.called}</h2>\n"
        f'<table class="summary"><thead><tr><th>metric</th>{head}<th></th></tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table>"
    )


def _distributions(report: Report) -> str:
    names = [row["name"] for row in report.rows]
    shown = []
    metrics = list(dict.fromkeys(column.metric for column in report.columns))
    for column in sorted(report.columns, key=lambda column: metrics.index(column.metric)):
        svg = plots.histogram(names, [row.get(column.name, math.nan) for row in report.rows])
        if svg:
            shown.append(plot(column.title, column.metric.unit, svg))
    return f'<h2>Distributions</h2>\n<div class="plots">{"".join(shown)}</div>'


def _gallery(report: Report) -> str:
    options = "".join(
        f'<option value="{escape(column.name)}">{escape(column.title)}</option>' for column in report.columns
    )
    heading = "Worst and best moments" if report.clips else "Worst and best images"
    return f"""<h2>{heading}</h2>
<p class="note legend">Error map: <span style="background:#d6452d"></span>alpha too high
<span style="background:#2a65be"></span>alpha too low. Click a picture to enlarge it.</p>
<div class="controls">
<label>sort by <select id="sort">{options}<option value="name">name</option></select></label>
<label>first <select id="order">
<option value="worst">the worst</option><option value="best">the best</option>
</select></label>
<label>name holds <input id="filter" type="search" size="18"></label>
<output id="count"></output>
</div>
<div id="gallery"></div>"""


def _table(report: Report) -> str:
    head = "".join(
        f'<th data-column="{escape(column.name)}" title="{escape(column.heading)}">'
        f"<button>{escape(_label(column))}</button></th>"
        for column in report.columns
    )
    search = "" if report.panels else _SEARCH
    return (
        f'<h2>All {report.called}</h2>\n{search}<div class="wide"><table id="images"><thead><tr>'
        f'<th data-column="name"><button>name</button></th><th>size</th>{head}</tr></thead>'
        "<tbody></tbody></table></div>"
    )


def _data(report: Report, folder: Path) -> dict[str, Any]:
    columns = [
        {
            "name": column.name,
            "metric": column.metric.name,
            "region": REGION_TITLES[column.region],
            "heading": column.heading,
            "lower": column.metric.lower_is_better,
        }
        for column in report.columns
    ]
    rows = [
        {
            "name": row["name"],
            "width": row["width"],
            "height": row["height"],
            "values": {c.name: _finite(row.get(c.name, math.nan)) for c in report.columns},
        }
        for row in report.rows
    ]
    return {"columns": columns, "rows": rows, "panels": pictures(report.panels, folder)}


def _label(column: Column) -> str:
    return column.metric.name if column.region == "whole" else f"{column.metric.name} {column.region}"


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else value
