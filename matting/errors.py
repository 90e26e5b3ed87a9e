"""The one exception that carries a message for the person at the keyboard."""


class MattingError(ValueError):
    """Something the user gave cannot be used; the text states the value, the rule and the cure.

    The tools print it as one line and exit with status 1, without a traceback. Anything else that escapes is a defect
    of ours and keeps its traceback.
    """
