"""A request's body as fields and files, held in memory and bounded: a form, JSON, or the picture alone."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request

from matting.serve.limits import Limits, Refused

_LONGEST = 4096
"""Bytes of a field that is no file."""


@dataclass
class Form:
    """What was sent.

    Attributes:
        fields: text by name; of the address and of the form, which comes first.
        files: contents by name.
    """

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def picture(self, *names: str) -> bytes:
        """Return the first of these files that was sent.

        Raises:
            Refused: none was, or it is empty.
        """
        name = next((name for name in names if name in self.files), None)
        if name is None:
            raise Refused(400, f"no picture was sent; send one as the file `{names[0]}` of a form, or as the body")
        if not self.files[name]:
            raise Refused(400, f"the file `{name}` is empty; send a picture")
        return self.files[name]


class _InMemory(MultiPartParser):
    """Writes no file: what is sent is small enough, as the guard has seen to, and nobody else's business."""

    spool_max_size = 1 << 40


class _ToDisk(_InMemory):
    """Writes one file where it is told to, and holds the others, which may be as large as a picture.

    Args:
        name: of the file.
        place: where it goes.
        most: bytes of everything else.
    """

    def __init__(self, request: Request, limits: Limits, name: str, place: Path) -> None:
        super().__init__(
            request.headers, request.stream(), max_files=limits.fields, max_fields=limits.fields, max_part_size=_LONGEST
        )
        self._name, self._place, self._most, self._held = name, place, limits.body, 0

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        file = self._current_part.file
        if file is not None and self._current_part.field_name == self._name:
            file.file = open(self._place, "wb+")  # noqa: SIM115 - it is closed with the part

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._current_part.field_name != self._name:
            self._held += end - start
            if self._held > self._most:
                raise Refused(413, f"what comes with the clip has more than {self._most:,} bytes; send smaller files")
        super().on_part_data(data, start, end)


async def read(request: Request, limits: Limits, raw: str = "file", long: tuple[str, ...] = ()) -> Form:
    """Return what a request holds.

    Args:
        raw: the name of a file that is sent as the body itself.
        long: names of fields that may be as long as a picture.

    Raises:
        Refused: it is no form, has too many fields, or names one twice.
    """
    kind, most = _kind(request), limits.body if long else _LONGEST
    form = Form()
    if kind == "multipart/form-data":
        parser = _InMemory(
            request.headers, request.stream(), max_files=limits.fields, max_fields=limits.fields, max_part_size=most
        )
        await _take_form(form, parser)
    elif kind == "application/x-www-form-urlencoded":
        await _take_form(
            form, FormParser(request.headers, request.stream(), max_fields=limits.fields, max_part_size=most)
        )
    else:
        content = b"".join([part async for part in request.stream()])
        if kind == "application/json" and long:
            _take_json(form, content)
        elif content:
            form.files[raw] = content
    return _checked(form, request, limits, long)


async def read_clip(request: Request, limits: Limits, place: Path) -> Form:
    """Return what a request holds besides the file `file`, or the body itself, which is written to a place.

    Raises:
        Refused: as `read`; or there is no clip.
    """
    form = Form()
    if _kind(request) == "multipart/form-data":
        await _take_form(form, _ToDisk(request, limits, "file", place), without="file")
    else:
        with open(place, "wb") as file:
            async for part in request.stream():
                await run_in_threadpool(file.write, part)
    if not place.is_file() or not place.stat().st_size:
        raise Refused(400, "no clip was sent; send one as the file `file` of a form, or as the body")
    return _checked(form, request, limits, ())


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _take_form(form: Form, parser: MultiPartParser | FormParser, without: str | None = None) -> None:
    """Fill in what a parser reads, but the content of one file, which is elsewhere."""
    try:
        sent = await parser.parse()
    except MultiPartException as error:
        raise Refused(400, f"the form cannot be read: {error.message}") from None
    async with contextlib.AsyncExitStack() as stack:
        for _, value in sent.multi_items():
            if isinstance(value, UploadFile):
                stack.push_async_callback(value.close)
        for name, value in sent.multi_items():
            if name in form.fields or name in form.files:
                raise Refused(400, f"the form names {_short(name)} twice; send it once")
            if isinstance(value, UploadFile):
                form.files[name] = b"" if name == without else await value.read()
            else:
                form.fields[name] = value


def _checked(form: Form, request: Request, limits: Limits, long: tuple[str, ...]) -> Form:
    """Add what the address says, which the form's own fields come before; raises Refused for what is too long."""
    for name, text in form.fields.items():
        if name not in long and len(text) > _LONGEST:
            raise Refused(400, f"the field {_short(name)} has more than {_LONGEST} characters; shorten it")
    query = request.query_params.multi_items()
    if len(query) > limits.fields:
        raise Refused(400, f"the address has {len(query)} fields; at most {limits.fields} may be given")
    form.fields = dict(query) | form.fields
    return form


def _take_json(form: Form, content: bytes) -> None:
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON, as its Content-Type says; correct it") from None
    if not isinstance(values, Mapping):
        raise Refused(400, "the body is JSON, but no object; send names with values")
    for name, value in values.items():
        if value is not None and not isinstance(value, (list, dict)):
            form.fields[name] = str(value).lower() if isinstance(value, bool) else str(value)


def _short(name: str) -> str:
    """Return a name for a message, without what could do harm there."""
    return repr(name[:40])


async def left(request: Request) -> None:
    """Return when the client of a request whose body was read has left."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
