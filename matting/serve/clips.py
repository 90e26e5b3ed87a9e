"""Clips by HTTP: one is sent and becomes a job, which is asked about, taken, or cancelled."""

from __future__ import annotations

import contextlib
import importlib.util
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

from fastapi import FastAPI, Request, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, StreamingResponse

from matting.errors import MattingError
from matting.serve import description, forms, wishes
from matting.serve.desk import Desk, Task
from matting.serve.jobs import Cancelled, Job, Jobs
from matting.serve.limits import Limits, Refused, refusal, sentence

MEDIA = {"mp4": "video/mp4", "webm": "video/webm", "mov": "video/quicktime", "mkv": "video/x-matroska"}
"""What formats are called by HTTP."""

_CLIP = "the clip"
"""How the file that was sent is called, here and in what is said about it."""

_PIECE = 1 << 16
"""Bytes of a result that are sent at a time."""


class ClipWishes(wishes.Fields):
    """The fields of `/video`."""

    kind: Literal["rgba", "composite", "alpha"] | None = Field(None, description="rgba; with a background composite")
    format: Literal["mp4", "webm", "mov", "mkv"] | None = Field(None, description="webm of rgba, else mp4")
    quality: int | None = Field(None, description="the encoder's own number, 0 is the best")
    background: str | None = Field(None, description="a colour (lime, #fff, 32,160,96), or blur")
    start: float = Field(0, ge=0, le=1e6, allow_inf_nan=False, description="seconds")
    end: float | None = Field(None, ge=0, le=1e6, allow_inf_nan=False, description="seconds; the clip's own end")
    steady: Literal["auto", "none", "delay", "flow"] = Field("auto", description="how flicker goes")
    no_sound: bool = Field(False, description="leave the sound out")
    no_subtitles: bool = Field(False, description="leave the subtitles out")


def add(api: FastAPI, desk: Desk, limits: Limits) -> Jobs:
    """Add the routes; return what is to be closed at the end."""
    jobs = Jobs(limits)
    file = {"type": "string", "format": "binary"}
    fields = {"file": file, "background_file": file} | description.fields(ClipWishes)
    about: dict[str, Any] = {"responses": {status: {"description": why} for status, why in _ANSWERS.items()}}

    body = description.body(fields, ("file",), "video/*", (description.JSON,), 202)

    @api.post("/video", summary="Cut out a clip, a job that the answer names", status_code=202, **body)
    async def begin(request: Request) -> Response:
        _check_served(limits)
        with jobs.received() as job:
            form = await forms.read_clip(request, limits, job.folder / _CLIP)
            asked = ClipWishes.of(form.fields)
            prepared = partial(_prepared, job, asked, form.files.get("background_file"), desk, jobs)
            jobs.begin(job, await desk.do(prepared, partial(forms.left, request)))
        link = _link(request, job)
        return JSONResponse(job.told(link), 202, {"Location": link})

    @api.get("/video/{name}", summary="How far a clip is", **about)
    async def progress(request: Request, name: str) -> dict[str, Any]:
        job = jobs.find(name)
        return job.told(_link(request, job))

    @api.get("/video/{name}/result", summary="Take what was made of a clip", response_class=Response, **about)
    async def result(name: str) -> Response:
        job = jobs.find(name)
        if job.status != "done" or job.result is None:
            raise Refused(409, job.detail or f"the clip is {job.status}; ask /video/{job.name} how far it is")
        ending = job.result.suffix.removeprefix(".")
        headers = {
            "Content-Length": str(job.result.stat().st_size),
            "Content-Disposition": f'attachment; filename="cutout.{ending}"',
        }
        return StreamingResponse(_pieces(jobs, job, job.result), headers=headers, media_type=MEDIA[ending])

    @api.delete("/video/{name}", status_code=204, summary="Cancel or remove a clip", **about)
    async def cancel(name: str) -> None:
        await run_in_threadpool(jobs.cancel, jobs.find(name))

    return jobs


_ANSWERS: dict[int | str, str] = {
    401: "the token is missing or wrong", 404: "there is no such clip", 409: "the clip is not done, or failed"
}  # fmt: skip


def _check_served(limits: Limits) -> None:
    """Raise Refused where clips cannot be served at all."""
    if not limits.clip:
        raise Refused(403, "clips are not served here; start the server with one process and without --max_clip_mb 0")
    if importlib.util.find_spec("av") is None:
        raise Refused(501, "clips need PyAV, which this server lacks: pip install av, or the extra `video`")


def _link(request: Request, job: Job) -> str:
    return f"{request.scope.get('root_path', '')}/video/{job.name}"


async def _pieces(jobs: Jobs, job: Job, path: Path) -> AsyncIterator[bytes]:
    """Yield a result; it is removed when only the last piece is left to be sent.

    A client who has everything leaves at once, and behind the last piece nothing more would be done.
    """
    with open(path, "rb") as file:
        piece = await run_in_threadpool(file.read, _PIECE)
        while following := await run_in_threadpool(file.read, _PIECE):
            yield piece
            piece = following
    await run_in_threadpool(jobs.remove, job)
    yield piece


