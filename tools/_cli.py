"""What the tools share on the command line: common flags, process settings, and errors as one line with a status."""

from __future__ import annotations

import argparse
import errno
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

# The tools also run from a clone in which the package is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from matting import cpu
from matting.errors import MattingError, Stopped

DEVICES = ("auto", "cpu", "gpu", "xpu", "npu", "mlu")


def parser(description: str, config: Path | None = None, config_required: bool = True) -> argparse.ArgumentParser:
    """Return a parser whose help shows the defaults, with the flags that every tool has.

    Args:
        config: the default configuration.
        config_required: whether the flag must be given when there is no default.
    """
    made = bare_parser(description)
    made.add_argument(
        "--config", default=config, required=config_required and config is None, help="the configuration, a .yml file"
    )
    made.add_argument(
        "--opts", nargs="+", default=[], metavar="KEY=VALUE", help="change the configuration, e.g. model.hr_channels=16"
    )
    made.add_argument("--device", default="auto", choices=DEVICES, help="auto takes a GPU if any")
    return made


def bare_parser(description: str) -> argparse.ArgumentParser:
    """Return a parser whose help shows the defaults, for a tool that takes no configuration."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)


def add_weights(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name trained weights."""
    parser.add_argument(
        "--model_path", help="a checkpoint folder, a file of weights, a URL, or a name that tools/download.py lists"
    )
    parser.add_argument("--partial", action="store_true", help="take weights that fit in part only")


def add_engine(parser: argparse.ArgumentParser, default: str) -> None:
    """Add the flags that say how a network is run."""
    parser.add_argument(
        "--engine",
        choices=("auto", "openvino", "onnxruntime", "paddle", "dynamic"),
        default=default,
        help="auto takes the fastest that is installed; dynamic is Paddle's dynamic graph",
    )
    parser.add_argument("--precision", choices=("fp32", "bf16", "int8"), default="fp32", help="see docs/deployment.md")
    parser.add_argument("--threads", type=count, default=0, help="of the engine; 0 takes all cores")


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


def positive(text: str) -> int:
    """Return a flag's whole number of at least 1."""
    return _whole(text, 1)


def count(text: str) -> int:
    """Return a flag's whole number of at least 0."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    if not text.isdecimal() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of at least {least}")
    return int(text)


def _kept(text: str) -> int:
    if text != "all" and not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} must be `all`, or a whole number of which 0 keeps all")
    return 0 if text == "all" else int(text)


def required(value: str | Path | None, flag: str) -> str | Path:
    """Return the value of a flag that this run cannot do without."""
    if value is None:
        raise MattingError(f"{flag} is missing; --help says what it is")
    return value


def add_scoring(made: argparse.ArgumentParser) -> None:
    """Add what every tool takes that scores mattes."""
    made.add_argument(
        "--protocol",
        default="default",
        choices=("default", "paddleseg", "adobe", "p3m", "modnet", "shm"),
        help="region, scale, trimap rule and rounding of a published table; see docs/metrics.md",
    )
    made.add_argument("--metrics", nargs="+", help="some of SAD MSE MAD Grad Conn IoU, in any case; default: all")


def say_skipped(failure: str) -> None:
    """Tell on the terminal, beside a bar if there is one, what went wrong with one file."""
    from tqdm import tqdm

    tqdm.write(f"skipped: {failure}", file=sys.stderr)


def run(main: Callable[[], int | None]) -> None:
    """Run a tool: what the user can mend is printed as one line, with exit status 1.

    Ctrl-C and SIGTERM end it in order, with what a shell expects: 128 and the signal's number, 130 or 143.
    """
    cpu.tune()
    os.environ.setdefault("GLOG_minloglevel", "2")  # Paddle's own warnings, about which nobody here can do anything
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _stop)
    try:
        sys.exit(main() or 0)
    except MattingError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        print(f"error: the name {str(error.filename):.60}... is too long for this system; shorten it", file=sys.stderr)
        sys.exit(1)
    except Stopped as stop:
        print(stop, file=sys.stderr)
        sys.exit(128 + stop.signal)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)


def _stop(number: int, _: object) -> None:
    raise Stopped("stopped", number)
