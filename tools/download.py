"""Published weights and data: python tools/download.py list, python tools/download.py get modnet-hrnet_w18"""

from __future__ import annotations

import argparse

import _cli


def parse_args() -> argparse.Namespace:
    parser = _cli.bare_parser("List or fetch what is published under a name, once, into the user's cache.")
    parser.add_argument("action", choices=("list", "get"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to get")
    parser.add_argument("--offline", action="store_true", help="only look into the cache")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from matting import log
    from matting.digest import sha256
    from matting.weights import download
    from matting.weights.published import PUBLISHED, published

    log.start()
    if args.action == "list":
        for entry in PUBLISHED.values():
            path = download.cached(entry.url)
            _cli.say(f"{entry.name}: {entry.what}. {entry.licence}. {entry.score and f'Published: {entry.score}.'}")
            _cli.say(f"  {entry.config and f'for {entry.config}; '}{download.mirrored(entry.url)}")
            _cli.say(f"  in the cache, SHA-256 {sha256(path)}" if path.is_file() else "  not fetched yet")
        return
    if not args.names:
        raise _cli.MattingError("get what? Give one of the names that `list` shows")
    for entry in [published(name) for name in args.names]:
        _cli.say(download.fetch_published(entry, args.offline))


if __name__ == "__main__":
    _cli.run(main)
