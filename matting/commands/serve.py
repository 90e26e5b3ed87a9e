"""Cutouts over HTTP, for programs and for people: matting serve, and http://127.0.0.1:7000 is a page"""

from __future__ import annotations

import argparse
import functools
import os
from dataclasses import replace
from typing import TYPE_CHECKING

from matting.commands import cutting, shared
from matting.engines.table import PRECISIONS
from matting.errors import MattingError
from matting.system.streams import say

if TYPE_CHECKING:
    from fastapi import FastAPI

    from matting.serve.limits import Access, Limits

_EXAMPLES = """\
  matting serve                               a page at http://127.0.0.1:7000, its routes at /docs
  curl -F file=@photo.jpg http://127.0.0.1:7000/cutout -o person.png
  MATTING_TOKEN=secret matting serve --host 0.0.0.0
"""

_LOCAL = ("localhost", "127.0.0.1", "[::1]")
"""Names by which a server that only this machine reaches is called."""


def parse_args() -> argparse.Namespace:
    parser = shared.bare_parser("Serve cutouts over HTTP.", f"examples:\n{_EXAMPLES}")
    parser.add_argument("--host", type=shared.filled, default="127.0.0.1", help="the address to listen at")
    parser.add_argument("--port", type=shared.count, default=7000, help="0 takes a free one")
    parser.add_argument("--workers", type=shared.positive, default=1, help="processes, each with a network")
    access = parser.add_argument_group("access")
    access.add_argument("--token", type=shared.filled, help="that requests must bring; or the variable MATTING_TOKEN")
    access.add_argument("--open", action="store_true", help="let everybody in, wherever from")
    access.add_argument(
        "--cors", nargs="+", default=[], metavar="ORIGIN", help="sites whose pages may ask: https://example.org"
    )
    access.add_argument(
        "--trusted_proxy", nargs="+", default=[], metavar="ADDRESS", help="whose X-Forwarded-For says who a client is"
    )
    _add_limits(parser.add_argument_group("limits"))
    cutting.add_network(parser)
    served = parser.add_argument_group("for requests that say so")
    served.add_argument(
        "--precisions", nargs="+", default=[], choices=PRECISIONS,
        help="others that may be asked for, each with a network of its own in the memory",
    )  # fmt: skip
    served.add_argument(
        "--trimap_from", type=shared.filled, metavar="CONFIG:WEIGHTS",
        help="a network without trimap, which draws one where a network needs it and none was sent",
    )  # fmt: skip
    parser.set_defaults(tile_size=256, tile_margin=128)  # as the other commands have them
    return parser.parse_args()


def _add_limits(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--max_mb", type=shared.positive, default=32, help="megabytes of a request")
    group.add_argument("--max_batch_mb", type=shared.positive, default=256, help="megabytes of a zip")
    group.add_argument("--max_clip_mb", type=shared.count, default=512, help="megabytes of a clip; 0 serves none")
    group.add_argument("--max_megapixels", type=shared.positive, default=50, help="of a picture")
    group.add_argument("--queue", type=shared.positive, default=32, help="requests that may wait; more are refused")
    group.add_argument("--per_client", type=shared.count, default=16, help="requests of an address at a time; 0 is any")
    group.add_argument("--timeout", type=shared.positive, default=60, help="seconds for a picture, waiting included")
    group.add_argument("--clips", type=shared.positive, default=4, help="clips that may wait or run; more are refused")
    group.add_argument("--clip_timeout", type=shared.positive, default=3600, help="seconds for a clip")


def main() -> int:
    args = parse_args()
    from matting import serve
    from matting.serve.limits import Limits

    serve.check_installed()
    from matting.serve import running

    args.token = args.token or os.environ.get("MATTING_TOKEN") or None
    if not running.is_loopback(args.host) and args.token is None and not args.open:
        raise MattingError(
            f"--host {args.host} can be reached from other machines; give --token (or MATTING_TOKEN), which requests "
            "must bring, or --open to let everybody in"
        )
    if args.token is not None and not (args.token.isascii() and args.token.isprintable()):
        raise MattingError("--token must be printable ASCII without line breaks; take letters and digits")
    limits = Limits(
        body=args.max_mb << 20, batch=args.max_batch_mb << 20, pixels=args.max_megapixels * 1_000_000,
        queue=args.queue, per_client=args.per_client, seconds=args.timeout, jobs=args.clips,
        clip_seconds=args.clip_timeout,
        # Of several processes another one than the one that has a clip may be asked about it.
        clip=args.max_clip_mb << 20 if args.workers == 1 else 0,
    )  # fmt: skip
    listening = running.bound(args.host, args.port)
    port = listening.getsockname()[1]
    host = f"[{args.host}]" if ":" in args.host else args.host
    make = functools.partial(_make, args, limits, _access(args), f"http://{host}:{port}")
    running.run(make, listening, args.timeout, args.workers)
    return 0


def _access(args: argparse.Namespace) -> Access:
    from matting.serve import running
    from matting.serve.limits import Access

    # Who must bring a token, or may be anybody, is not told by the name that he calls the server by.
    is_own = running.is_loopback(args.host) and args.token is None and not args.open
    hosts = (*_LOCAL, f"[{args.host}]" if ":" in args.host else args.host) if is_own else ()
    return Access(args.token, hosts, tuple(args.cors), tuple(args.trusted_proxy))


def _make(args: argparse.Namespace, limits: Limits, access: Access, address: str) -> FastAPI:
    """Return the application of one process."""
    from matting.deployment.loading import make_predictor, trimap_drawer
    from matting.serve import app
    from matting.system import cpu, log

    log.start()
    cpu.tune()
    predictor, values, runtime = cutting.open_network(args)
    precisions = {runtime.precision: predictor}
    for name in args.precisions:
        if name not in precisions:
            precisions[name] = make_predictor(values, args.model_path, replace(runtime, precision=name), args.partial)
    drawer = trimap_drawer(args.trimap_from, runtime) if args.trimap_from else None
    application = app(predictor, limits, access, precisions, drawer)
    say(f"serving at {address}; Ctrl-C ends it")
    return application
