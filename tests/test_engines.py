"""One table says what each engine can do, costs no import, and is what everybody reads."""

from __future__ import annotations

import ast
import importlib.metadata
import itertools
import subprocess
import sys

import pytest

from matting.deployment.loading import Runtime, engine_used
from matting.engines import FILES, table
from matting.errors import MattingError
from tools import ROOT

HELP = """
import importlib, io, sys, contextlib
from matting.__main__ import NAMES
shown = 0
for name in NAMES:
    sys.argv = [name, "--help"]
    with contextlib.redirect_stdout(io.StringIO()) as text, contextlib.suppress(SystemExit):
        importlib.import_module(f"matting.commands.{name}").main()
    shown += "usage:" in text.getvalue()
print(shown == len(NAMES), sorted({"numpy", "cv2", "paddle", "openvino", "onnxruntime"} & set(sys.modules)))
"""


def test_no_command_waits_for_numpy_or_paddle_to_show_its_flags() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "True []\n", done.stdout + done.stderr[-2000:]


@pytest.mark.parametrize("engine", table.TABLE.values(), ids=lambda engine: engine.name)
def test_the_table_is_sound(engine: table.Engine) -> None:
    assert set(engine.precisions) <= set(table.PRECISIONS) and engine.precisions[0] == "fp32"
    assert set(engine.devices) <= set(table.DEVICES) and engine.devices[:2] == ("auto", "cpu")
    assert (engine.name in table.ENGINES) == (engine.file in FILES)
    assert engine.is_installed
    version = importlib.metadata.version(engine.distribution)
    assert engine_used(Runtime(engine.name)) == f"{engine.title} {version}, fp32"


def test_what_an_engine_cannot_do_is_refused_with_those_that_can() -> None:
    for engine, precision, device in itertools.product(table.TABLE.values(), table.PRECISIONS, table.DEVICES):
        if precision in engine.precisions and device in engine.devices:
            engine.check(precision, device)
            assert engine_used(Runtime(engine.name, precision, device)).startswith(engine.title)
            continue
        with pytest.raises(MattingError, match=f"--precision {precision} is done by|use --engine dynamic on {device}"):
            engine.check(precision, device)
        with pytest.raises(MattingError, match=f"--precision {precision} is done by|use --engine dynamic on {device}"):
            engine_used(Runtime(engine.name, precision, device))
    pairs = table.possible(table.ENGINES, table.PRECISIONS)
    assert ("openvino", "bf16") in pairs and ("onnxruntime", "bf16") not in pairs and ("paddle", "int8") not in pairs


def test_nobody_lists_engines_of_their_own() -> None:
    own = set(table.ENGINES) - {"paddle"}
    lists = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "matting").rglob("*.py")
        if "engines" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in own
    ]
    assert lists == []
