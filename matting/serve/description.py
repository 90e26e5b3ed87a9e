"""What `/openapi.json` says of bodies that routes read by themselves, because they take them in several forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

_FILE = {"type": "string", "format": "binary"}

PICTURES = ("image/png", "image/webp", "image/jpeg", "image/tiff")
JSON = "application/json"

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
    answers: Sequence[str] = PICTURES,
    status: int = 200,
) -> dict[str, Any]:
    """Return the keywords for a route that takes a form, and perhaps a file alone.

    Args:
        raw: the kind of content that the body itself may be.
        answers: the kinds of content that are returned.
        status: with which it is.
    """
    schema = {"type": "object", "properties": properties, "required": list(required)}
    form = {"schema": schema}
    content: dict[str, Any] = {"multipart/form-data": form}
    if raw is not None:
        content[raw] = {"schema": _FILE}
    refusal = {"type": "object", "properties": {"detail": {"type": "string"}}}
    responses = {
        str(status): {"description": why, "content": {JSON: {"schema": refusal}}} for status, why in _REFUSALS.items()
    }
    returned = {kind: {"schema": {"type": "object"} if kind == JSON else _FILE} for kind in answers}
    good = {str(status): {"description": "the result", "content": returned}}
    return {"openapi_extra": {"requestBody": {"required": True, "content": content}, "responses": good | responses}}


def fields(model: type[BaseModel], without: Sequence[str] = ()) -> dict[str, Any]:
    """Return a model's fields as a form has them."""
    properties = model.model_json_schema()["properties"]
    return {name: _sendable(value) for name, value in properties.items() if name not in without}


def _sendable(field: dict[str, Any]) -> dict[str, Any]:
    """Return a field without null, for which a form has no word: it is left out instead."""
    if "anyOf" not in field:
        return field
    (kind,) = (kind for kind in field["anyOf"] if kind.get("type") != "null")
    return {name: value for name, value in field.items() if name not in ("anyOf", "default")} | kind


def picture(model: type[BaseModel], without: Sequence[str] = ()) -> dict[str, Any]:
    """Return the keywords for a route that takes a picture, its trimap, and wishes."""
    files = {"file": _FILE, "trimap": _FILE}
    if "background" not in without:
        files["background_file"] = _FILE
    return body(files | fields(model, without), ("file",), "image/*")
