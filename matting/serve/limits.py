"""What a request may ask at most, who may ask, and how a request is refused."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, fields
from pathlib import Path

from matting.errors import MattingError, TooLargeError, UnknownFormatError


@dataclass(frozen=True)
class Limits:
    """How much is let in.

    Attributes:
        body: bytes of a request with pictures.
        batch: bytes of a zip.
        clip: bytes of a request with a clip; 0 serves none.
        files: files in a zip.
        pixels: of a picture, read from its header before it is decoded, and of a canvas.
        queue: requests that are being received or wait, beside those that are worked on; more are refused at once.
        per_client: requests of one address at a time; 0 does not count.
        jobs: clips that are received, wait or run; more are refused at once. One is worked on at a time.
        seconds: that a picture may take, waiting included.
        clip_seconds: that a clip may take once it is begun.
        clip_result: bytes of what is made of a clip, and of all results that are kept, of which the oldest go first.
        kept: seconds for which the result of a clip can be taken.
        patience: seconds without progress after which a slow sender or reader is left.
        rate: bytes a second that a sender must reach on average, once the patience is over.
        fields: in a form.
        threads: that decode and encode; the network computes one picture at a time.

    Raises:
        MattingError: a value is not above 0, of those that have no meaning there.
    """

    body: int = 32 << 20
    batch: int = 256 << 20
    clip: int = 512 << 20
    files: int = 1000
    pixels: int = 50_000_000
    queue: int = 32
    per_client: int = 16
    jobs: int = 4
    seconds: float = 60
    clip_seconds: float = 3600
    clip_result: int = 4 << 30
    kept: float = 3600
    patience: float = 10
    rate: int = 16 << 10
    fields: int = 64
    threads: int = 3

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0 and (field.name not in ("per_client", "clip") or value < 0):
                raise MattingError(f"the limit {field.name} is {value}; it must be above 0")


@dataclass(frozen=True)
class Access:
    """Who is let in.

    Attributes:
        token: that requests must bring, as `Authorization: Bearer TOKEN` or `X-Api-Key: TOKEN`; None asks for none.
        hosts: names by which the server may be called; none lets any pass. A page elsewhere that has its own name lead
            to this machine (DNS rebinding) is told apart by it.
        origins: other sites whose pages may ask and read (CORS).
        proxies: addresses whose word is taken on who a client is (`X-Forwarded-For`).
    """

    token: str | None = None
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()


class Refused(Exception):
    """A request that is not served.

    Args:
        status: of HTTP.
        sentence: what is wrong, the rule and the cure.
        retry: seconds after which it may be tried again.
    """

    def __init__(self, status: int, sentence: str, retry: int | None = None) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.retry = status, sentence, retry

    @property
    def headers(self) -> dict[str, str]:
        """What the answer carries besides."""
        headers = {} if self.retry is None else {"Retry-After": str(self.retry)}
        return headers | ({"WWW-Authenticate": "Bearer"} if self.status == 401 else {})

    @property
    def content(self) -> dict[str, object]:
        """The answer: `detail` as FastAPI has it, `errors` as remove.bg has it."""
        return {"detail": self.sentence, "errors": [{"title": self.sentence}]}


def refusal(error: MattingError, folder: Path | None = None) -> Refused:
    """Return what a client is told of something that cannot be used; arguments as for `sentence`."""
    status = {TooLargeError: 413, UnknownFormatError: 415}.get(type(error), 422)
    return Refused(status, sentence(error, folder))


def sentence(error: MattingError, folder: Path | None = None) -> str:
    """Return what an error says, with fields of a form in place of flags of the command line.

    Args:
        folder: where files lie that it may name, of which nobody is told.
    """
    text = str(error) if folder is None else str(error).replace(f"{folder}{os.sep}", "")
    for command, name in ((r"--save\b", "kind"), (r"\bmatting predict cuts", "/cutout cuts")):
        text = re.sub(command, name, text)
    return re.sub(r"(?<![\w-])--(\w+)", r"\1", text)
