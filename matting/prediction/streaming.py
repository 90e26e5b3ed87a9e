"""One picture from standard input, or for standard output: nothing is kept of it."""

from __future__ import annotations

import sys
from pathlib import Path

from matting.errors import MattingError
from matting.pictures.files import Photograph, read_photograph, read_trimap
from matting.prediction.outputs import Outputs
from matting.prediction.pipeline import Drawer
from matting.predictor import Predictor
from matting.system import memory

_NAME = "standard input"

_MOST = 2 << 30
"""Bytes of a stream; larger ones are no pictures."""


def check_ends(reads: bool, writes: bool) -> None:
    """Refuse a terminal at either end.

    Raises:
        MattingError: one is there.
    """
    if reads and sys.stdin.isatty():
        raise MattingError("no picture comes from a terminal; lead one in, as matting cut - < photo.jpg > person.png")
    if writes and sys.stdout.isatty():
        raise MattingError("a picture is nothing for a terminal; lead it into a file: > person.png")


def cut_one(
    source: Path | None,
    trimap_path: Path | None,
    outputs: Outputs,
    predictor: Predictor,
    draw_trimap: Drawer | None = None,
) -> bytes:
    """Return the content of the file that one picture is cut out into.

    Args:
        source: None for standard input.
        outputs: of one kind.

    Raises:
        MattingError: the picture or the trimap cannot be used.
    """
    name = source or Path(_NAME)
    with memory.explained(name):
        photograph = read_photograph(source) if source else _read_stream()
        trimap = read_trimap(trimap_path) if trimap_path else draw_trimap(photograph.srgb) if draw_trimap else None
        alpha, inner = predictor.run(photograph.srgb, trimap, with_trimap="trimap" in outputs.kinds)
        (content,) = outputs.encode(photograph, alpha, trimap if inner is None else inner, name.stem).values()
    return content


def _read_stream() -> Photograph:
    content = sys.stdin.buffer.read(_MOST)
    if not content:
        raise MattingError(f"{_NAME} is empty; lead a picture in, as matting cut - < photo.jpg > person.png")
    return read_photograph(_NAME, data=content)
