"""Cut people out of pictures, folders and streams: python tools/cut.py photo.jpg writes photo_cutout.png beside it"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from matting.choices import FORMATS, KINDS
from matting.commands import cutting, shared
from matting.system.streams import say

if TYPE_CHECKING:
    from matting.prediction.outputs import Outputs

_EXAMPLES = """\
  matting cut photo.jpg                       writes photo_cutout.png beside it
  matting cut photo.jpg person.webp           or where you say
  matting cut photos -o cutouts               a folder with its subfolders; goes on where it was stopped
  matting cut "photos/*.jpg" --background white --crop --margin 5% --format jpeg
  matting cut - < photo.jpg > person.png      a stream
  matting cut --watch inbox -o cutouts        every picture that comes, until Ctrl-C
"""


def parse_args() -> argparse.Namespace:
    parser = shared.bare_parser("Cut people out of pictures, folders and streams.", f"examples:\n{_EXAMPLES}")
    parser.usage, parser.is_intermixed = "matting cut INPUT ... [-o OUTPUT] [FLAGS]", True
    parser.add_argument(
        "inputs", nargs="*", metavar="INPUT", help="pictures, folders, patterns, .txt lists, or - for standard input"
    )
    parser.add_argument(
        "-o", "--output", "--save_dir", dest="output", type=Path,
        help="a folder, a file, or - for standard output; also as the last word. If not given: beside the input",
    )  # fmt: skip
    parser.add_argument("--watch", type=Path, metavar="FOLDER", help="cut out what comes into a folder, until Ctrl-C")
    parser.add_argument("--overwrite", action="store_true", help="do all again, and replace what is there")
    parser.add_argument("--report", action="store_true", help="a page of thumbnails, the least decided mattes first")
    add_results(parser.add_argument_group("results"))
    cutting.add_network(parser)
    cutting.add_matte_flags(parser.add_argument_group("mattes"))
    return parser.parse_args()


def add_results(group: argparse._ArgumentGroup) -> None:
    """Add the flags that say what is written of each picture."""
    group.add_argument(
        "--kind", "--save", dest="kinds", type=_kinds, metavar="KIND[,KIND]",
        help=f"what is written, of {', '.join(KINDS)}; if not given: rgba, with --background composite",
    )  # fmt: skip
    group.add_argument("--format", choices=FORMATS, help="as the output's ending says, else png")
    group.add_argument("--quality", type=shared.positive, help="of jpeg and webp, 1 to 100")
    group.add_argument("--lossless", action="store_true", help="webp keeps every value")
    group.add_argument("--bits", type=shared.positive, help="of alpha in a tiff: 8, or 16 if not given")
    group.add_argument("--premultiplied", action="store_true", help="colours times alpha")
    group.add_argument(
        "--background", type=shared.filled, help="a colour (white, #fff, 255,255,255), blur, a picture or a folder"
    )
    group.add_argument("--crop", action="store_true", help="to the person")
    group.add_argument("--margin", default="0", help="around the person, in pixels or percent: 20, 5%%")
    group.add_argument("--canvas", metavar="WxH", help="the person scaled onto a canvas of this size: 1000x1000")
    group.add_argument(
        "--position", "--align", dest="position", choices=("center", "bottom"), default="center", help="on the canvas"
    )
    group.add_argument("--max_size", type=shared.positive, help="pixels of the longest side at most")
    group.add_argument(
        "--pattern", type=shared.filled,
        help="of names: {stem}_cutout.{ext} if not given, of several kinds {stem}_{kind}.{ext}",
    )  # fmt: skip


def _kinds(text: str) -> list[str]:
    """Return the kinds that one word names, so that no picture after it is taken for one."""
    kinds = list(dict.fromkeys(text.split(",")))
    for kind in kinds:
        if kind not in KINDS:
            raise argparse.ArgumentTypeError(f"{kind!r} is none of {', '.join(KINDS)}; give one, or alpha,rgba")
    return kinds


def main() -> int:
    args = parse_args()
    from matting.prediction import requests
    from matting.system import log
    from matting.weights.published import DEFAULT

    log.start()
    if args.config is None:
        args.model_path = args.model_path or DEFAULT
    if args.watch is not None:
        return _watch(args)
    if not args.inputs:
        raise shared.MattingError(
            "nothing is named to be cut out; give a picture, a folder or - for a stream, as matting cut photo.jpg"
        )
    words, args.output = requests.split(args.inputs, args.output)
    if requests.STREAM in (*words, str(args.output)):
        return _stream(args, words)
    unlisted: list[str] = []
    paths = requests.expanded(words)
    one_file = args.output if requests.is_file(args.output) else None
    outputs = outputs_of(args, one_file)
    wanted = requests.find(paths, args.output, args.trimap_path, unlisted)
    requests.check(wanted, outputs)
    for folder in unlisted:
        shared.say_skipped(folder)
    cutter = cutting.open_cutter(args, outputs.kinds, [job.image for request in wanted for job in request.jobs])
    return cutting.cut_out(args, wanted, outputs, cutter) or int(bool(unlisted))


def outputs_of(args: argparse.Namespace, file: Path | None) -> Outputs:
    """Return what is written, by the flags and by the ending of the one file that is, if it is one."""
    from matting.pictures.encoding import ENDINGS, Format
    from matting.prediction.framing import Framing
    from matting.prediction.outputs import Outputs

    said = Format.of(file).name if file else ENDINGS.get(Path(args.pattern or "").suffix.lower())
    if file and args.format not in (None, said):
        raise shared.MattingError(f"{file} ends as {said}, and --format says {args.format}; leave --format out")
    if file and args.pattern:
        raise shared.MattingError(f"{file} is a name already; leave --pattern out, or name a folder")
    name = args.format or said or "png"
    kinds = args.kinds or (["rgba"] if args.background is None else ["composite"])
    if name == "jpeg" and args.kinds is None and args.background is None:
        raise shared.MattingError(
            f"{file or '--format jpeg'}: JPEG holds no transparency; give .png, .webp or .tif, or a --background"
        )
    if file and len(kinds) > 1:
        raise shared.MattingError(f"{file} is one file, and {' and '.join(kinds)} are {len(kinds)}; name a folder")
    given = {key: getattr(args, key) for key in ("quality", "bits") if getattr(args, key) is not None}
    if "bits" in given and name != "tiff":
        raise shared.MattingError(f"--bits {args.bits} is a choice of tiff alone, not of {name}; leave it out")
    if "quality" in given and (name not in ("jpeg", "webp") or args.lossless):
        raise shared.MattingError(
            f"--quality {args.quality} is a choice of jpeg, and of webp without --lossless; leave it out"
        )
    format = Format(name, lossless=args.lossless, premultiplied=args.premultiplied, **given)
    framing = Framing.parse(args.crop, args.margin, args.canvas, args.position, args.max_size)
    usual = "{stem}_cutout.{ext}" if len(kinds) == 1 else "{stem}_{kind}.{ext}"
    pattern = "{stem}" + file.suffix if file else args.pattern or usual
    return Outputs.parse(kinds, args.fg_estimate, args.background, args.keep_hidden_colours, format, framing, pattern)


def _stream(args: argparse.Namespace, words: list[str]) -> int:
    """Cut out one picture from or to a stream."""
    from matting.prediction import requests
    from matting.prediction.streaming import check_ends, cut_one
    from matting.system import atomic
    from matting.system.streams import bytes_out

    if len(words) != 1:
        raise shared.MattingError("- stands for one picture, and others are named beside it; give it alone")
    source = None if words[0] == requests.STREAM else next(iter(requests.expanded(words)))
    target = None if args.output is None or str(args.output) == requests.STREAM else args.output
    if args.report or (source is not None and (source.is_dir() or source.suffix == ".txt")):
        raise shared.MattingError("a stream is one picture; name a folder for the results of several: -o cutouts")
    if target is not None and not requests.is_file(target):
        raise shared.MattingError(f"{target} is no name for a picture; give it an ending: {target}.png")
    if target is not None and target.exists() and not args.overwrite:
        raise shared.MattingError(f"{target} is there already; --overwrite replaces it")
    outputs = outputs_of(args, target)
    if len(outputs.kinds) > 1:
        raise shared.MattingError(f"a stream holds one picture, and --kind names {len(outputs.kinds)}; name one")
    check_ends(source is None, target is None)
    with bytes_out() as out:
        cutter = cutting.open_cutter(args, outputs.kinds, [source] if source else [])
        content = cut_one(source, args.trimap_path, outputs, cutter.predictor, cutter.drawer)
        if target is None:
            out.write(content)
    if target is not None:
        atomic.write_bytes(target, content)
    return 0


def _watch(args: argparse.Namespace) -> int:
    """Cut out what comes into a folder, until Ctrl-C or SIGTERM."""
    from matting.prediction import requests
    from matting.prediction.failures import Failures
    from matting.prediction.jobs import find_jobs
    from matting.prediction.watching import watch

    if args.inputs:
        raise shared.MattingError(f"--watch names the folder already, and {args.inputs[0]} is named too; leave one out")
    if not args.watch.is_dir():
        raise shared.MattingError(f"--watch {args.watch} is no folder; make it, or name another")
    if requests.is_file(args.output) or str(args.output) == requests.STREAM or args.trimap_path or args.report:
        raise shared.MattingError(
            "--watch writes into a folder, and knows no trimaps and no report; give -o FOLDER alone, or let a network "
            "draw trimaps: --trimap_from"
        )
    outputs, save_dir = outputs_of(args, None), args.output or requests.mirror(args.watch)
    there = find_jobs(args.watch, save_dir=save_dir, unlisted=[], may_be_empty=True)
    requests.check([requests.Request(save_dir, jobs=there)], outputs)
    cutter = cutting.open_cutter(args, outputs.kinds)
    failures = Failures(save_dir, shared.say_skipped)
    written = failed = 0
    say(f"watching {args.watch}, results go to {save_dir}; Ctrl-C ends it")
    try:
        cut = functools.partial(cutting.cut_request, args, save_dir, outputs, cutter)
        for jobs, summary in watch(args.watch, save_dir, cut, failures.tell):
            written, failed = written + summary.written, failed + len(summary.failures)
            for job in jobs:
                say(f"{job.image}: {' '.join(map(str, outputs.paths(save_dir / job.name).values()))}")
    except KeyboardInterrupt:
        say(f"no longer watching {args.watch}: {written} pictures cut out, {failed} could not be")
    return 1 if failed else 0
