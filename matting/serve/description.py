"""What `/openapi.json` says of bodies that routes read by themselves, because they take them in several forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

_FILE = {"type": "string", "format": "binary"}

_REFUSALS = {
    400: "the request cannot be read",
    401: "the token is missing or wrong",
    408: "the body comes too slowly",
    413: "too many bytes or pixels",
    415: "of no kind that is read",
    422: "the picture or a field cannot be used",
    429: "the queue, or this client's share of it, is full; see Retry-After",
    503: "the server is stopping, or nothing was free in time",
    504: "the picture takes too long",
}


def body(
    properties: dict[str, Any],
    required: Sequence[str],
    raw: str | None = None,
    answer: str = "image/png",
    status: int = 200,
) -> dict[str, Any]:
    """Return the keywords for a route that takes a form, and perhaps a file alone.

    Args:
        raw: the kind of content that the body itself may be.
        answer: the kind of content that is returned.
        status: with which it is.
    """
    form = {"schema": {"type": "object", "properties": properties, "required": list(required)}}
    content: dict[str, Any] = {"multipart/form-data": form}
    if raw is not None:
        content[raw] = {"schema": _FILE}
    refusal = {"type": "object", "properties": {"detail": {"type": "string"}}}
    responses = {
        str(status): {"description": why, "content": {"application/json": {"schema": refusal}}}
        for status, why in _REFUSALS.items()
    }
    returned = {"type": "object"} if answer == "application/json" else _FILE
    good = {str(status): {"description": "the result", "content": {answer: {"schema": returned}}}}
    return {"openapi_extra": {"requestBody": {"required": True, "content": content}, "responses": good | responses}}


def fields(model: type[BaseModel], without: Sequence[str] = ()) -> dict[str, Any]:
    """Return a model's fields as a form has them."""
    properties = model.model_json_schema()["properties"]
    return {name: value for name, value in properties.items() if name not in without}


def picture(model: type[BaseModel], without: Sequence[str] = ()) -> dict[str, Any]:
    """Return the keywords for a route that takes a picture, its trimap, and wishes."""
    files = {"file": _FILE, "trimap": _FILE}
    if "background" not in without:
        files["background_file"] = _FILE
    return body(files | fields(model, without), ("file",), "image/*")
