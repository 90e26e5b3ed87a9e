"""The routes of remove.bg and of rembg's server, by their own field names, so that their clients can ask here."""

from __future__ import annotations

import base64
import binascii
import math
import re
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.responses import JSONResponse

from matting.pictures.headers import read_header
from matting.serve import description, forms
from matting.serve.desk import Desk, Task
from matting.serve.forms import Form
from matting.serve.limits import Limits, Refused
from matting.serve.wishes import MEDIA, Wishes

_MEGAPIXELS = {
    "preview": 0.25, "small": 0.25, "regular": 0.25, "medium": 1.5, "hd": 4, "4k": 10, "50MP": 50, "full": None,
    "auto": None,
}  # fmt: skip
"""remove.bg's sizes. Differs: without one the result is as large as the picture, for nobody pays by size here."""

_NO_ADDRESSES = "this server fetches nothing from addresses, so that nobody can make it ask others; send the picture"

_ACCOUNT = {
    "credits": {"total": 1_000_000, "subscription": 0, "payg": 1_000_000, "enterprise": 0},
    "api": {"free_calls": 1_000_000, "sizes": "all"},
}
"""remove.bg's account, which some clients look at before they ask; never less, for nobody pays here."""

_TRUE = ("true", "1", "on", "yes")


@dataclass(frozen=True)
class _Asked:
    """What one of the foreign forms comes to."""

    picture: bytes
    wishes: dict[str, str]
    background: bytes | None = None
    megapixels: float | None = None


def add(api: FastAPI, desk: Desk, limits: Limits) -> None:
    """Add the routes."""
    file = {"type": "string", "format": "binary"}
    answers = (*description.PICTURES, description.JSON)
    texts = ("size", "format", "channels", "bg_color", "crop", "crop_margin", "image_file_b64")
    named = {"image_file": file, "bg_image_file": file} | {name: {"type": "string"} for name in texts}

    @api.post("/v1.0/removebg", summary="As remove.bg", **description.body(named, (), answers=answers))
    async def removebg(request: Request) -> Response:
        form = await forms.read(request, limits, "image_file", ("image_file_b64",))
        content, kind, size = await _cut(desk, limits, request, _of_removebg(form))
        extra = {"X-Type": "person", "X-Width": str(size[0]), "X-Height": str(size[1]), "X-Credits-Charged": "0"}
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"data": {"result_b64": base64.b64encode(content).decode("ascii")}}, headers=extra)
        return Response(content, media_type=kind, headers=extra)

    @api.get("/v1.0/account", summary="As remove.bg: enough is left")
    async def account() -> dict[str, Any]:
        return {"data": {"attributes": _ACCOUNT}}

    rembg = {"file": file, "om": {"type": "boolean"}, "bgc": {"type": "string"}}

    @api.post("/api/remove", summary="As rembg's server", **description.body(rembg, ("file",), "image/*"))
    async def remove(request: Request) -> Response:
        form = await forms.read(request, limits)
        content, kind, _ = await _cut(desk, limits, request, _of_rembg(form))
        return Response(content, media_type=kind)

    refused: dict[int | str, dict[str, Any]] = {403: {"description": "nothing is fetched from addresses"}}

    @api.get("/api/remove", summary="As rembg's server, refused", status_code=403, responses=refused)
    async def fetch() -> Response:
        raise Refused(403, f"{_NO_ADDRESSES} by POST, as the file `file`")


async def _cut(desk: Desk, limits: Limits, request: Request, asked: _Asked) -> tuple[bytes, str, tuple[int, int]]:
    """Return the result's content, what HTTP calls its format, and its width and height."""

    def work(task: Task) -> tuple[bytes, str, tuple[int, int]]:
        wishes = dict(asked.wishes)
        if asked.megapixels is not None:
            header = read_header(asked.picture, "the picture", limits.pixels)
            scale = math.sqrt(asked.megapixels * 1e6 / (header.width * header.height))
            if scale < 1:
                wishes["max_size"] = str(max(1, int(scale * max(header.width, header.height))))
        outputs = Wishes.of(wishes).outputs(limits, asked.background)
        (content,) = desk.cut(task, asked.picture, outputs).values()
        made = read_header(content, "the result", 1 << 40)
        return content, MEDIA[outputs.format.name], (made.width, made.height)

    return await desk.do(work, partial(forms.left, request))


