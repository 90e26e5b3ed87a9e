"""The installed command: `matting cut photo.jpg`, `matting train ...`; every tool of a clone is one of its names."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from collections.abc import Callable
from typing import NamedTuple

from matting import commands
from matting.commands import running
from matting.errors import MattingError
from matting.registry import nearest
from matting.system.streams import say
from matting.version import __version__

NAMES = sorted(
    module.name
    for module in pkgutil.iter_modules(commands.__path__)
    if module.name not in ("clips", "cutting", "running", "shared")
)


class Door(NamedTuple):
    """A second name of a command, within a group.

    Attributes:
        command: of `NAMES`.
        does: what it does, in a line.
        first: the words that its arguments begin with.
    """

    command: str
    does: str
    first: tuple[str, ...] = ()


GROUPS = {
    "weights": {
        "list": Door("download", "what is published under a name, and what of it is here", ("list",)),
        "fetch": Door("download", "bring published weights into the cache: fetch modnet-hrnet_w18", ("fetch",)),
        "cache": Door("download", "what the cache holds", ("cache",)),
        "prune": Door("download", "remove what is old or too much from the cache", ("prune",)),
        "convert": Door("convert_weights", "other people's checkpoints into ours"),
    },
    "data": {
        "prepare": Door("prepare_data", "a published data set, or your folders, into folders and lists"),
        "check": Door("check_data", "look for what is wrong with a data set"),
        "pack": Door("pack_data", "a training copy that reads fast"),
        "trimap": Door("make_trimap", "trimaps of masks or mattes"),
    },
}
"""Names in two words, by the first."""

MAIN = ("cut", "video", "serve", "batch", "train", "val", "adapt", "export", "benchmark")
"""The commands that the help shows first, in its order."""


def main() -> None:
    """Run the command that the first words name, with the rest."""
    words = sys.argv[1:]
    name, rest = (words[0], words[1:]) if words else ("--help", [])
    if name == "--version":
        say(f"matting {__version__}")
    elif name in ("-h", "--help", "help"):
        say(*_help())
    elif name in GROUPS and (not rest or rest[0] in ("-h", "--help")):
        say(*_group_help(name))
    else:
        running.run(lambda: _called(name, rest)())


def _called(name: str, rest: list[str]) -> Callable[[], int | None]:
    """Return the function to call, with its arguments in their place."""
    command, title = name, f"matting {name}"
    if name in GROUPS:
        word, *rest = rest
        if word not in GROUPS[name]:
            raise MattingError(f"{word!r} is nothing that matting {name} does; {nearest(word, list(GROUPS[name]))}")
        door = GROUPS[name][word]
        command, rest = door.command, [*door.first, *rest]
        title = f"matting {name}" if door.first else f"matting {name} {word}"
    elif name not in NAMES:
        raise MattingError(f"{name!r} is no command; {_meant(name)}")
    sys.argv = [title, *rest]
    return importlib.import_module(f"{commands.__name__}.{command}").main


def _meant(name: str) -> str:
    if name == "-" or os.path.exists(name):
        return f"a picture or folder is cut out by matting cut {name}"
    meant = nearest(name, [*NAMES, *GROUPS])
    return f"{meant}{'' if meant.endswith('?') else ';'} matting --help says what each does"


def _help() -> list[str]:
    """Return what there is, a line each."""
    old = {door.command for group in GROUPS.values() for door in group.values()}
    shown = [name for name in MAIN if name in NAMES]
    rest = [name for name in NAMES if name not in (*shown, *old)]
    lines = [f"matting {__version__}", "", "A photograph in, the person out: matting cut photo.jpg", ""]
    lines += _table({name: _does(name) for name in shown})
    lines += _table({group: ", ".join(doors) for group, doors in GROUPS.items()})
    lines += ["", "More, and by the names of their tools:", *_table({name: _does(name) for name in rest})]
    lines += _table({name: _does(name) for name in sorted(old)})
    return [*lines, "", "matting COMMAND --help says what a command takes."]


def _group_help(group: str) -> list[str]:
    lines = _table({f"matting {group} {word}": door.does for word, door in GROUPS[group].items()})
    return [*lines, "", f"matting {group} {next(iter(GROUPS[group]))} --help, and so on, says what each takes."]


def _table(rows: dict[str, str]) -> list[str]:
    width = max([16, *(len(name) for name in rows)]) + 2
    return [f"  {name:{width}}{does}" for name, does in rows.items()]


def _does(name: str) -> str:
    """Return what a command's module says it does, without importing it."""
    with open(os.path.join(commands.__path__[0], f"{name}.py"), encoding="utf-8") as file:
        return file.readline().strip().strip('"').partition(": ")[0].rstrip(".")


if __name__ == "__main__":
    main()
