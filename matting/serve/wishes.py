"""What a client may ask of a result: the fields of a form, by which the same settings are made as by the commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from matting.pictures.encoding import Format
from matting.pictures.files import read_photograph, read_trimap
from matting.prediction.backgrounds import AnyBackground, Background, Blur, parse_colour
from matting.prediction.framing import Framing
from matting.prediction.outputs import Outputs
from matting.registry import nearest
from matting.serve.forms import Form
from matting.serve.limits import Limits, Refused

MEDIA = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg", "tiff": "image/tiff"}
"""What formats are called by HTTP."""


class Fields(BaseModel):
    """Fields that every route takes."""

    model_config = ConfigDict(extra="forbid")

    precision: Literal["fp32", "bf16", "int8"] | None = Field(
        None, description="in which the network computes, where the server offers it"
    )

    @classmethod
    def of(cls, fields: Mapping[str, str], **fixed: str) -> Self:
        """Make one of the fields that were sent.

        Args:
            fixed: what the route itself says.

        Raises:
            Refused: a field is unknown, or its value cannot be meant.
        """
        try:
            return cls.model_validate({**fields, **fixed})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = str(first["loc"][0])[:40] if first["loc"] else ""
            if first["type"] == "extra_forbidden":
                raise Refused(422, f"{name!r} is no field here; {nearest(name, list(cls.model_fields))}") from None
            raise Refused(422, f"{name}: {first['msg'][:1].lower()}{first['msg'][1:]}") from None


class Wishes(Fields):
    """The fields of `/cutout`."""

    kind: Literal["rgba", "composite", "alpha", "side_by_side", "trimap"] | None = Field(
        None, description="rgba; with a background composite"
    )
    format: Literal["png", "webp", "jpeg", "jpg", "tiff"] = Field("png", description="of the result")
    quality: int = Field(90, description="of jpeg and webp, 1 to 100")
    lossless: bool = Field(False, description="webp keeps every value")
    bits: int = Field(16, description="of alpha in a tiff, 8 or 16")
    background: str | None = Field(None, description="a colour (white, #fff, #20a060, 32,160,96), or blur")
    crop: bool = Field(False, description="to the person")
    margin: str = Field("0", description="around the person, in pixels or percent: 20, 5%")
    canvas: str | None = Field(None, description="the person scaled onto a canvas: 1000x1000")
    position: Literal["center", "bottom"] = Field("center", description="on the canvas")
    max_size: int | None = Field(None, description="pixels of the longest side at most")

    def outputs(self, limits: Limits, picture: bytes | None = None) -> Outputs:
        """Return what is made: one kind.

        Args:
            picture: the content of a file for a background, instead of the field.

        Raises:
            Refused: the canvas is too large, or the background is named twice.
            MattingError: the settings do not go together, or the picture cannot be used.
        """
        behind = background(self.background, picture, limits)
        name = "jpeg" if self.format == "jpg" else self.format
        kind = self.kind or ("rgba" if behind is None else "composite")
        if behind is not None and kind != "composite":
            raise Refused(422, f"background is shown by composites alone, and kind is {kind}; leave one of them out")
        framing = Framing.parse(self.crop, self.margin, self.canvas, self.position, self.max_size)
        if framing.canvas and framing.canvas[0] * framing.canvas[1] > limits.pixels:
            raise Refused(413, f"canvas {self.canvas}: it may have at most {limits.pixels / 1e6:g} megapixels")
        format = Format(name, quality=self.quality, lossless=self.lossless, bits=self.bits)
        outputs = Outputs((kind,), format=format, framing=framing)
        return outputs if behind is None else replace(outputs, background=behind)


def background(text: str | None, picture: bytes | None, limits: Limits) -> AnyBackground | None:
    """Return the background of a colour, `blur` or a picture; None of nothing. No text is ever a path.

    Raises:
        Refused: it is none of these, or both are given.
        MattingError: the picture cannot be used.
    """
    if picture is not None:
        if text:
            raise Refused(422, "a background is named and another one is sent; leave one out")
        photograph = read_photograph("the background", limits.pixels, picture)
        return Background(picture=photograph.own, profile=photograph.metadata.profile)
    if not text:
        return None
    if text == "blur":
        return Blur()
    colour = parse_colour(text)
    if colour is None:
        raise Refused(
            422,
            f"background {text[:40]!r} is neither a colour (white, #rgb, #rrggbb, or r,g,b of 0 to 255) nor blur; a "
            "picture is sent as the file `background_file`",
        )
    return Background(colour)


def trimap(form: Form, limits: Limits) -> Any:
    """Return the trimap that was sent, (H, W) uint8 in {0, 128, 255}, or None; raises MattingError."""
    data = form.files.get("trimap")
    return None if data is None else read_trimap("the trimap", limits.pixels, data)
