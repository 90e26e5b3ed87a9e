"""The flags and the run that video.py, predict_video.py and bg_replace_video.py share."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matting.commands import cutting, shared
from matting.errors import MattingError
from matting.system.streams import say

if TYPE_CHECKING:
    from matting.predictor import Predictor
    from matting.video.formats import Result
    from matting.video.source import Source

_logger = logging.getLogger(__name__)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of a tool that cuts out clips; its `--config` may be left out for an export."""
    shared.add_weights(parser)
    shared.add_engine(parser, "auto")
    shared.add_refine(parser)
    cutting.add_estimate(parser)
    parser.add_argument(
        "--steady", choices=("auto", "none", "delay", "flow"), default="auto",
        help="how flicker goes; auto is flow, and none for cameras and networks with a memory",
    )  # fmt: skip
    parser.add_argument("--start", type=moment, default=0.0, help="where to begin: seconds, or h:mm:ss")
    parser.add_argument("--end", type=moment, help="where to end; the clip's own end if not given")
    parser.add_argument("--rate", type=_rate, help="frames a second of a folder of frames, e.g. 30000/1001; else 25")
    parser.add_argument("--no_sound", action="store_true", help="leave the sound out")
    parser.add_argument("--no_subtitles", action="store_true", help="leave the subtitles out")


def add_encoding(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say how one result is compressed."""
    parser.add_argument("--codec", type=shared.filled, help="h264, vp9, prores, ffv1, png or mpeg4; else by the ending")
    parser.add_argument("--quality", type=shared.count, help="the encoder's own number (crf), 0 is the best")


def moment(text: str) -> float:
    """Return the seconds that a flag names: `75`, `1:15` or `0:01:15.5`."""
    seconds = 0.0
    parts = text.split(":")
    for number, part in enumerate(parts):
        value = shared.number(part)
        if not 0 <= value < (60 if number else 1e9) or len(parts) > 3:
            raise argparse.ArgumentTypeError(f"{text!r} must be seconds, or hours:minutes:seconds, not below 0")
        seconds = 60 * seconds + value
    return seconds


def _rate(text: str) -> Fraction:
    try:
        rate = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(f"{text!r} is no number and no fraction such as 30000/1001") from None
    if not 0 < rate <= 1000 or rate.denominator > 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} must be above 0, and 1000 at most")
    return rate


def run(
    args: argparse.Namespace,
    results: Callable[[], Sequence[Result]],
    background: str | None = None,
    camera: int | None = None,
    show: bool = False,
) -> int:
    """Cut out a clip, `args.video_path`, or a camera; return the exit status.

    All that can be known to go wrong is looked for before the network is loaded.

    Args:
        results: makes what is written.
    """
    from matting.system import log
    from matting.video import sound
    from matting.video.backdrop import parse
    from matting.video.clip import Clip
    from matting.video.cutting import cut
    from matting.video.source import Span
    from matting.video.steadying import DEFAULT, WAYS
    from matting.video.task import Task
    from matting.video.window import Window

    log.start()
    shared.find_export(args)
    wanted = results()
    if args.end is not None and args.end <= args.start:
        raise MattingError(f"--end {args.end:g} does not lie behind --start {args.start:g}; no frame would be left")
    source = _source(args, camera)
    backdrop, behind = parse(background) if background is not None else (None, [])
    left_out = {"audio": args.no_sound, "subtitle": args.no_subtitles}
    carried = tuple(kind for kind in sound.CARRIED if not left_out[kind])
    for result in wanted:
        _check_place(result, [source.path, Path(background or "")])
        if isinstance(source, Clip):
            sound.check(source, result, carried)
    shown = Window() if show else None
    span = Span(args.start, args.end)
    predictor, made_with = _network(args)
    remembers = bool(predictor.network.interface.states)
    way = ("none" if remembers or source.is_live else DEFAULT) if args.steady == "auto" else args.steady
    settings = {
        "source": source.identity(), "span": [args.start, args.end], "results": [one.settings() for one in wanted],
        "background": behind, "fg_estimate": args.fg_estimate, "steady": way, **made_with,
    }  # fmt: skip
    task = Task(
        wanted, span, args.fg_estimate, backdrop, carried, None if source.is_live else settings,
        remembers=remembers, steadier=None if way == "none" else WAYS[way](), show=shown.show if shown else None,
    )  # fmt: skip
    length = span.seconds(source)
    _logger.info(
        "%s: %dx%d, %.5g frames a second%s", source.path, source.width, source.height, float(source.rate),
        f", {length:.2f} s" if length is not None else "",
    )  # fmt: skip
    summary = cut(source, predictor.stream(), task)
    return _tell(source, wanted, summary)


def _tell(source: Source, results: Sequence[Result], summary: Any) -> int:
    from matting.video.camera import Camera

    for found in source.findings.told(source.path, source.rate):
        shared.say_notice(found)
    names = ", ".join(str(result.path) for result in results)
    earlier = f" and {summary.resumed} by an earlier run" if summary.resumed else ""
    dropped = f", {source.dropped} dropped" if isinstance(source, Camera) else ""
    say(f"{summary.frames} frames cut out{earlier}{dropped}, in {names}", summary.timing())
    return 1 if source.findings.damaged or (source.findings.ended and not source.is_live) else 0


def _source(args: argparse.Namespace, camera: int | None) -> Source:
    from matting.video.camera import Camera
    from matting.video.clip import Clip
    from matting.video.frame_folder import RATE, FrameFolder

    if camera is not None:
        return Camera(camera)
    path = args.video_path
    if path.is_dir():
        return FrameFolder(path, args.rate or RATE)
    if args.rate is not None:
        raise MattingError(f"--rate {args.rate}: {path} states its own times; the flag is for a folder of frames")
    return Clip(path)


def _network(args: argparse.Namespace) -> tuple[Predictor, dict[str, Any]]:
    """Return the predictor, and what its mattes depend on."""
    from matting.deployment.loading import Runtime, configuration, make_predictor
    from matting.prediction.provenance import made_with

    cutting.take_default(args)
    values = configuration(args.model_path, args.config, args.opts)
    runtime = Runtime(args.engine, args.precision, args.device, args.threads, refine=args.refine)
    predictor = make_predictor(values, args.model_path, runtime, args.partial)
    if predictor.takes_trimap:
        raise MattingError(
            f"{args.config or args.model_path} needs a trimap for every frame, which clips do not have; take a network "
            "without, as modnet-photographic"
        )
    return predictor, made_with(values, args.model_path, runtime)


def _check_place(result: Result, inputs: Sequence[Path]) -> None:
    from matting.video.formats import FRAMES

    path = result.path
    if path.exists() and path.is_dir() != (result.ending == FRAMES):
        kind = "folder, where a file is to be written" if path.is_dir() else "file, where a folder of frames is to be"
        raise MattingError(f"{path} is a {kind}; give another name")
    for read in inputs:
        if read.exists() and path.resolve() in (read.resolve(), *(read.resolve().parents if read.is_dir() else ())):
            raise MattingError(f"{path} is read for this result, which would take its place; give another name")
