"""The server: routes for programs, what watches them, and the page."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from matting.serve import batches, clips, compatible, description, forms, page, wishes
from matting.serve.counters import Counters
from matting.serve.desk import Desk, Networks, Task
from matting.serve.guard import Guard
from matting.serve.limits import Access, Limits, Refused
from matting.serve.wishes import Wishes
from matting.version import __version__


def build(networks: Networks, limits: Limits, access: Access) -> FastAPI:
    """Return the application; its `state.desk` is where requests wait."""
    desk = Desk(networks, limits)
    counters = Counters(desk)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        desk.close()
        await run_in_threadpool(api.state.jobs.close)

    api = FastAPI(
        title="matting", version=__version__, docs_url=None, redoc_url=None, lifespan=lifespan,
        description="Photographs in, people out: cutouts with the foreground's own colours, mattes, composites.",
    )  # fmt: skip
    api.state.desk, api.state.limits = desk, limits
    api.add_middleware(Guard, desk=desk, limits=limits, access=access, counters=counters, pages=frozenset(page.PATHS))
    if access.origins:
        api.add_middleware(
            CORSMiddleware, allow_origins=list(access.origins), allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "X-Api-Key"],
            expose_headers=["Retry-After", "X-Width", "X-Height", "Location"],
        )  # fmt: skip
    if access.proxies:
        api.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(access.proxies))
    _add_cutouts(api, desk, limits)
    batches.add(api, desk, limits)
    compatible.add(api, desk, limits)
    api.state.jobs = clips.add(api, desk, limits)
    _add_operations(api, desk, counters)
    page.add(api, access.token is not None, networks.usual.takes_trimap, limits)
    return api


def _add_cutouts(api: FastAPI, desk: Desk, limits: Limits) -> None:
    async def cut(request: Request, **fixed: str) -> Response:
        form = await forms.read(request, limits)
        asked = Wishes.of(form.fields, **fixed)
        data = form.picture("file")

        def work(task: Task) -> tuple[bytes, str]:
            outputs = asked.outputs(limits, form.files.get("background_file"))
            (content,) = desk.cut(task, data, outputs, wishes.trimap(form, limits), asked.precision).values()
            return content, outputs.format.name

        content, name = await desk.do(work, partial(forms.left, request))
        return Response(content, media_type=wishes.MEDIA[name])

    @api.post("/cutout", summary="Cut out one picture", **description.picture(Wishes))
    async def cutout(request: Request) -> Response:
        return await cut(request)

    @api.post("/alpha", summary="The matte of one picture, grey", **description.picture(Wishes, ("kind", "background")))
    async def alpha(request: Request) -> Response:
        return await cut(request, kind="alpha")


def _add_operations(api: FastAPI, desk: Desk, counters: Counters) -> None:
    @api.get("/health", summary="Whether the process lives")
    async def health() -> Mapping[str, str]:
        return {"status": "alive", "version": __version__}

    @api.get("/ready", summary="Whether requests are taken")
    async def ready() -> Mapping[str, Any]:
        if desk.is_closing:
            raise Refused(503, "the server is stopping")
        return {"status": "ready", "running": desk.running, "waiting": desk.waiting}

    @api.get("/metrics", summary="Counts for Prometheus", response_class=PlainTextResponse)
    async def metrics() -> Response:
        return Response(counters.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
