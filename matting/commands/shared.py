"""What the tools share on the command line: common flags, process settings, and errors as one line with a status."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from matting.choices import REFINEMENTS
from matting.engines.table import CHOICES, DEVICES, PRECISIONS
from matting.errors import MattingError
from matting.system.streams import say
from matting.text import visible


def parser(description: str, config: Path | None = None, config_required: bool = True) -> argparse.ArgumentParser:
    """Return a parser whose help shows the defaults, with the flags that every tool has.

    Args:
        config: the default configuration.
        config_required: whether the flag must be given when there is no default.
    """
    made = bare_parser(description)
    made.add_argument(
        "--config",
        type=Path,
        default=config,
        required=config_required and config is None,
        help="the configuration, a .yml file",
    )
    made.add_argument(
        "--opts", nargs="+", default=[], metavar="KEY=VALUE", help="change the configuration, e.g. model.hr_channels=16"
    )
    made.add_argument("--device", default="auto", choices=DEVICES, help="auto takes a GPU if any")
    return made


def bare_parser(description: str, examples: str = "") -> _Parser:
    """Return a parser whose help shows the defaults, for a tool that takes no configuration.

    Args:
        examples: lines that end the help as they stand.
    """
    return _Parser(description=description, epilog=examples, formatter_class=_Help)


class _Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows defaults where there are any, and keeps the lines of examples."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, False) else super()._get_help_string(action)


class _Parser(argparse.ArgumentParser):
    """Reads every flag of `type=Path` through `path`, and says what is wrong with flags on one line."""

    is_intermixed = False
    """Whether flags may stand between the words of one position, which are paths: `photo.jpg --crop person.png`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.register("type", Path, path)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if not self.is_intermixed:
            return super().parse_known_args(args, namespace)
        words = list(sys.argv[1:] if args is None else args)
        if "--" in words:  # behind which intermixed words are lost
            end = words.index("--")
            paths = words[end + 1 :]
            words[end:] = [os.path.join(".", path) if path.startswith("-") and path != "-" else path for path in paths]
        self.is_intermixed = False  # it calls back
        try:
            return self.parse_known_intermixed_args(words, namespace)
        finally:
            self.is_intermixed = True

    def error(self, message: str) -> NoReturn:
        super().error(visible(message))


def add_weights(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name trained weights."""
    parser.add_argument(
        "--model_path",
        type=filled,
        help="a checkpoint folder, a file of weights, a URL, or a name that matting download lists",
    )
    parser.add_argument("--partial", action="store_true", help="take weights that fit in part only")


def add_engine(parser: argparse._ActionsContainer, default: str, precisions: Sequence[str] = PRECISIONS) -> None:
    """Add the flags that say how a network is run."""
    parser.add_argument(
        "--engine",
        choices=CHOICES,
        default=default,
        help="auto takes the fastest that is installed; dynamic is Paddle's dynamic graph",
    )
    parser.add_argument("--precision", choices=precisions, default="fp32", help="see docs/deployment.md")
    parser.add_argument("--threads", type=workers, default=0, help="of the engine; 0 takes all cores")


def add_refine(parser: argparse._ActionsContainer, default: str = "none") -> None:
    """Add the flag that says how edges are found at a photograph's size."""
    parser.add_argument(
        "--refine",
        choices=REFINEMENTS,
        default=default,
        help="edges at the photograph's size: see docs/refine.md",
    )


def add_checkpoints(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how often a run is saved, and how much of that is kept."""
    often = parser.add_mutually_exclusive_group()
    often.add_argument("--save_interval", type=positive, default=1000, help="iterations between checkpoints")
    often.add_argument("--save_epoch", type=positive, help="the same in epochs, instead of --save_interval")
    parser.add_argument(
        "--keep_checkpoint_max", type=_kept, default=5, help="newest checkpoints to keep; 0 or `all` keeps all"
    )


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Add the flag without which a run does not start in a folder that holds another one."""
    parser.add_argument(
        "--overwrite", action="store_true", help="start afresh where a run was; it moves to save_dir/replaced"
    )


def filled(text: str) -> str:
    """Return a flag's text, which is not empty: `--save_dir "$UNSET"` would stand for the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty; leave the flag out, or give it a value")
    return text


def path(text: str) -> Path:
    """Return a flag's path, which is not empty."""
    return Path(filled(text))


def positive(text: str) -> int:
    """Return a flag's whole number of at least 1."""
    return _whole(text, 1)


def count(text: str) -> int:
    """Return a flag's whole number of at least 0."""
    return _whole(text, 0)


def workers(text: str) -> int:
    """Return how many threads or processes a flag asks for, 0 among them."""
    return _whole(text, 0, 1024)


def _whole(text: str, least: int, most: int = 2**31 - 1) -> int:
    if not text.isdecimal() or len(text) > 20 or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of at least {least} and at most {most}")
    return int(text)


def rate(text: str) -> float:
    """Return a flag's finite number above 0."""
    value = number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number above 0")
    return value


def share(text: str) -> float:
    """Return a flag's number from 0 to 1."""
    value = number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number from 0 to 1")
    return value


def number(text: str) -> float:
    """Return a flag's number, infinity and NaN among them."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number") from None


def _kept(text: str) -> int:
    if text != "all" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} must be `all`, or a whole number of which 0 keeps all")
    return 0 if text == "all" else count(text)


def required(value: str | Path | None, flag: str) -> str | Path:
    """Return the value of a flag that this run cannot do without."""
    if value is None:
        raise MattingError(f"{flag} is missing; --help says what it is")
    return value


def configuration(args: argparse.Namespace) -> dict[str, Any]:
    """Return the configuration of `--config`, or else the one that the weights state, changed by `--opts`.

    Raises:
        MattingError: there is none, or it cannot be used.
    """
    from matting.deployment.loading import configuration, unstated

    values = configuration(args.model_path, args.config, args.opts)
    if values is None:
        raise unstated(args.model_path)
    return values


def find_export(args: argparse.Namespace) -> None:
    """Let the description of an export, under `--config` or `--model_path`, stand for the folder that it lies in.

    Raises:
        MattingError: it is not one that `matting export` wrote.
    """
    from matting.deployment.description import DESCRIPTION

    for given in (args.config, args.model_path):
        if given is None or Path(given).name not in (DESCRIPTION, "deploy.yaml"):
            continue
        folder = Path(given).parent
        if not (folder / DESCRIPTION).is_file():
            raise MattingError(
                f"{given} describes no export that can be read here; make one from the weights: matting export"
            )
        args.config, args.model_path = None, str(folder)


def add_scoring(made: argparse.ArgumentParser) -> None:
    """Add what every tool takes that scores mattes."""
    made.add_argument(
        "--protocol",
        default="default",
        choices=("default", "paddleseg", "adobe", "p3m", "modnet", "shm", "rvm"),
        help="region, scale, trimap rule and rounding of a published table; see docs/metrics.md",
    )
    made.add_argument("--metrics", nargs="+", help="some of SAD MSE MAD Grad Conn IoU dtSSD, in any case; default: all")


def say_skipped(failure: str) -> None:
    """Tell on the terminal, beside a bar if there is one, what went wrong with one file."""
    say_notice(f"skipped: {failure}")


def say_notice(notice: str) -> None:
    """Tell on the terminal, beside a bar if there is one, what a user should know of a file that is used."""
    from tqdm import tqdm

    with tqdm.external_write_mode(file=sys.stderr):
        say(notice, stream=sys.stderr)
