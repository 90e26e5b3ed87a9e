"""The exceptions that carry a message for the person at the keyboard."""

from matting.text import visible, visible_lines


class MattingError(ValueError):
    """Something the user gave cannot be used; the text states the value, the rule and the cure.

    The tools print it as one line and exit with status 1, without a traceback. Anything else that escapes is a defect
    of ours and keeps its traceback.

    Args:
        lines: of the text, nearly always one. A line break within a line came with a file's name and is shown escaped.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)

    def __str__(self) -> str:
        return visible_lines(self.args)


class TooLargeError(MattingError):
    """A picture has more pixels, or unfolds to more, than is allowed."""


class UnknownFormatError(MattingError):
    """A file is of no kind that can be read."""


class UnwritableError(MattingError):
    """A result has no place: the disk is full, or the folder is not writable. Going on to the next would be in vain."""


class Stopped(KeyboardInterrupt):
    """Somebody asked the run to stop, and it has left everything in order; the text says how to go on.

    Attributes:
        signal: the number of the signal that asked.
    """

    def __init__(self, message: str, signal: int) -> None:
        super().__init__(visible(message))
        self.signal = signal
