"""A zip of pictures in, a zip of results out, one picture after the other and nothing of either on a disk."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request
from starlette.responses import StreamingResponse

from matting.errors import MattingError
from matting.prediction.outputs import Outputs
from matting.serve import description, forms
from matting.serve.desk import Desk, Task
from matting.serve.limits import Limits, Refused, sentence
from matting.serve.wishes import Wishes

if TYPE_CHECKING:
    from typing_extensions import Buffer

FAILURES = "errors.json"
"""In the zip that is returned: what could not be cut out, and why, by the names that were sent."""

_ENTRY = b"PK\x01\x02"
"""What the zip's own list of files begins each with."""

_ODD = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"|?*\ud800-\udfff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""What names may not hold, or be, somewhere."""


def add(api: FastAPI, desk: Desk, limits: Limits) -> None:
    """Add the route."""
    files = {"file": {"type": "string", "format": "binary"}} | description.fields(Wishes)
    keywords = description.body(files, ("file",), "application/zip", ("application/zip",))

    @api.post("/batch", summary="Cut out every picture of a zip into another", **keywords)
    async def batch(request: Request) -> StreamingResponse:
        form = await forms.read(request, limits)
        asked, content = Wishes.of(form.fields), form.picture("file")

        def prepare(_: Task) -> tuple[Outputs, zipfile.ZipFile]:
            desk.networks.find(asked.precision)
            return asked.outputs(limits, form.files.get("background_file")), _opened(content, limits)

        outputs, archive = await desk.do(prepare)
        results = _results(partial(_cut, desk, limits, outputs, asked.precision, archive), desk, outputs, archive)
        return StreamingResponse(results, media_type="application/zip")


def _opened(content: bytes, limits: Limits) -> zipfile.ZipFile:
    """Return a zip, of which the list of files was read and nothing else; raises Refused."""
    # Before it is read: millions of entries would fill the memory.
    announced = content.count(_ENTRY)
    if announced > limits.files:
        raise Refused(413, f"the zip holds {announced} files; at most {limits.files} may be sent at a time")
    try:
        return zipfile.ZipFile(io.BytesIO(content))
    except Exception:  # a broken zip may raise nearly anything
        raise Refused(422, "the file is no zip, or a broken one; send a zip of pictures") from None


async def _results(
    cut: Callable[[zipfile.ZipInfo, Task], bytes], desk: Desk, outputs: Outputs, archive: zipfile.ZipFile
) -> AsyncIterator[bytes]:
    """Yield a zip as it grows."""
    sink, failures = _Sink(), {}
    names = _Names(outputs.format.ending)
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as result:  # pictures are compressed already
        for entry in archive.infolist():
            if entry.is_dir() or _is_of_the_system(entry.filename):
                continue
            try:
                content = await desk.do(partial(cut, entry))
                result.writestr(names.new(entry.filename), content)
            except Refused as refused:
                failures[entry.filename] = refused.sentence
            except MattingError as error:
                failures[entry.filename] = sentence(error)
            yield sink.take()
        if failures:
            result.writestr(FAILURES, json.dumps(failures, ensure_ascii=True, indent=1))
    yield sink.take()


def _cut(
    desk: Desk,
    limits: Limits,
    outputs: Outputs,
    precision: str | None,
    archive: zipfile.ZipFile,
    entry: zipfile.ZipInfo,
    task: Task,
) -> bytes:
    """Return the result of one file of a zip; raises MattingError."""
    if entry.flag_bits & 1:
        raise MattingError("the file is encrypted; send a zip without a password")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise MattingError("the file is compressed in another way than deflate; make the zip with the usual settings")
    try:
        with archive.open(entry) as file:
            data = file.read(limits.body + 1)
    except Exception:  # a broken zip may raise nearly anything
        raise MattingError("the file cannot be read; the zip is broken there") from None
    if len(data) > limits.body:
        raise MattingError(f"the file unfolds to more than {limits.body:,} bytes; send smaller files")
    (content,) = desk.cut(task, data, outputs, None, precision).values()
    return content


def _is_of_the_system(name: str) -> bool:
    """Return whether a file is one that systems put beside pictures (`__MACOSX/`, `.DS_Store`, `Thumbs.db`)."""
    parts = PurePosixPath(name).parts
    return not parts or "__MACOSX" in parts or parts[-1].startswith(".") or parts[-1].lower() == "thumbs.db"


class _Names:
    """Names of results: those that were sent, without what could lead anywhere, each once."""

    def __init__(self, ending: str) -> None:
        self._ending, self._taken = ending, {FAILURES}

    def new(self, name: str) -> str:
        parts = [_ODD.sub("_", part).strip(". ")[:100].strip(". ") for part in re.split(r"[/\\]", name)]
        parts = [f"_{part}" if _RESERVED.fullmatch(part) else part for part in parts if part][-8:] or ["picture"]
        parts[-1] = PurePosixPath(parts[-1]).stem
        stem, number = "/".join(parts), 1
        made = f"{stem}.{self._ending}"
        while made.casefold() in self._taken:
            number += 1
            made = f"{stem}-{number}.{self._ending}"
        self._taken.add(made.casefold())
        return made


class _Sink(io.RawIOBase):
    """What a zip is written to, and taken from in between."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, part: Buffer) -> int:
        self._parts.append(bytes(part))
        return len(self._parts[-1])

    def take(self) -> bytes:
        """Return what was written since the last time."""
        parts, self._parts = self._parts, []
        return b"".join(parts)
