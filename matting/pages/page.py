"""Writing a page: sections into the template, with data for its script; pictures within it or by relative links."""

from __future__ import annotations

import base64
import json
import os
import re
import urllib.parse
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from matting.system import atomic
from matting.text import visible

_ASSETS = Path(__file__).parent / "assets"
_SLOT = re.compile(r"\{\{(\w+)\}\}")


def write_page(
    path: Path,
    title: str,
    rule: str,
    facts: Sequence[tuple[str, str]],
    sections: Sequence[str],
    data: Mapping[str, Any],
    script: str = "script.js",
) -> None:
    """Write a page of ready sections; it appears under its name only when complete.

    Args:
        sections: HTML.
        data: what the script works on; of the usual one `columns`, `rows`, `panels`.
        script: of the assets.
    """
    shown = ((escape(name), escape(visible(value))) for name, value in facts)
    slots = {
        "title": escape(visible(title)),
        "rule": escape(rule),
        "facts": "\n".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in shown),
        "sections": "\n".join(sections),
        "style": _asset("style.css"),
        "script": _asset(script),
        # A `<` would end the script element early, whatever stands in a file's name.
        "data": json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c"),
    }
    page = _SLOT.sub(lambda match: slots[match[1]], _asset("page.html"))
    atomic.write_text(path, page)


def picture(jpeg: bytes) -> str:
    """Return the address under which a page holds a JPEG itself."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def plot(heading: str, below: str, svg: str) -> str:
    """Return one plot with its heading."""
    return f'<section class="plot"><h3>{escape(heading)}</h3><p>{escape(below)}</p>{svg}</section>'


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8").rstrip("\n")


def relative(path: Path, folder: Path) -> str:
    """Return the address of a file for a page in a folder, so that both may be moved together."""
    relative = os.path.relpath(os.path.abspath(path), os.path.abspath(folder)).replace(os.sep, "/")
    return urllib.parse.quote(os.fsencode(relative))
