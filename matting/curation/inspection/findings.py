"""What an inspection reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

ERROR = "error"
"""The file cannot be used, or what is learned or measured from it is wrong."""

WARNING = "warning"
"""A person should look: some sets are meant to be so."""


class Remark(NamedTuple):
    """One thing noticed about a layer: `ERROR` or `WARNING`, a short name of the check, and the numbers behind it."""

    severity: str
    check: str
    detail: str


@dataclass(frozen=True)
class Finding:
    """A remark and where it belongs: the list and line, and the file."""

    remark: Remark
    where: str
    file: str