def _of_removebg(form: Form) -> _Asked:
    """Read remove.bg's form; raises Refused for what would be left undone."""
    fields = {name: value for name, value in form.fields.items() if value}
    for name in ("image_url", "bg_image_url"):
        if name in fields:
            raise Refused(400, f"{name}: {_NO_ADDRESSES} itself as the file {name.replace('url', 'file')}")
    for name, usual in (("scale", "original"), ("position", "original"), ("roi", ""), ("add_shadow", "false")):
        if fields.get(name, usual) != usual:
            raise Refused(422, f"{name} is not served here; leave it out (crop, crop_margin and size are)")
    size, channels = fields.get("size", "auto"), fields.get("channels", "rgba")
    if size not in _MEGAPIXELS:
        raise Refused(422, f"size must be one of {', '.join(_MEGAPIXELS)}")
    if channels not in ("rgba", "alpha"):
        raise Refused(422, "channels must be rgba or alpha")
    wishes = _framing(fields) | _format(fields, form, channels)
    return _Asked(_removebg_picture(form, fields), wishes, form.files.get("bg_image_file"), _MEGAPIXELS[size])


def _removebg_picture(form: Form, fields: dict[str, str]) -> bytes:
    if "image_file_b64" not in fields:
        return form.picture("image_file")
    if "image_file" in form.files:
        raise Refused(400, "image_file and image_file_b64 are both sent; leave one out")
    text = "".join(fields["image_file_b64"].rpartition("base64,")[2].split())
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(400, "image_file_b64 is not base64; encode the picture's file") from None


def _framing(fields: dict[str, str]) -> dict[str, str]:
    if fields.get("crop", "false").lower() not in _TRUE:
        return {}
    margin = fields.get("crop_margin", "0").removesuffix("px")
    if " " in margin.strip():
        raise Refused(422, "crop_margin: one margin for all sides is served here, as 10% or 20px")
    return {"crop": "true", "margin": margin}


def _format(fields: dict[str, str], form: Form, channels: str) -> dict[str, str]:
    """Return format, kind and background."""
    colour = _hexadecimal(fields.get("bg_color", ""))
    has_background = bool(colour) or "bg_image_file" in form.files
    name = fields.get("format", "auto")
    if name == "auto":
        name = "jpg" if has_background and channels == "rgba" else "png"
    if name not in ("png", "jpg", "webp"):
        raise Refused(422, "format must be auto, png, jpg or webp")
    if channels == "alpha":
        if has_background:
            raise Refused(422, "channels is alpha, which shows no background; leave one of them out")
        return {"format": name, "kind": "alpha"}
    if name == "jpg" and not has_background:
        colour = "white"  # as there: JPEG holds no transparency
    return {"format": name} | ({"background": colour} if colour else {})


def _hexadecimal(text: str) -> str:
    """Return a colour as it is called here: remove.bg's has no #, and may end in a transparency."""
    if not re.fullmatch(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})", text):
        return text
    digits = text.removeprefix("#")
    if len(digits) == 8 and digits[6:].lower() != "ff":
        raise Refused(422, "bg_color: a background that shows through is not served here; leave two digits out")
    return f"#{digits[:6]}"


def _of_rembg(form: Form) -> _Asked:
    """Read rembg's form. Which model, and how mattes are made finer, is decided where the server is started."""
    fields: dict[str, Any] = {name: value for name, value in form.fields.items() if value}
    if "url" in fields:
        raise Refused(403, f"{_NO_ADDRESSES} as the file `file`")
    picture = form.picture("file")
    if fields.get("om", "false").lower() in _TRUE:
        return _Asked(picture, {"kind": "alpha"})
    values = fields.get("bgc", "").split(",")
    if values == [""] or (len(values) == 4 and values[3].strip() == "0"):
        return _Asked(picture, {})
    if len(values) == 4 and values[3].strip() != "255":
        raise Refused(422, "bgc: a background that shows through is not served here; give r,g,b,255")
    return _Asked(picture, {"background": ",".join(values[:3])})
