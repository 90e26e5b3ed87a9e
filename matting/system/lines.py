"""Reading lists, one name a line: the one reader that all tools share."""

from __future__ import annotations

from pathlib import Path

from matting.errors import MattingError

BLANKS = " \t"
"""What may stand around a name in a line. Wider kinds of space may belong to the name."""


def read_lines(path: str | Path, cure: str = "check the path") -> list[tuple[int, str]]:
    """Return the lines of a list that hold something, each behind its number, counted from 1.

    A line ends by a line feed, a carriage return, or both. `str.splitlines` would also end it at form feeds, U+0085,
    U+2028 and others, which file names may hold. A byte order mark is passed over; blanks around a line are kept.

    Args:
        path: a text file in UTF-8.
        cure: what the message of a file that cannot be read ends in.

    Raises:
        MattingError: the file cannot be read, or is no such text.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise MattingError(f"the list {path} cannot be read: {error.strerror}; {cure}") from None
    if b"\0" in content:
        raise MattingError(f"the list {path} is binary, or text in UTF-16; it must be text in UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The part before is right, but for a character that the error may have cut.
        before = content[: error.start].decode("utf-8", "replace")
        where = f"{Path(path).name}:{len(_split(before))}"
        raise MattingError(f"{where}: not UTF-8 text; save {path} in UTF-8 (on Windows often: not ANSI)") from None
    return [(number, line) for number, line in enumerate(_split(text), start=1) if line.strip()]


def _split(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
