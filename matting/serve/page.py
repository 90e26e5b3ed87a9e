"""The page for people, and the one that describes the routes: static files of the package, each under its own path."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Response

from matting.serve.limits import Limits

_FOLDER = Path(__file__).parent / "assets"

_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}

_NAMES = {"/": "index.html", "/docs": "docs.html"}

PATHS = {
    **_NAMES,
    **{f"/page/{file.name}": file.name for file in sorted(_FOLDER.glob("*.*")) if file.suffix in _KINDS},
    "/page/settings.json": "",
}
"""The file of every path; that of settings is made."""


def add(api: FastAPI, asks_token: bool, takes_trimap: bool, limits: Limits) -> None:
    """Add a route for every file, read once: no path is made of what a client sends."""
    # What it takes is said where a token is brought, as everything else of the routes.
    known = {"token": asks_token, "bytes": limits.body, "pixels": limits.pixels, "clip": limits.clip}
    settings = json.dumps(known | {"trimap": takes_trimap})
    for path, name in PATHS.items():
        content = (_FOLDER / name).read_bytes() if name else settings.encode()
        kind = _KINDS[Path(name).suffix] + "; charset=utf-8" if name else "application/json"
        api.add_api_route(path, _answer(content, kind), methods=["GET"], include_in_schema=False)


def _answer(content: bytes, kind: str) -> Callable[[], Awaitable[Response]]:
    async def answer() -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    return answer
