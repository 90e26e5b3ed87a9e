"""Published weights and data: python tools/download.py list, get modnet-hrnet_w18, cache, prune --older_than 30"""

from __future__ import annotations

import argparse
import math

from matting.choices import CLASSIC
from matting.commands import shared
from matting.system.streams import say


def parse_args() -> argparse.Namespace:
    parser = shared.bare_parser(
        "List or fetch what is published under a name, once, into the user's cache; and clear that."
    )
    parser.add_argument(
        "action",
        choices=("list", "get", "fetch", "cache", "prune"),
        help="list what is published; get or fetch it; show what the cache holds; prune that, exports too",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to get")
    parser.add_argument("--offline", action="store_true", help="only look into the cache")
    parser.add_argument("--older_than", type=_amount, metavar="DAYS", help="prune what was fetched or made before that")
    parser.add_argument(
        "--max_size", type=_amount, metavar="GB", help="prune the oldest until no more than this is left"
    )
    return parser.parse_args()


def _amount(text: str) -> float:
    """Return a flag's number of at least 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} must be a number of at least 0")
    return number


def main() -> None:
    args = parse_args()
    from matting.system import log
    from matting.weights import download
    from matting.weights.published import published

    log.start()
    if args.action == "list":
        _list()
    elif args.action == "cache":
        _show()
    elif args.action == "prune":
        _prune(args)
    elif not args.names:
        raise shared.MattingError(f"{args.action} what? Give one of the names that `list` shows")
    for entry in [published(name) for name in args.names if args.action in ("get", "fetch")]:
        say(download.fetch_published(entry, args.offline))


def _list() -> None:
    from matting.system.digest import sha256
    from matting.weights import download
    from matting.weights.published import PUBLISHED

    for entry in PUBLISHED.values():
        path = download.in_cache(entry)
        say(f"{entry.name}: {entry.what}. {entry.licence}. {entry.score and f'Published: {entry.score}.'}")
        places = [*(member.title for member in entry.members), download.mirrored(entry.url)]
        say(f"  {entry.config and f'for {entry.config}; '}{', or '.join(places)}")
        say(f"  in the cache, SHA-256 {sha256(path)}" if path.is_file() else "  not fetched yet")
    say(f"And methods without weights, which need a trimap: {', '.join(CLASSIC)}.")


def _show() -> None:
    from matting.weights import cache

    contents = cache.contents()
    for one in contents:
        say(f"{one.kind:8} {one.size / 1e6:9.1f} MB  {one.days():5.0f} days  {one.path}")
    say(f"{len(contents)} in {cache.cache_dir()}, {sum(one.size for one in contents) / 1e9:.2f} GB")


def _prune(args: argparse.Namespace) -> None:
    from matting.weights import cache

    if args.older_than is None and args.max_size is None:
        raise shared.MattingError(
            "prune what? Give --older_than DAYS, --max_size GB, or both; `cache` shows what there is"
        )
    size = None if args.max_size is None else args.max_size * 1e9
    removed, held = cache.prune(args.older_than, size)
    for one in removed:
        say(f"removed {one.path}")
    for one in held:
        say(f"left, as another process holds it: {one.path}")
    say(f"{len(removed)} removed, {sum(one.size for one in removed) / 1e9:.2f} GB")
