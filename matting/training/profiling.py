"""Timing the operators of a few iterations, by the options that PaddleSeg's tools take."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paddle

from matting.errors import MattingError
from matting.registry import nearest

logger = logging.getLogger(__name__)

_DEFAULTS = {
    "batch_range": "[10,20]",
    "state": "All",
    "sorted_key": "total",
    "tracer_option": "Default",
    "profile_path": "profile",
    "exit_on_finished": "True",
}
_STATES = {"CPU": ("CPU",), "GPU": ("GPU",), "All": ("CPU", "GPU")}
_SORTED = {"total": "CPUTotal", "ave": "CPUAvg", "max": "CPUMax", "min": "CPUMin"}
_TRACERS = ("Default", "OpDetail", "AllOpDetail")


def profiler(text: str, save_dir: Path) -> Callable[[int], None]:
    """Return what is called before every iteration, with how many are done, and times those that were asked for.

    When they are over, a table of the operators is printed and a timeline for chrome://tracing into a folder.
    Differs: PaddleSeg's own calls a part of Paddle that is gone since 3.0.

    Args:
        text: `key=value` pairs between semicolons: `batch_range` ([first, end], counted from the iteration that this
            process begins with), `state` (CPU, GPU, All), `sorted_key` (total, ave, max, min), `tracer_option`
            (Default; OpDetail and AllOpDetail list operators within operators), `profile_path` (a folder, relative to
            `save_dir`), `exit_on_finished` (True ends the process then).

    Raises:
        MattingError: a key or a value is none of these.
    """
    options = _parsed(text)
    first, end = _range(options["batch_range"])
    targets = [getattr(paddle.profiler.ProfilerTarget, name) for name in _among(options, "state", _STATES)]
    order = getattr(paddle.profiler.SortedKeys, _among(options, "sorted_key", _SORTED))
    detail = _among(options, "tracer_option", {name: name != "Default" for name in _TRACERS})
    leaves = options["exit_on_finished"].lower() in ("yes", "true", "t", "1")
    usable = [target for target in targets if target.name == "CPU" or paddle.is_compiled_with_cuda()]
    folder = save_dir / options["profile_path"]
    timing = paddle.profiler.Profiler(
        targets=usable or [paddle.profiler.ProfilerTarget.CPU],
        on_trace_ready=paddle.profiler.export_chrome_tracing(str(folder)),
    )
    calls = 0

    def step(_: int) -> None:
        nonlocal calls
        if calls == first:
            timing.start()
        elif first < calls < end:
            timing.step()
        elif calls == end:
            timing.stop()
            timing.summary(sorted_by=order, op_detail=detail)
            logger.info("iterations %d to %d were profiled; the timeline lies in %s", first, end, folder)
            if leaves:
                raise SystemExit(0)
        calls += 1

    return step


def _parsed(text: str) -> dict[str, str]:
    options = dict(_DEFAULTS)
    for pair in filter(None, re.sub(r"\s", "", text).split(";")):
        key, equals, value = pair.partition("=")
        if not equals or key not in options:
            raise MattingError(f"--profiler_options {text!r}: {pair!r} is no option; {nearest(key, list(options))}")
        options[key] = value
    return options


def _range(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"\[?(\d{1,9}),(\d{1,9})\]?", text)
    if not found or int(found[1]) >= int(found[2]):
        raise MattingError(f"--profiler_options: batch_range is {text}; it must be [first,end], such as [10,20]")
    return int(found[1]), int(found[2])


def _among(options: dict[str, str], key: str, known: dict[str, Any]) -> Any:
    if options[key] not in known:
        raise MattingError(f"--profiler_options: {key} is {options[key]!r}; it must be one of {', '.join(known)}")
    return known[options[key]]