def _prepared(
    job: Job, asked: ClipWishes, picture: bytes | None, desk: Desk, jobs: Jobs, _: Task
) -> Callable[[Job], None]:
    """Return what cuts out the clip of a job, after a look at all that can be known to go wrong.

    Raises:
        Refused: the clip or a wish cannot be served.
    """
    try:
        return _Work(job, asked, picture, desk, jobs)
    except MattingError as error:
        raise refusal(error, job.folder) from None


class _Work:
    """A clip cut out by the server's network, frame by frame in turn with what else asks for it."""

    def __init__(self, job: Job, asked: ClipWishes, picture: bytes | None, desk: Desk, jobs: Jobs) -> None:
        from matting.video import sound
        from matting.video.backdrop import Still
        from matting.video.clip import Clip
        from matting.video.source import Span

        self._asked, self._desk, self._jobs, self._limits = asked, desk, jobs, desk.limits
        self._predictor = desk.networks.find(asked.precision)
        if self._predictor.takes_trimap:
            raise Refused(422, "this server's network needs a trimap for every frame, which clips do not have")
        behind = wishes.background(asked.background, picture, desk.limits)
        self._backdrop = None if behind is None else Still(behind)
        self._result = self._wanted(job.folder)
        if asked.end is not None and asked.end <= asked.start:
            raise Refused(422, f"end {asked.end:g} does not lie behind start {asked.start:g}; no frame would be left")
        self._span = Span(asked.start, asked.end)
        self._source = Clip(job.folder / _CLIP)
        if self._source.height * self._source.width > desk.limits.pixels:
            size = f"{self._source.width}x{self._source.height}"
            raise Refused(413, f"the clip is {size}; a frame may have {desk.limits.pixels / 1e6:g} megapixels")
        left_out = {"audio": asked.no_sound, "subtitle": asked.no_subtitles}
        self._carried = tuple(kind for kind in sound.CARRIED if not left_out[kind])
        try:
            sound.check(self._source, self._result, self._carried)
        except MattingError as error:
            if asked.format is not None:
                raise
            self._carried = ()
            why = sentence(error, job.folder).partition(";")[0]
            job.notes.append(f"{why}: sound and subtitles are left out; another format keeps them")

    def _wanted(self, folder: Path) -> Any:
        from matting.video.formats import Result

        kind = self._asked.kind or ("rgba" if self._backdrop is None else "composite")
        if (kind == "composite") != (self._backdrop is not None):
            needs = "needs a" if kind == "composite" else "shows no"
            raise Refused(422, f"kind {kind} {needs} background")
        name = self._asked.format or ("webm" if kind == "rgba" else "mp4")
        return Result.of(folder / f"the result.{name}", kind, quality=self._asked.quality)

    def __call__(self, job: Job) -> None:
        """Do it; raises Cancelled, or MattingError."""
        from matting.video.cutting import cut
        from matting.video.steadying import DEFAULT, WAYS
        from matting.video.task import Task as Cutting

        stream = self._predictor.stream()

        def matte(frame: Any) -> Any:
            with self._desk.turns:
                return stream(frame)

        remembers = bool(self._predictor.network.interface.states)
        way = self._asked.steady if self._asked.steady != "auto" else "none" if remembers else DEFAULT
        steadier = None if way == "none" else WAYS[way]()
        cut(
            self._source, matte,
            Cutting(
                [self._result], self._span, backdrop=self._backdrop, carried=self._carried, remembers=remembers,
                steadier=steadier, show=self._watch(job),
            ),
        )  # fmt: skip
        (job.folder / _CLIP).unlink()
        job.notes += [sentence(MattingError(note), job.folder) for note in self._source.findings.told(
            self._source.path, self._source.rate)]  # fmt: skip
        job.progress, job.result = 1.0, self._result.path

    def _watch(self, job: Job) -> Callable[[Any], None]:
        """Return what is called after every frame; it raises Cancelled, or MattingError where a limit is reached."""
        seconds = self._span.seconds(self._source)
        expected = seconds * float(self._source.rate) if seconds else None
        end = time.monotonic() + self._limits.clip_seconds

        def seen(_: Any) -> None:
            job.frames += 1
            job.progress = None if expected is None else round(min(job.frames / expected, 0.99), 3)
            if job.status == "cancelled" or self._jobs.is_closing or self._desk.is_closing:
                raise Cancelled
            if time.monotonic() > end:
                raise MattingError(
                    f"the clip takes more than {self._limits.clip_seconds:g} s; send a shorter or smaller one"
                )
            if job.frames % 25 == 0 and _bytes(job.folder) > self._limits.clip_result + self._limits.clip:
                raise MattingError(f"the result has more than {self._limits.clip_result:,} bytes; take another format")

        return seen


def _bytes(folder: Path) -> int:
    """Return how much a folder holds."""
    found = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # it was renamed just now
            found += path.stat().st_size
    return found
