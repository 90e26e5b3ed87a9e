"""The installed command: `matting train ...` is `python tools/train.py ...`, also without a clone."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable

from matting import commands
from matting.commands import shared
from matting.errors import MattingError
from matting.registry import nearest
from matting.system.streams import say
from matting.version import __version__

NAMES = sorted(
    module.name for module in pkgutil.iter_modules(commands.__path__) if module.name not in ("cutting", "shared")
)


def main() -> None:
    """Run the command that the first argument names, with the rest."""
    name, rest = (sys.argv[1], sys.argv[2:]) if sys.argv[1:] else ("--help", [])
    if name in ("-h", "--help", "--version"):
        lines = [f"matting {__version__}"]
        if name != "--version":
            lines += ["", "matting COMMAND --help says what a command takes:", *(f"  {known}" for known in NAMES)]
        say(*lines)
        return
    sys.argv = [f"matting {name}", *rest]
    shared.run(lambda: _main(name)())


def _main(name: str) -> Callable[[], int | None]:
    if name not in NAMES:
        raise MattingError(f"{name!r} is no command; {nearest(name, NAMES)}")
    return importlib.import_module(f"{commands.__name__}.{name}").main


if __name__ == "__main__":
    main()
