"""What the tools share on the command line: common flags, process settings, and errors as one line with a status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

# The tools also run from a clone in which the package is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from matting import cpu
from matting.errors import MattingError


def parser(description: str, config: Path | None = None) -> argparse.ArgumentParser:
    """Return a parser whose help shows the defaults, with the flags that every tool has.

    Args:
        config: the default configuration; without one the flag is required.
    """
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    made.add_argument("--config", default=config, required=config is None, help="the configuration, a .yml file")
    made.add_argument(
        "--opts", nargs="+", default=[], metavar="KEY=VALUE", help="change the configuration, e.g. model.hr_channels=16"
    )
    made.add_argument(
        "--device", default="auto", choices=("auto", "cpu", "gpu", "xpu", "npu", "mlu"), help="auto takes a GPU if any"
    )
    return made


def require_config_unless(made: argparse.ArgumentParser, flag: str) -> None:
    """Ask for --config only where `flag` is not given."""
    if flag in sys.argv or any(argument.startswith(f"{flag}=") for argument in sys.argv):
        action = next(action for action in made._actions if "--config" in action.option_strings)
        action.required = False


def add_scoring(made: argparse.ArgumentParser) -> None:
    """Add what every tool takes that scores mattes."""
    made.add_argument(
        "--protocol",
        default="default",
        choices=("default", "paddleseg", "adobe", "p3m", "modnet", "shm"),
        help="region, scale, trimap rule and rounding of a published table; see docs/metrics.md",
    )
    made.add_argument("--metrics", nargs="+", help="some of SAD MSE MAD Grad Conn IoU; default: all of the protocol")


def run(main: Callable[[], int | None]) -> None:
    """Run a tool: what the user can mend is printed as one line, with exit status 1; Ctrl-C exits with 130."""
    cpu.tune()
    try:
        sys.exit(main() or 0)
    except MattingError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
